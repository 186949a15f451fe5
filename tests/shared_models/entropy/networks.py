"""Small integer networks and symbols for the tests of this folder."""

import numpy as np
from numpy.typing import NDArray

from shared_models.entropy.integer_layers import IntegerConv, IntegerLayers

LAYER_CHANNELS = ((9, 24), (24, 16), (16, 10))
KERNELS = (3, 1, 3)


def random_network(seed: int = 0) -> IntegerLayers:
    """Three layers that use their ranges: sums reach a few per cent of the exact limit."""
    rng = np.random.default_rng(seed)
    ranges = ((7, 0, 255), (8, 0, 255), (8, -128, 127))
    layers = [
        IntegerConv(
            rng.integers(-127, 128, (C_out, C_in, k, k)).astype(np.int8),
            rng.integers(-5000, 5000, C_out).astype(np.int32),
            *settings,
        )
        for (C_in, C_out), k, settings in zip(LAYER_CHANNELS, KERNELS, ranges, strict=True)
    ]
    return IntegerLayers(tuple(layers), -127, 127)


def random_inputs(shape: tuple[int, ...], seed: int = 0) -> NDArray[np.int16]:
    """(B, 9, H, W) inputs over the whole range."""
    return np.random.default_rng(seed).integers(-127, 128, shape).astype(np.int16)


def correlated_symbols(shape: tuple[int, int, int], scale: float, seed: int) -> NDArray[np.int16]:
    """(C, H, W) symbols whose neighbours and channels resemble each other, as latents do."""
    rng = np.random.default_rng(seed)
    C, H, W = shape
    field = rng.normal(size=(C, H + 2, W + 2))
    windows = [field[:, i : i + H, j : j + W] for i in range(3) for j in range(3)]
    smooth = np.sum(windows, axis=0) / 3.0
    smooth[1::2] = 0.6 * smooth[1::2] + 0.4 * smooth[: 2 * (C // 2) : 2]
    loudness = np.exp(rng.normal(size=(1, H, W)) * 0.3)
    symbols: NDArray[np.int16] = np.rint(scale * loudness * smooth).astype(np.int16)
    return symbols
