"""A context model without context: one pass, and one Gaussian table per channel and quality."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared_models.entropy.context import FORMAT_VERSION, FRACTION_BITS, QUALITY_ROWS, StoredContext
from shared_models.entropy.gaussian_tables import ScaleLadder
from shared_models.entropy.group_map import GroupMap
from shared_models.entropy.tables import TableSet


def factorised_context(name: str, scales: NDArray[np.floating]) -> StoredContext:
    """Code every symbol by the deviation `scales` (101, C), in symbols, of its channel at its quality."""
    if scales.ndim != 2 or scales.shape[0] != QUALITY_ROWS:
        raise ValueError(f"scales must be ({QUALITY_ROWS}, C), not {scales.shape}")
    channels = scales.shape[1]
    ladder = ScaleLadder(mean_bits=0)
    group_map = GroupMap(np.zeros((channels, 2, 2), np.uint8))
    units = np.full((QUALITY_ROWS, channels), 1 << FRACTION_BITS, np.int32)
    index = np.repeat(ladder.level_of(scales.astype(np.float64)), 4, axis=1)  # (101, members)
    tables = {
        f"tables/{key}": array for key, array in TableSet.from_tables(ladder.tables()).to_arrays().items()
    }
    arrays: dict[str, NDArray[Any]] = {
        "group_map": group_map.passes,
        "settings": np.array([FORMAT_VERSION, ladder.levels, ladder.mean_bits, 0], np.int32),
        "into": units,
        "out_of": units,
        "level_offset": np.zeros(units.shape, np.int16),
        "condition": np.empty((QUALITY_ROWS, 0), np.int32),
        **tables,
    }
    named = {f"{name}/{key}": array for key, array in arrays.items()}
    return StoredContext({**named, f"{name}_0/static_index": index.astype(np.uint16)}, {}, {})
