"""Integer convolutions: the only arithmetic that an entropy decoder's networks may do.

A layer computes clip(floor((sum of w * a + b) * 2^-shift), lowest, highest) over integers. Export and loading
prove for every output channel that sum |w| * max |a| + |b| < 2^24. Every partial sum is then an exact float32
integer, so that the order of summation, fused multiply-adds, threads and memory layout cannot change a
result, and a float32 backend gives the same integers as the int32 loop in this file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from shared_models.entropy.stored_arrays import stored_array
from shared_models.errors import ModelError

EXACT_LIMIT: Final = 1 << 24  # float32 holds every integer below this
SHIFT_MAX: Final = 23
LAYERS_MAX: Final = 16
KERNEL_MAX: Final = 7


@dataclass(frozen=True, slots=True)
class IntegerConv:
    """A convolution with stride 1 and zero padding that keeps height and width.

    weight (C_out, C_in, k, k) int8 with odd k, bias (C_out,) int32; outputs lie in lowest..highest.
    """

    weight: NDArray[np.int8]
    bias: NDArray[np.int32]
    shift: int
    lowest: int
    highest: int

    def accumulator_bounds(self, input_magnitude: int) -> NDArray[np.int64]:
        """Give sum |w| * max |a| + |b| for every output channel."""
        magnitudes: NDArray[np.int64] = np.abs(self.weight.astype(np.int64)).sum(axis=(1, 2, 3))
        return magnitudes * input_magnitude + np.abs(self.bias.astype(np.int64))


@dataclass(frozen=True, slots=True)
class IntegerLayers:
    """A chain of integer convolutions over inputs in lowest..highest, proven exact when it is made."""

    layers: tuple[IntegerConv, ...]
    lowest: int
    highest: int

    def __post_init__(self) -> None:
        """Raise ModelError unless the layers fit each other and no accumulator can leave the exact range."""
        if not 1 <= len(self.layers) <= LAYERS_MAX:
            raise ModelError(
                f"an integer network of {len(self.layers)} layers: it must have 1 to {LAYERS_MAX}"
            )
        magnitude = max(abs(self.lowest), abs(self.highest))
        channels = self.layers[0].weight.shape[1]
        for number, layer in enumerate(self.layers):
            _check_layer(layer, number, channels)
            bounds = layer.accumulator_bounds(magnitude)
            if bounds.max() >= EXACT_LIMIT:
                channel = int(bounds.argmax())
                raise ModelError(
                    f"integer layer {number}, output channel {channel}: its sum can reach {bounds[channel]}, "
                    f"and float32 is exact only below {EXACT_LIMIT}; shrink its weights"
                )
            magnitude = max(abs(layer.lowest), abs(layer.highest))
            channels = layer.weight.shape[0]

    @property
    def input_channels(self) -> int:
        """Channels that the first layer takes."""
        return int(self.layers[0].weight.shape[1])

    @property
    def output_channels(self) -> int:
        """Channels that the last layer gives."""
        return int(self.layers[-1].weight.shape[0])

    def run(self, inputs: NDArray[np.integer[Any]] | NDArray[np.float32]) -> NDArray[np.int32]:
        """(B, C_in, H, W) integers, of any type -> (B, C_out, H, W) int32, in integer arithmetic alone."""
        activations = np.ascontiguousarray(inputs.transpose(0, 2, 3, 1), np.int32)  # (B, H, W, C)
        for layer in self.layers:
            weight = np.ascontiguousarray(layer.weight.transpose(2, 3, 1, 0), np.int32)  # (k, k, C_in, C_out)
            activations = _convolve(activations, weight, layer.bias, layer.shift, layer.lowest, layer.highest)
        return np.ascontiguousarray(activations.transpose(0, 3, 1, 2))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Give the arrays that a package stores; `from_arrays` takes them back."""
        settings = [[layer.shift, layer.lowest, layer.highest] for layer in self.layers]
        arrays: dict[str, NDArray[Any]] = {
            "range": np.array([self.lowest, self.highest], np.int32),
            "settings": np.array(settings, np.int32),
        }
        for number, layer in enumerate(self.layers):
            arrays[f"weight_{number}"] = layer.weight
            arrays[f"bias_{number}"] = layer.bias
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Take what `to_arrays` gave, from a file; raise ModelError if it is not a provably exact network."""
        lowest, highest = stored_array(arrays, "range", np.int32, (2,)).tolist()
        settings = stored_array(arrays, "settings", np.int32, (None, 3))
        if len(settings) > LAYERS_MAX:
            raise ModelError(f"an integer network of {len(settings)} layers: it may have {LAYERS_MAX}")
        layers = [
            IntegerConv(
                stored_array(arrays, f"weight_{number}", np.int8, (None,) * 4),
                stored_array(arrays, f"bias_{number}", np.int32, (None,)),
                *(int(value) for value in row),
            )
            for number, row in enumerate(settings)
        ]
        return cls(tuple(layers), lowest, highest)


def _check_layer(layer: IntegerConv, number: int, channels: int) -> None:
    C_out, C_in, height, width = layer.weight.shape
    if C_in != channels or C_out < 1 or layer.bias.shape != (C_out,):
        raise ModelError(
            f"integer layer {number} takes {C_in} channels after {channels}, with {layer.bias.size} biases"
        )
    if height != width or height % 2 == 0 or height > KERNEL_MAX:
        raise ModelError(
            f"integer layer {number} has a {height}x{width} kernel: it must be 1, 3, 5 or 7 square"
        )
    if not 0 <= layer.shift <= SHIFT_MAX or layer.lowest >= layer.highest:
        raise ModelError(
            f"integer layer {number} shifts by {layer.shift} into {layer.lowest}..{layer.highest}"
        )


@njit(cache=True, nogil=True, error_model="numpy")
def _convolve(  # noqa: PLR0917 - numba takes arrays, not objects
    activations: NDArray[np.int32],
    weight: NDArray[np.int32],
    bias: NDArray[np.int32],
    shift: int,
    lowest: int,
    highest: int,
) -> NDArray[np.int32]:
    """(B, H, W, C_in) -> (B, H, W, C_out): a direct convolution that skips zeros, which most symbols are."""
    B, H, W, C_in = activations.shape
    k, C_out = weight.shape[0], weight.shape[3]
    out = np.empty((B, H, W, C_out), np.int32)
    sums = np.empty(C_out, np.int32)
    for n in range(B):
        for y in range(H):
            for x in range(W):
                sums[:] = bias
                for i in range(max(0, k // 2 - y), min(k, H + k // 2 - y)):
                    for j in range(max(0, k // 2 - x), min(k, W + k // 2 - x)):
                        for c in range(C_in):
                            a = activations[n, y + i - k // 2, x + j - k // 2, c]
                            if a != 0:
                                for o in range(C_out):
                                    sums[o] += a * weight[i, j, c, o]
                for o in range(C_out):
                    out[n, y, x, o] = min(max(sums[o] >> shift, lowest), highest)
    return out
