"""Arrays as a package stores them: named by prefix, and checked before anything believes them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared_models.errors import ModelError


def under(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    """Give the arrays whose name begins with `prefix/`, without it."""
    start = f"{prefix}/"
    return {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}


def stored_array(
    arrays: Mapping[str, NDArray[Any]], name: str, dtype: type[np.generic], shape: tuple[int | None, ...]
) -> NDArray[Any]:
    """Give array `name`; raise ModelError unless it has this dtype and this shape, None being any size."""
    array = arrays.get(name)
    if array is None:
        raise ModelError(f"the model lacks the array {name!r}: its package is incomplete")
    fits = array.ndim == len(shape) and all(
        wanted is None or size == wanted for size, wanted in zip(array.shape, shape, strict=True)
    )
    if array.dtype != dtype or not fits:
        raise ModelError(f"the model's array {name!r} is {array.dtype} {array.shape}: its package is damaged")
    return np.ascontiguousarray(array)
