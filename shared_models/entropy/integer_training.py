"""The torch half of the integer networks: float parameters that compute with the integers they will become.

Every forward pass rounds weights and biases, floors and clips as the frozen network will, and passes
gradients straight through, so that there is no float network to convert and nothing is lost at export.

Activations stand for real numbers: an integer a in a layer of unit A means a / A.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shared_models.entropy.integer_layers import IntegerConv, IntegerLayers

WEIGHT_MAX: Final = 127
HIDDEN_UNIT: Final = 32
HIDDEN_MAX: Final = 255


def round_through(x: Tensor) -> Tensor:
    """Round, with the gradient of the identity."""
    return x + (x.round() - x).detach()


def floor_through(x: Tensor) -> Tensor:
    """Floor, with the gradient of the identity."""
    return x + (x.floor() - x).detach()


def clip_through(x: Tensor, lowest: float, highest: float) -> Tensor:
    """Clip, with the gradient of the identity, so that a parameter can come back from beyond."""
    return x + (x.clamp(lowest, highest) - x).detach()


@dataclass(frozen=True, slots=True)
class OutputRange:
    """What a layer's outputs are: real numbers times `unit`, floored, within lowest..highest."""

    unit: int
    lowest: int
    highest: int


HIDDEN: Final = OutputRange(HIDDEN_UNIT, 0, HIDDEN_MAX)


class TrainedConv(nn.Module):
    """A convolution that is trained in floats and computes in integers."""

    def __init__(
        self, channels: tuple[int, int], kernel_size: int, input_unit: int, output: OutputRange, shift: int
    ) -> None:
        """Take (C_in, C_out); a real weight w becomes the integer w * 2^shift * output.unit / input_unit."""
        super().__init__()
        self.output, self.shift = output, shift
        self.weight_unit = 2.0**shift * output.unit / input_unit
        self.bias_unit = 2.0**shift * output.unit
        self.weight = nn.Parameter(torch.empty(channels[1], channels[0], kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(channels[1]))
        nn.init.kaiming_normal_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) integers -> (B, C_out, H, W) integers, both as float32."""
        weight, bias = self._integers()
        sums = F.conv2d(x, weight, bias, padding=weight.shape[2] // 2)
        return floor_through(sums * 2.0**-self.shift).clamp(self.output.lowest, self.output.highest)

    def freeze(self) -> IntegerConv:
        """Give the integers that `forward` computes with."""
        weight, bias = self._integers()
        return IntegerConv(
            weight.detach().cpu().numpy().astype(np.int8),
            bias.detach().cpu().numpy().astype(np.int32),
            self.shift,
            self.output.lowest,
            self.output.highest,
        )

    def _integers(self) -> tuple[Tensor, Tensor]:
        return self._rounded(self.weight, self.bias)

    def _rounded(self, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        whole = round_through(weight * self.weight_unit)
        return clip_through(whole, -WEIGHT_MAX, WEIGHT_MAX), round_through(bias * self.bias_unit)


class TrainedLayers(nn.Sequential):
    """A chain of trained convolutions over inputs of one range."""

    def __init__(self, convolutions: Sequence[TrainedConv], lowest: int, highest: int) -> None:
        """Take the layers in order and the range of their inputs."""
        super().__init__(*convolutions)
        self.lowest, self.highest = lowest, highest

    def freeze(self) -> IntegerLayers:
        """Give the integer network; raise ModelError, naming the channel, if it is not provably exact."""
        layers = tuple(layer.freeze() for layer in self if isinstance(layer, TrainedConv))
        return IntegerLayers(layers, self.lowest, self.highest)
