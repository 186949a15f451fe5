"""From a `.slim` file to frames, with random access. Layout: docs/bitstream.md, section 4."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from typing import TypeAlias

from shared_models.bitstream.checksum import crc32c
from shared_models.bitstream.cursor import Cursor, Octets
from shared_models.bitstream.layout import (
    CAPTURE_FLAG,
    END_MAGIC,
    FRAME_TAG,
    INDEX_TAG,
    LAYERS_MASK,
    SLIM_MAGIC,
)
from shared_models.bitstream.limits import Limits
from shared_models.bitstream.packet import SEQ_MAX
from shared_models.bitstream.reader import take_packet
from shared_models.bitstream.slim_file import SlimFrame, layers_fault
from shared_models.errors import BitstreamError, MalformedError, TruncatedError, UnsupportedError

Numbers: TypeAlias = "array[int]"  # of unsigned 64-bit: 16 bytes a frame for a file's index

_FOOTER_BYTES = 4 + len(END_MAGIC)


class SlimFile:
    """The frames of a `.slim` file in order of seq; each is read and checked when it is asked for."""

    def __init__(
        self,
        data: memoryview,
        limits: Limits,
        seqs: Numbers,
        offsets: Numbers,
        damage: BitstreamError | None = None,
    ) -> None:
        """Take where each record begins, and where the last one ends; `read_slim` finds that out."""
        self._data = data
        self._limits = limits
        self._offsets = offsets
        self.seqs = seqs
        """The sequence number of each frame, rising."""
        self.damage = damage
        """What ended `recover_slim` early, if anything did."""

    def __len__(self) -> int:
        return len(self.seqs)

    def __iter__(self) -> Iterator[SlimFrame]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> SlimFrame:
        """Return the frame at `index`, 0 to len-1 (else IndexError); raise BitstreamError if damaged."""
        if not 0 <= index < len(self):
            raise IndexError(f"the file has {len(self)} frames and no frame {index}")
        cursor = Cursor(self._data, self._offsets[index], self._offsets[index + 1])
        frame = _take_frame(cursor, self._limits)
        if cursor.left or frame.seq != self.seqs[index]:
            raise MalformedError(
                f"the record of frame {frame.seq} is not what the index says", cursor.position
            )
        return frame

    def find(self, seq: int) -> SlimFrame | None:
        """Return the frame `seq`, or None if the file does not hold it; raise BitstreamError if damaged."""
        index = bisect_left(self.seqs, seq)
        return self[index] if index < len(self) and self.seqs[index] == seq else None


def read_slim(data: Octets, limits: Limits) -> SlimFile:
    """Open a `.slim` file in memory or mapped; raise BitstreamError unless its structure is whole.

    The first frame and the index are checked here, the other frames when they are asked for.
    """
    cursor = _open(data)
    first = _take_frame(cursor, limits)
    if not cursor.left:
        return SlimFile(
            cursor.data, limits, array("Q", [first.seq]), array("Q", [len(SLIM_MAGIC), cursor.end])
        )
    return SlimFile(cursor.data, limits, *_read_index(cursor, limits))


def recover_slim(data: Octets, limits: Limits) -> SlimFile:
    """Open what a cut or damaged `.slim` file still holds: the whole frames before the first damage.

    The index is not needed. `damage` of the result says what ended the reading; it is None for a file that
    `read_slim` would have read. Raises BitstreamError only for bytes that do not begin as a `.slim` file.
    """
    cursor = _open(data)
    seqs, offsets = array("Q"), array("Q", [cursor.position])
    damage: BitstreamError | None = None
    try:
        while not seqs or (cursor.left and cursor.data[cursor.position] != INDEX_TAG):
            limits.check_frames(len(seqs) + 1, cursor.position)
            seq = _take_frame(cursor, limits).seq
            if seqs and seq <= seqs[-1]:
                raise MalformedError(f"frame {seq} follows frame {seqs[-1]}", offsets[-1])
            seqs.append(seq)
            offsets.append(cursor.position)
        if (cursor.left or len(seqs) > 1) and _read_index(cursor, limits) != (seqs, offsets):
            raise MalformedError("the index does not match the frames", cursor.position)
    except BitstreamError as error:
        damage = error
    return SlimFile(cursor.data, limits, seqs, offsets, damage)


def _open(data: Octets) -> Cursor:
    cursor = Cursor(data)
    magic = bytes(cursor.take(len(SLIM_MAGIC), "the mark of a .slim file"))
    if magic[:3] != SLIM_MAGIC[:3]:
        raise MalformedError(f"this is not a .slim file: it begins with {magic!r}", 0)
    if magic != SLIM_MAGIC:
        raise UnsupportedError(f".slim version {magic[3:]!r} is not known to this build, which reads b'1'", 3)
    return cursor


def _take_frame(cursor: Cursor, limits: Limits) -> SlimFrame:
    """Read and check the frame record at `cursor`, and move behind it."""
    start = cursor.position
    tag = cursor.uint(1, "a frame's tag")
    if tag & ~(CAPTURE_FLAG | LAYERS_MASK) != FRAME_TAG or not tag & LAYERS_MASK:
        raise MalformedError(f"tag {tag:#04x} opens no frame", start)
    seq = cursor.varint("a frame's seq")
    capture_ns = cursor.uint(8, "a capture time") if tag & CAPTURE_FLAG else None
    layers = tuple(take_packet(cursor, limits) for _ in range(tag & LAYERS_MASK))
    _check_seal(cursor, start, f"frame {seq}")
    if fault := layers_fault(seq, layers):
        raise MalformedError(fault, start)
    return SlimFrame(seq, layers, capture_ns)


def _read_index(after_frame: Cursor, limits: Limits) -> tuple[Numbers, Numbers]:
    """Return the seqs and record bounds that the index at the end of the file gives."""
    data, end = after_frame.data, after_frame.end - _FOOTER_BYTES
    if end < after_frame.position or bytes(data[end + 4 :]) != END_MAGIC:
        raise TruncatedError("the file ends without its index", after_frame.end)
    start = end - int.from_bytes(data[end : end + 4], "little")
    if start < after_frame.position:
        raise MalformedError("the index claims to begin inside the first frame", end)
    cursor = Cursor(data, start, end)
    if cursor.uint(1, "the index's tag") != INDEX_TAG:
        raise MalformedError("there is no index where the file's end says", start)
    count = cursor.varint("the frame count")
    if count < 2:
        raise MalformedError(f"an index is written for two frames or more, not for {count}", start)
    limits.check_frames(count, start)
    seqs, offsets = array("Q"), array("Q", [len(SLIM_MAGIC)])
    seq = -1
    for _ in range(count):
        seq += 1 + cursor.varint("the step to a frame's seq")
        end_of_record = offsets[-1] + cursor.varint("the size of a frame's record")
        if seq > SEQ_MAX or end_of_record > start:
            raise MalformedError("the index reaches beyond the file", cursor.position)
        seqs.append(seq)
        offsets.append(end_of_record)
    _check_seal(cursor, start, "the index")
    if cursor.left or offsets[-1] != start:
        raise MalformedError("the index does not cover the file", start)
    return seqs, offsets


def _check_seal(cursor: Cursor, start: int, what: str) -> None:
    """Compare the CRC-32C at `cursor` with that of the record from `start`."""
    record = cursor.data[start : cursor.position]
    if cursor.uint(4, f"the CRC-32C of {what}") != crc32c(bytes(record)):
        raise MalformedError(f"{what} is damaged: its CRC-32C does not match", start)
