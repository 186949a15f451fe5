import torch

from shared_models.bridges.classifier_teacher import LESSON_SHAPES
from shared_models.bridges.latent_classifier import TailMaps
from shared_models.training.tail_guides import MAPS, TailGuides


def lesson() -> dict[str, torch.Tensor]:
    return {name: torch.randn(4, *LESSON_SHAPES[name]) for name in MAPS}


def test_the_teachers_own_maps_have_no_error_and_their_mean_has_one_of_one() -> None:
    guides, taught = TailGuides(16), lesson()
    guides.calibrate(taught)
    middle = torch.zeros(4, 16, 7, 7)
    errors = guides.errors(TailMaps(middle, taught["last"], taught["wide"]), taught)
    assert errors["last"].item() == errors["wide"].item() == 0
    means = [taught[name].mean(dim=(0, 2, 3), keepdim=True).expand_as(taught[name]) for name in MAPS]
    errors = guides.errors(TailMaps(middle, means[1], means[2]), taught)
    torch.testing.assert_close(errors["last"], torch.tensor(1.0), rtol=0.02, atol=0)


def test_a_lesson_may_leave_out_maps_and_have_any_size() -> None:
    guides = TailGuides(16)
    maps = TailMaps(*(torch.randn(4, channels, 9, 9) for channels in (16, 320, 1280)))
    assert list(guides.errors(maps, {"last": torch.randn(4, 320, 9, 9)})) == ["last"]
