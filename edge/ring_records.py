"""What the ring's records look like: pure functions between values and bytes.

    type          importance   key                                payload
    SOURCE        0            epoch, seq, capture_ns, camera     the JPEG
    ENHANCEMENT   0            the same                           the packet in complete form
    BASE          1            the same                           moment, cost, the packet in complete form
    GAP           2            epoch, serial, start_ns, camera    slimstream.v1.Gap
    STATE         3            (empty)                            RingState as JSON

What could be made again goes first when space runs out; what only the ring knows goes last.
"""

import json
import struct
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final

from edge.gaps import Gap, SeqSpan
from edge.messages import gap_from_message, gap_message
from edge.seq_set import SeqSet
from edge.wish import Wish
from shared_models.errors import StorageError
from shared_models.frames import CaptureTime
from slimstream.v1 import frame_pb2

_KEY: Final = struct.Struct("<QQq")  # epoch, seq or serial, Unix time in ns
_BASE: Final = struct.Struct("<q8sIf")  # monotonic ns, boot id, encode_us, change score
_STATE_VERSION: Final = 1


class RecordType(IntEnum):
    """The first byte of a record's meaning."""

    BASE = 1
    SOURCE = 2
    ENHANCEMENT = 3
    GAP = 4
    STATE = 5

    @property
    def importance(self) -> int:
        """Which segments it lives in, and so when it is evicted."""
        return _IMPORTANCE[self]


_IMPORTANCE: Final = {
    RecordType.SOURCE: 0,
    RecordType.ENHANCEMENT: 0,
    RecordType.BASE: 1,
    RecordType.GAP: 2,
    RecordType.STATE: 3,
}


@dataclass(frozen=True, slots=True)
class RecordKey:
    """What a record's key says: `number` is a seq, or a gap's serial number."""

    camera: str
    epoch: int
    number: int
    time_ns: int


@dataclass(frozen=True, slots=True)
class KeptFrame:
    """A coded frame as the ring keeps it: the base packet in complete form, and what belongs to it."""

    camera: str
    epoch: int
    seq: int
    time: CaptureTime
    encode_us: int
    change_score: float
    packet: bytes


@dataclass(slots=True)
class CameraState:
    """What the ring must remember of one camera beyond its records."""

    epoch: int
    reserved_through: int
    """No seq beyond this has been given out; after a power loss none up to this is given again."""
    next_seq: int
    alive_ns: int
    """When the agent was last known to look after the camera, in Unix time."""
    settled: SeqSet = field(default_factory=SeqSet)
    """Frames that need no sending: acknowledged, or named by a gap that is."""
    settled_gaps: SeqSet = field(default_factory=SeqSet)
    """Serial numbers of acknowledged gaps."""
    wish: Wish = field(default_factory=Wish)
    """What the cloud asked of the camera."""


@dataclass(slots=True)
class RingState:
    """A snapshot of every camera, taken in the boot `boot_id`."""

    boot_id: str
    cameras: dict[str, CameraState]


def encode_key(key: RecordKey) -> bytes:
    """Write a key."""
    return _KEY.pack(key.epoch, key.number, key.time_ns) + key.camera.encode()


def decode_key(data: bytes) -> RecordKey:
    """Read a key; raise StorageError if it is none."""
    try:
        epoch, number, time_ns = _KEY.unpack_from(data)
        return RecordKey(data[_KEY.size :].decode(), epoch, number, time_ns)
    except (struct.error, UnicodeDecodeError) as error:
        raise StorageError(f"a ring record has a key of another version: {error}") from error


def encode_frame(frame: KeptFrame) -> tuple[bytes, bytes]:
    """Return key and payload of a BASE record."""
    key = encode_key(RecordKey(frame.camera, frame.epoch, frame.seq, frame.time.capture_ns))
    boot_id = bytes.fromhex(frame.time.boot_id)
    head = _BASE.pack(frame.time.monotonic_ns, boot_id, frame.encode_us, frame.change_score)
    return key, head + frame.packet


def decode_frame(key: bytes, payload: bytes) -> KeptFrame:
    """Read a BASE record; raise StorageError if it is none."""
    named = decode_key(key)
    try:
        monotonic_ns, boot_id, encode_us, change_score = _BASE.unpack_from(payload)
    except struct.error as error:
        raise StorageError(f"a ring record has a payload of another version: {error}") from error
    return KeptFrame(
        camera=named.camera,
        epoch=named.epoch,
        seq=named.number,
        time=CaptureTime(named.time_ns, monotonic_ns, boot_id.hex()),
        encode_us=encode_us,
        change_score=change_score,
        packet=payload[_BASE.size :],
    )


def encode_gap(gap: Gap, serial: int) -> tuple[bytes, bytes]:
    """Return key and payload of a GAP record."""
    key = encode_key(RecordKey(gap.camera, gap.epoch, serial, gap.start_ns))
    return key, gap_message(gap).SerializeToString()


def decode_gap(payload: bytes) -> Gap:
    """Read a GAP record; raise StorageError if it is none."""
    try:
        return gap_from_message(frame_pb2.Gap.FromString(payload))
    except Exception as error:  # protobuf's DecodeError derives from Exception alone
        raise StorageError(f"a ring record holds no gap: {error}") from error


def encode_state(state: RingState) -> bytes:
    """Write a STATE record's payload."""
    cameras = {
        name: {
            "epoch": camera.epoch,
            "reserved_through": camera.reserved_through,
            "next_seq": camera.next_seq,
            "alive_ns": camera.alive_ns,
            "settled": _pairs(camera.settled),
            "settled_gaps": _pairs(camera.settled_gaps),
            "wish": {key: getattr(camera.wish, key) for key in camera.wish.named},
        }
        for name, camera in state.cameras.items()
    }
    document = {"version": _STATE_VERSION, "boot_id": state.boot_id, "cameras": cameras}
    return json.dumps(document, separators=(",", ":")).encode()


def decode_state(payload: bytes) -> RingState:
    """Read a STATE record; raise StorageError if it is none."""
    try:
        document: dict[str, Any] = json.loads(payload)
        if document["version"] != _STATE_VERSION:
            raise StorageError(f"the ring's state has version {document['version']}, not {_STATE_VERSION}")
        cameras = {name: _camera_state(camera) for name, camera in document["cameras"].items()}
        return RingState(str(document["boot_id"]), cameras)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StorageError(f"a ring record holds no state: {error}") from error


def _camera_state(document: dict[str, Any]) -> CameraState:
    return CameraState(
        epoch=int(document["epoch"]),
        reserved_through=int(document["reserved_through"]),
        next_seq=int(document["next_seq"]),
        alive_ns=int(document["alive_ns"]),
        settled=_seq_set(document["settled"]),
        settled_gaps=_seq_set(document["settled_gaps"]),
        wish=_wish(document.get("wish", {})),  # older states have none
    )


def _wish(document: dict[str, Any]) -> Wish:
    return Wish(**{str(key): float(value) for key, value in document.items()})


def _pairs(seqs: SeqSet) -> list[tuple[int, int]]:
    return [(span.first, span.last) for span in seqs.spans()]


def _seq_set(pairs: list[list[int]]) -> SeqSet:
    return SeqSet(SeqSpan(int(first), int(last)) for first, last in pairs)
