import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_models.bitstream.cursor import Cursor, varint
from shared_models.errors import MalformedError, TruncatedError


@given(value=st.integers(0, 2**64 - 1))
def test_a_varint_comes_back_as_written(value: int) -> None:
    cursor = Cursor(varint(value))
    assert cursor.varint("a value") == value
    assert cursor.left == 0


@given(value=st.integers(0, 2**64 - 1), data=st.data())
def test_a_cut_varint_is_truncated(value: int, data: st.DataObject) -> None:
    written = varint(value)
    kept = data.draw(st.integers(0, len(written) - 1))
    with pytest.raises(TruncatedError):
        Cursor(written[:kept]).varint("a value")


@pytest.mark.parametrize(
    "octets",
    [b"\x80\x00", b"\xff\x80\x00", b"\xff" * 9 + b"\x02", b"\x80" * 10 + b"\x01", b"\xff" * 11],
    ids=["padded zero", "padded", "2^64 and more", "eleven bytes", "endless"],
)
def test_a_varint_that_is_not_the_shortest_or_too_large_is_malformed(octets: bytes) -> None:
    with pytest.raises(MalformedError, match="shortest-form"):
        Cursor(octets).varint("a value")


@pytest.mark.parametrize("value", [-1, 2**64])
def test_a_value_beyond_64_bits_cannot_be_written(value: int) -> None:
    with pytest.raises(ValueError, match="varint"):
        varint(value)


def test_a_truncated_read_says_what_was_wanted_and_where() -> None:
    cursor = Cursor(b"abcde", start=1, end=4)
    cursor.take(2, "two bytes")
    with pytest.raises(TruncatedError, match=r"the length needs 4 bytes and only 1 are left \(at byte 3\)"):
        cursor.uint(4, "the length")


def test_numbers_are_little_endian() -> None:
    assert Cursor(b"\x01\x02\x03\x04").uint(4, "a number") == 0x04030201
