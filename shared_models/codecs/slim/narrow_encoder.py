"""One width of the slimmable encoder as the network a camera runs."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shared_models.codecs.slim.onnx_parts import OnnxPart
from shared_models.codecs.slim.transforms import PIXEL_MEAN, PIXEL_SCALE, Encoder
from shared_models.layers.residual import SlimmableBottleneck
from shared_models.layers.slimmable_conv import SlimmableConv2d

ENTER_STRIDE = 4


class NarrowBottleneck(nn.Module):
    """One width of a `SlimmableBottleneck`."""

    def __init__(self, block: SlimmableBottleneck, width_index: int) -> None:
        """Copy the weights of one width."""
        super().__init__()
        self.reduce = narrow_conv(block.reduce, width_index)
        self.spatial = narrow_conv(block.spatial, width_index)
        self.expand = narrow_conv(block.expand, width_index)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        out: Tensor = x + self.expand(F.relu(self.spatial(F.relu(self.reduce(x)))))
        return F.relu(out)


class NarrowEncoder(nn.Module):
    """One width of an `Encoder`, as a camera runs it: plain convolutions, pixel scaling folded in.

    Space-to-depth and the 1x1 convolution behind it are one 4x4 convolution of stride 4.
    """

    def __init__(self, encoder: Encoder, width_index: int) -> None:
        """Copy the weights of one width."""
        super().__init__()
        layers = [
            entering_conv(encoder.enter, width_index),
            nn.ReLU(),
            narrow_conv(encoder.to_8, width_index),
            nn.ReLU(),
            NarrowBottleneck(encoder.at_8, width_index),
            narrow_conv(encoder.to_16, width_index),
            nn.ReLU(),
        ]
        for block in encoder.at_16:
            assert isinstance(block, SlimmableBottleneck)
            layers.append(NarrowBottleneck(block, width_index))
        self.layers = nn.Sequential(*layers, narrow_conv(encoder.leave, width_index))

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, 16h, 16w) RGB in [0, 1] -> y (B, 64, h, w)."""
        y: Tensor = self.layers(x)
        return y


@torch.no_grad()
def narrow_conv(conv: SlimmableConv2d, width_index: int) -> nn.Conv2d:
    """Copy one width of `conv` into a plain convolution."""
    weight, bias = conv.sliced(width_index)
    C_out, C_in, size, _ = weight.shape
    narrow = nn.Conv2d(C_in, C_out, size, conv.widest.stride, size // 2)  # type: ignore[arg-type]  # a pair
    narrow.weight.copy_(weight)
    assert narrow.bias is not None
    assert bias is not None
    narrow.bias.copy_(bias)
    return narrow


@torch.no_grad()
def entering_conv(conv: SlimmableConv2d, width_index: int) -> nn.Conv2d:
    """Join pixel scaling, space-to-depth and the 1x1 convolution `conv` into one convolution."""
    weight, bias = conv.sliced(width_index)
    assert bias is not None
    entering = nn.Conv2d(3, weight.shape[0], ENTER_STRIDE, ENTER_STRIDE)
    assert entering.bias is not None
    entering.weight.copy_(weight.view(-1, 3, ENTER_STRIDE, ENTER_STRIDE) * PIXEL_SCALE)
    entering.bias.copy_(bias - weight.sum(dim=(1, 2, 3)) * PIXEL_SCALE * PIXEL_MEAN)
    return entering


def encoder_part(encoder: Encoder, width_index: int, width_name: str) -> OnnxPart:
    """Return one width as a part, x -> y, named as in `encoder_w025`."""
    name = f"encoder_w{round(100 * float(width_name)):03d}"
    return OnnxPart(name, NarrowEncoder(encoder, width_index), {"x": torch.rand(1, 3, 64, 96)}, "y")
