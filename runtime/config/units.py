"""Sizes and durations as people write them: `1GiB`, `500MB`, `250ms`, `2h`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import BeforeValidator, PlainSerializer


@dataclass(frozen=True, slots=True)
class UnitName:
    """Marks an annotated type with what the reference calls it."""

    name: str


_BYTES: Final = {
    "": 1, "B": 1,
    "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip
_SECONDS: Final = {
    "": 1.0,
    "us": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "min": 60.0,
    "h": 3600.0,
    "d": 86400.0,
}
_QUANTITY: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)")


def parse_byte_size(value: object) -> int:
    """Return bytes from an integer or a text such as `1GiB`; raise ValueError."""
    number, unit = _split(value, _BYTES, "a size such as 500MB or 1GiB")
    return round(number * _BYTES[unit])


def format_byte_size(size_bytes: int) -> str | int:
    """Return the shortest text that means exactly `size_bytes`; the number itself if none is shorter."""
    for unit in ("TiB", "GiB", "MiB", "KiB", "TB", "GB", "MB", "kB"):
        if size_bytes and size_bytes % _BYTES[unit] == 0:
            return f"{size_bytes // _BYTES[unit]}{unit}"
    return size_bytes


def parse_duration_s(value: object) -> float:
    """Return seconds from a number or a text such as `250ms`; raise ValueError."""
    number, unit = _split(value, _SECONDS, "a duration such as 250ms, 10s or 2h")
    return number * _SECONDS[unit]


def format_duration(duration_s: float) -> str:
    """Return the shortest text that means `duration_s`."""
    for unit in ("d", "h", "min", "s", "ms", "us"):
        count = duration_s / _SECONDS[unit]
        if count >= 1 and abs(count - round(count)) < 1e-9 * count:
            return f"{round(count)}{unit}"
    return f"{duration_s:.9f}".rstrip("0").rstrip(".") + "s"


ByteSize = Annotated[
    int,
    BeforeValidator(parse_byte_size),
    PlainSerializer(format_byte_size, when_used="json"),
    UnitName("size"),
]
"""A number of bytes; add bounds with `Annotated[ByteSize, Field(ge=...)]` or `= Field(default, ge=...)`."""

DurationSeconds = Annotated[
    float,
    BeforeValidator(parse_duration_s),
    PlainSerializer(format_duration, when_used="json"),
    UnitName("duration"),
]
"""A number of seconds."""


def _split(value: object, units: Mapping[str, float], wanted: str) -> tuple[float, str]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not 0 <= value < float("inf"):
            raise ValueError(f"write {wanted}")
        return float(value) if isinstance(value, float) else value, ""
    match = _QUANTITY.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or match[2] not in units:
        raise ValueError(f"write {wanted}")
    return float(match[1]) if "." in match[1] else int(match[1]), match[2]
