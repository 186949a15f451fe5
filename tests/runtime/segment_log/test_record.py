"""The bytes of records and segment headers."""

from hypothesis import given
from hypothesis import strategies as st

from runtime.segment_log.record import (
    Record,
    decode_header,
    decode_seal,
    encode_record,
    encode_seal,
)
from runtime.segment_log.segment_header import (
    SEGMENT_HEADER_BYTES,
    SegmentHeader,
    decode_segment_header,
    encode_segment_header,
)

records = st.builds(
    Record,
    record_type=st.integers(0, 254),
    payload=st.binary(max_size=300),
    importance=st.integers(0, 255),
    key=st.binary(max_size=40),
)
seeds = st.integers(0, 2**32 - 1)
offsets = st.integers(0, 2**40)
headers = st.builds(
    SegmentHeader,
    number=st.integers(0, 2**63),
    importance=st.integers(0, 255),
    salt=st.integers(0, 2**64 - 1),
    created_ns=st.integers(0, 2**63),
)


def write(record: Record, seed: int, offset: int) -> bytes:
    return b"".join(encode_record(record, seed, offset))


@given(records, seeds, offsets)
def test_a_record_reads_back_as_it_was_written(record: Record, seed: int, offset: int) -> None:
    data = write(record, seed, offset)
    header = decode_header(data + b"what follows", seed, offset)
    assert header is not None
    assert (header.record_type, header.importance, header.key) == (
        record.record_type,
        record.importance,
        record.key,
    )
    assert header.size_bytes == len(data)
    assert header.accepts(data[header.payload_start :])


@given(records, seeds, offsets, st.integers(1, 2**20))
def test_a_record_counts_only_at_its_own_offset(
    record: Record, seed: int, offset: int, distance: int
) -> None:
    assert decode_header(write(record, seed, offset), seed, offset + distance) is None


@given(records, seeds, offsets, st.integers(1, 2**32 - 1))
def test_a_record_counts_only_in_its_own_segment(
    record: Record, seed: int, offset: int, difference: int
) -> None:
    assert decode_header(write(record, seed, offset), seed ^ difference, offset) is None


@given(records, seeds, offsets, st.data())
def test_a_flipped_bit_never_goes_unnoticed(
    record: Record, seed: int, offset: int, data: st.DataObject
) -> None:
    image = bytearray(write(record, seed, offset))
    position = data.draw(st.integers(0, len(image) * 8 - 1))
    image[position // 8] ^= 1 << position % 8
    header = decode_header(bytes(image), seed, offset)
    assert header is None or not header.accepts(bytes(image[header.payload_start :]))


@given(records, seeds, offsets, st.data())
def test_a_record_cut_short_is_never_taken_for_whole(
    record: Record, seed: int, offset: int, data: st.DataObject
) -> None:
    image = write(record, seed, offset)
    cut = image[: data.draw(st.integers(0, len(image) - 1))]
    header = decode_header(cut, seed, offset)
    assert header is None or not header.accepts(cut[header.payload_start :])


@given(st.binary(max_size=200), seeds, offsets)
def test_any_bytes_decode_without_an_exception(data: bytes, seed: int, offset: int) -> None:
    decode_header(data, seed, offset)
    decode_seal(data, seed, offset)
    decode_segment_header(data)


@given(st.integers(0, 2**63), st.integers(0, 255), seeds, offsets)
def test_a_seal_tells_how_many_records_it_closes(count: int, importance: int, seed: int, offset: int) -> None:
    assert decode_seal(encode_seal(count, importance, seed, offset), seed, offset) == count


@given(headers, st.integers(0, SEGMENT_HEADER_BYTES * 8 - 1))
def test_a_segment_header_survives_any_flipped_bit(header: SegmentHeader, position: int) -> None:
    image = bytearray(encode_segment_header(header))
    image[position // 8] ^= 1 << position % 8
    assert decode_segment_header(bytes(image)) == header


def test_version_1_is_written_as_it_always_was() -> None:
    header = SegmentHeader(
        number=7, importance=2, salt=0x0123456789ABCDEF, created_ns=1_700_000_000_000_000_000
    )
    segment = encode_segment_header(header)
    segment += write(Record(3, b"payload", 2, b"key"), header.seed, len(segment))
    segment += encode_seal(1, 2, header.seed, len(segment))
    assert segment.hex() == GOLDEN_V1
    assert decode_segment_header(bytes.fromhex(GOLDEN_V1)) == header


GOLDEN_V1 = (
    "534c494d53454700010002000700000000000000efcdab896745230100002a36fe9c9717e2e80424"
    "534c494d53454700010002000700000000000000efcdab896745230100002a36fe9c9717e2e80424"
    "a6534c7203020300070000007069e3f4dbd411ad6b65797061796c6f6164a6534c72ff0200000800"
    "0000adcf14c5eee9b8190100000000000000"
)
