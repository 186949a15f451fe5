"""What the store writes: one entry is one record of a log, and the row of the index that locates it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, TypeAlias

from google.protobuf.message import DecodeError

from slimstream.v1.control_pb2 import Result
from slimstream.v1.frame_pb2 import LAYER_BASE, LAYER_ENHANCEMENT, Gap
from slimstream.v1.store_pb2 import StoredFailure, StoredLayer, StoredResult

PACKETS_LOG: Final = "packets"
"""The log that the gateway writes: layers and gaps."""
RESULTS_LOG: Final = "results"
"""The log that the workers write: results and failures."""


LOGS: Final = (PACKETS_LOG, RESULTS_LOG)


class RecordType(IntEnum):
    """Type of a record in a log. Numbers are kept for good."""

    LAYER = 1
    GAP = 2
    RESULT = 3
    FAILURE = 4


class Importance(IntEnum):
    """What is given up first when a log is over its budget: the smallest number."""

    SOURCE = 1
    ENHANCEMENT = 2
    BASE = 3
    FOUND = 3
    GAP = 4


@dataclass(frozen=True, slots=True)
class LayerEntry:
    """A layer of a frame: a packet in complete form, or the source file."""

    layer: StoredLayer
    payload: bytes


@dataclass(frozen=True, slots=True)
class GapEntry:
    """An interval without data, and why."""

    gap: Gap


@dataclass(frozen=True, slots=True)
class ResultEntry:
    """What a path found in a frame; its cursor is given when it is stored."""

    result: Result


@dataclass(frozen=True, slots=True)
class FailureEntry:
    """A frame that a path could not read."""

    failure: StoredFailure


Entry: TypeAlias = LayerEntry | GapEntry | ResultEntry | FailureEntry


@dataclass(frozen=True, slots=True)
class RecordForm:
    """An entry as the segment log takes it."""

    record_type: RecordType
    importance: Importance
    key: bytes
    payload: bytes


def log_of(entry: Entry) -> str:
    """Return the name of the log that an entry belongs to."""
    return RESULTS_LOG if isinstance(entry, ResultEntry | FailureEntry) else PACKETS_LOG


def form_of(entry: Entry) -> RecordForm:
    """Write an entry as a record; a result must have its cursor by now."""
    match entry:
        case LayerEntry(layer, payload):
            record_type, importance = RecordType.LAYER, _layer_importance(layer.layer)
        case GapEntry():
            record_type, importance, payload = RecordType.GAP, Importance.GAP, b""
        case ResultEntry(result):
            record_type, importance = RecordType.RESULT, Importance.FOUND
            payload = result.SerializeToString()
        case FailureEntry():
            record_type, importance, payload = RecordType.FAILURE, Importance.FOUND, b""
    return RecordForm(record_type, importance, key_of(entry).SerializeToString(), payload)


Key: TypeAlias = StoredLayer | Gap | StoredResult | StoredFailure
"""What a record's key says: all that the index needs."""

_KEYS: Final[dict[RecordType, Callable[[bytes], Key]]] = {
    RecordType.LAYER: StoredLayer.FromString,
    RecordType.GAP: Gap.FromString,
    RecordType.RESULT: StoredResult.FromString,
    RecordType.FAILURE: StoredFailure.FromString,
}


def read_key(record_type: int, key: bytes) -> Key | None:
    """Read a record's key; None for a type or bytes that this build does not know."""
    try:
        return _KEYS[RecordType(record_type)](key)
    except (ValueError, DecodeError):
        return None


def key_of(entry: Entry) -> Key:
    """Return what the key of an entry's record says."""
    match entry:
        case LayerEntry(layer, _):
            return layer
        case GapEntry(gap):
            return gap
        case ResultEntry(result):
            return StoredResult(
                cursor=result.cursor, frame=result.frame, path=result.path, capture_ns=result.time.capture_ns
            )
        case FailureEntry(failure):
            return failure


def _layer_importance(layer: int) -> Importance:
    if layer == LAYER_BASE:
        return Importance.BASE
    return Importance.ENHANCEMENT if layer == LAYER_ENHANCEMENT else Importance.SOURCE
