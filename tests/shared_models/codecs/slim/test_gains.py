import torch

from shared_models.codecs.slim.gains import GainTable, interpolation_weights

ANCHORS = (0, 20, 40, 60, 80, 100)


def test_an_anchor_is_its_own_weight() -> None:
    quality = torch.tensor([float(a) for a in ANCHORS])
    torch.testing.assert_close(interpolation_weights(quality, ANCHORS), torch.eye(len(ANCHORS)))


def test_weights_of_any_quality_add_up_to_one() -> None:
    weights = interpolation_weights(torch.linspace(0, 100, 333), ANCHORS)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(333))
    assert (weights >= 0).all()


def test_the_table_holds_what_the_gains_are_at_whole_qualities() -> None:
    gains = GainTable(3, ANCHORS)
    torch.nn.init.normal_(gains.log_gain)
    at_qualities = gains(torch.arange(101.0)).flatten(1).log()
    torch.testing.assert_close(gains.table(), at_qualities.detach())


def test_a_higher_quality_never_quantises_a_channel_more_coarsely() -> None:
    gains = GainTable(5, ANCHORS)
    torch.nn.init.normal_(gains.log_gain)
    assert (gains.table().diff(dim=0) >= -1e-6).all()  # but for rounding
