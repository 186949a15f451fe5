"""Sizes and durations as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.config.units import format_byte_size, format_duration, parse_byte_size, parse_duration_s


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("1GiB", 2**30),
        ("500MB", 500_000_000),
        ("0.5 KiB", 512),
        ("7", 7),
        (7, 7),
        ("64kB", 64_000),
        (" 2 TB ", 2 * 10**12),
    ],
)
def test_sizes_mean_what_they_say(text: str | int, size_bytes: int) -> None:
    assert parse_byte_size(text) == size_bytes


@pytest.mark.parametrize(
    ("text", "duration_s"),
    [
        ("250ms", 0.25),
        ("10s", 10.0),
        ("2h", 7200.0),
        ("5min", 300.0),
        ("1d", 86400.0),
        (3, 3.0),
        (0.5, 0.5),
        ("80us", 8e-5),
    ],
)
def test_durations_mean_what_they_say(text: str | float, duration_s: float) -> None:
    assert parse_duration_s(text) == pytest.approx(duration_s)


@pytest.mark.parametrize(
    "value", ["-1", "1 gigabyte", "GiB", "", "1e3MB", True, None, [1], -1, float("nan"), float("inf")]
)
def test_anything_else_is_refused_with_an_example(value: object) -> None:
    with pytest.raises(ValueError, match="such as 500MB"):
        parse_byte_size(value)
    with pytest.raises(ValueError, match="such as 250ms"):
        parse_duration_s(value)


@given(st.integers(0, 2**50))
def test_a_size_reads_back_as_it_was_shown(size_bytes: int) -> None:
    assert parse_byte_size(format_byte_size(size_bytes)) == size_bytes


@given(st.floats(1e-6, 1e7))
def test_a_duration_reads_back_nearly_as_it_was_shown(duration_s: float) -> None:
    assert parse_duration_s(format_duration(duration_s)) == pytest.approx(duration_s, rel=1e-5)
