import torch
from torch import nn

from shared_models.layers.slimmable_conv import SlimmableConv2d


def test_a_width_computes_with_the_leading_channels_of_the_widest() -> None:
    conv = SlimmableConv2d([(2, 3), (4, 6)], 3, stride=2)
    plain = nn.Conv2d(2, 3, 3, 2, 1)
    plain.load_state_dict({"weight": conv.widest.weight[:3, :2], "bias": torch.zeros(3)})
    x = torch.randn(2, 2, 8, 10)
    torch.testing.assert_close(conv(x, 0), plain(x))


def test_every_width_halves_the_sides_at_stride_two() -> None:
    conv = SlimmableConv2d([(2, 3), (4, 6)], 3, stride=2)
    shapes = [tuple(conv(torch.randn(1, C, 8, 10), i).shape) for i, (C, _) in enumerate(conv.widths)]
    assert shapes == [(1, 3, 4, 5), (1, 6, 4, 5)]


def test_training_one_width_leaves_the_channels_beyond_it_alone() -> None:
    conv = SlimmableConv2d([(2, 3), (4, 6)], 1)
    conv(torch.randn(1, 2, 4, 4), 0).sum().backward()
    gradient = conv.widest.weight.grad
    assert gradient is not None
    assert gradient[3:].abs().sum() == 0
    assert gradient[:, 2:].abs().sum() == 0
