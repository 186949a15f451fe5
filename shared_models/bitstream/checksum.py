"""CRC-32C (Castagnoli, RFC 3720 appendix B.4) over bytes and over symbols."""

import google_crc32c
import numpy as np
from numpy.typing import NDArray


def crc32c(data: bytes) -> int:
    """Return the CRC-32C of `data`, 0 to 2^32-1."""
    return int(google_crc32c.value(data))


def symbols_crc32c(symbols: NDArray[np.int16]) -> int:
    """Return the CRC-32C of int16 symbols of any shape, in C order, as little-endian bytes.

    Only int16 is accepted (TypeError): another width would give another sum for the same integers.
    """
    if symbols.dtype.newbyteorder("=") != np.int16:
        raise TypeError(f"symbols are int16 and these are {symbols.dtype}")
    return crc32c(symbols.astype("<i2", order="C", copy=False).tobytes())
