import torch

from shared_models.training.guidance import VARIANCE_MIN, Guidance, channel_variances

TEACHER = {"P4": torch.randn(6, 4, 5, 7, generator=torch.Generator().manual_seed(0))}


def test_the_teachers_own_features_are_no_error() -> None:
    guidance = Guidance(TEACHER, channel_variances(TEACHER), share=0.0)
    guidance("P4", TEACHER["P4"])
    assert guidance.errors["P4"] == 0


def test_the_mean_of_a_channel_is_an_error_of_about_one() -> None:
    guidance = Guidance(TEACHER, channel_variances(TEACHER), share=0.0)
    guidance("P4", TEACHER["P4"].mean(dim=(0, 2, 3), keepdim=True).expand(6, 4, 5, 7))
    torch.testing.assert_close(guidance.errors["P4"], torch.tensor(1.0), rtol=0.01, atol=0)


def test_later_stages_take_the_teachers_features_for_the_share_of_pictures() -> None:
    torch.manual_seed(0)
    own = torch.zeros(6, 4, 5, 7)
    for share, expected in ((0.0, {0.0}), (1.0, {1.0}), (0.5, {0.0, 1.0})):
        passed = Guidance(TEACHER, channel_variances(TEACHER), share)("P4", own)
        whose = [
            float((picture == teacher).all()) for picture, teacher in zip(passed, TEACHER["P4"], strict=True)
        ]
        assert set(whose) == expected


def test_guided_pictures_count_in_the_error_as_well() -> None:
    guidance = Guidance(TEACHER, channel_variances(TEACHER), share=1.0)
    own = torch.zeros(6, 4, 5, 7, requires_grad=True)
    guidance("P4", own)
    guidance.errors["P4"].backward()  # type: ignore[no-untyped-call]
    assert own.grad is not None
    assert (own.grad != 0).all()


def test_a_still_channel_does_not_rule() -> None:
    features = torch.cat([torch.zeros(2, 1, 3, 3), torch.randn(2, 3, 3, 3)], dim=1)
    variances = channel_variances({"N3": features})["N3"]
    mean = features.var(dim=(0, 2, 3)).mean()
    torch.testing.assert_close(variances[0], VARIANCE_MIN * mean)
