"""Known answers: inputs and the integers that every backend must give for them, stored beside a network."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from shared_models.entropy.integer_layers import IntegerLayers
from shared_models.errors import ModelError

_SHAPE: Final = (1, 6, 9)  # batch, height, width: neither is a multiple of the tiles of fast convolutions
_SPARSE_SHAPE: Final = (2, 8, 8)  # a batch of whole tiles


@dataclass(frozen=True, slots=True)
class KnownAnswers:
    """Pairs of inputs (B, C_in, H, W) and outputs (B, C_out, H, W), in the smallest types that hold them."""

    pairs: tuple[tuple[NDArray[np.integer[Any]], NDArray[np.integer[Any]]], ...]

    @classmethod
    def of(cls, network: IntegerLayers, seed: int = 0) -> Self:
        """Make answers from noise, sparse symbols, and extremes that drive the sums towards their bound."""
        rng = np.random.default_rng(seed)
        size = (_SHAPE[0], network.input_channels, *_SHAPE[1:])
        sparse_size = (_SPARSE_SHAPE[0], network.input_channels, *_SPARSE_SHAPE[1:])
        noise = rng.integers(network.lowest, network.highest + 1, size)
        small = np.clip(rng.integers(-3, 4, sparse_size), network.lowest, network.highest)
        sparse = np.where(rng.random(sparse_size) < 0.1, small, 0)
        weight = network.layers[0].weight.astype(np.int64)
        favoured = weight[rng.integers(len(weight))].sum(axis=(1, 2)) > 0  # (C_in,): the signs that add up
        extreme = np.where(favoured[:, None, None], network.highest, network.lowest)
        inputs = (noise, sparse, np.broadcast_to(extreme, size))
        return cls(tuple((_smallest(each), _smallest(network.run(each))) for each in inputs))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Give the arrays that a package stores; `from_arrays` takes them back."""
        arrays: dict[str, NDArray[Any]] = {}
        for number, (inputs, outputs) in enumerate(self.pairs):
            arrays[f"inputs_{number}"] = inputs
            arrays[f"outputs_{number}"] = outputs
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Take what `to_arrays` gave, from a file; raise ModelError if it holds no complete pair."""
        count = len(arrays) // 2
        names = {f"{kind}_{number}" for kind in ("inputs", "outputs") for number in range(count)}
        if not count or set(arrays) != names:
            raise ModelError(f"the known answers are {sorted(arrays)}, not pairs of inputs and outputs")
        return cls(
            tuple((arrays[f"inputs_{number}"], arrays[f"outputs_{number}"]) for number in range(count))
        )


def _smallest(array: NDArray[np.integer[Any]]) -> NDArray[np.integer[Any]]:
    """Give the same integers in the smallest signed type that holds them."""
    for dtype in (np.int8, np.int16):
        limits = np.iinfo(dtype)
        if limits.min <= array.min() and array.max() <= limits.max:
            return np.ascontiguousarray(array, dtype)
    return np.ascontiguousarray(array, np.int32)
