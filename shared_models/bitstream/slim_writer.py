"""From frames to a `.slim` file. Layout: docs/bitstream.md, section 4."""

from collections.abc import Iterable, Iterator

from shared_models.bitstream.checksum import crc32c
from shared_models.bitstream.cursor import varint
from shared_models.bitstream.layout import CAPTURE_FLAG, END_MAGIC, FRAME_TAG, INDEX_TAG, SLIM_MAGIC
from shared_models.bitstream.slim_file import SlimFrame
from shared_models.bitstream.writer import write_packet


def write_slim(frames: Iterable[SlimFrame]) -> bytes:
    """Write a whole `.slim` file. See `slim_chunks` for one that does not fit in memory."""
    return b"".join(slim_chunks(frames))


def slim_chunks(frames: Iterable[SlimFrame]) -> Iterator[bytes]:
    """Yield a `.slim` file piece by piece, with `frames` in rising order of seq (else ValueError).

    A file of one frame has no index: it is 31 bytes larger than an intra payload of 128 bytes to 16 KiB.
    """
    yield SLIM_MAGIC
    index = bytearray()
    count, last_seq = 0, -1
    for frame in frames:
        if frame.seq <= last_seq:
            raise ValueError(f"frame {frame.seq} cannot follow frame {last_seq} in a file")
        record = _frame_record(frame)
        yield record
        index += varint(frame.seq - last_seq - 1) + varint(len(record))
        count, last_seq = count + 1, frame.seq
    if count == 0:
        raise ValueError("a .slim file has at least one frame")
    if count > 1:
        yield _index_record(count, index)


def _frame_record(frame: SlimFrame) -> bytes:
    tag = FRAME_TAG | len(frame.layers)
    capture = b""
    if frame.capture_ns is not None:
        tag |= CAPTURE_FLAG
        capture = frame.capture_ns.to_bytes(8, "little")
    return _sealed(bytes([tag]) + varint(frame.seq) + capture + b"".join(map(write_packet, frame.layers)))


def _index_record(count: int, entries: bytearray) -> bytes:
    record = _sealed(bytes([INDEX_TAG]) + varint(count) + bytes(entries))
    return record + len(record).to_bytes(4, "little") + END_MAGIC


def _sealed(record: bytes) -> bytes:
    return record + crc32c(record).to_bytes(4, "little")
