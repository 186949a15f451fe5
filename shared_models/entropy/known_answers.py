"""Known answers: inputs and the integers that every backend must give for them, stored beside a network."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from shared_models.entropy.integer_layers import IntegerLayers
from shared_models.errors import ModelError

# Sizes on both sides of the tiles that fast convolutions use, and one batch.
_SHAPES: Final = ((1, 1, 1), (1, 5, 9), (3, 8, 8))


@dataclass(frozen=True, slots=True)
class KnownAnswers:
    """Pairs of inputs (B, C_in, H, W) int16 and outputs (B, C_out, H, W) int32."""

    pairs: tuple[tuple[NDArray[np.int16], NDArray[np.int32]], ...]

    @classmethod
    def of(cls, network: IntegerLayers, seed: int = 0) -> Self:
        """Make answers from noise, sparse symbols, and extremes that drive the sums towards their bound."""
        rng = np.random.default_rng(seed)
        first = network.layers[0].weight.astype(np.int64)
        pairs = []
        for shape in _SHAPES:
            size = (shape[0], network.input_channels, *shape[1:])
            noise = rng.integers(network.lowest, network.highest + 1, size)
            sparse = np.where(
                rng.random(size) < 0.1, np.clip(rng.integers(-3, 4, size), network.lowest, None), 0
            )
            favoured = first[rng.integers(len(first))].sum(axis=(1, 2)) > 0  # (C_in,): the signs that add up
            extreme = np.where(favoured[:, None, None], network.highest, network.lowest)
            for inputs in (noise, sparse, np.broadcast_to(extreme, size)):
                kept = np.ascontiguousarray(inputs, np.int16)
                pairs.append((kept, network.run(kept)))
        return cls(tuple(pairs))

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
