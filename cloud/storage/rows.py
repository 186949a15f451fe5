"""From what a record's key says to the row that locates it: pure functions."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table

from cloud.storage.records import Key
from cloud.storage.tables import failures, frames, gaps, layers, results
from runtime.segment_log.record import RecordId
from slimstream.v1.frame_pb2 import LAYER_BASE, FrameId, Gap
from slimstream.v1.store_pb2 import StoredFailure, StoredLayer, StoredResult


@dataclass(frozen=True, slots=True)
class Located:
    """What a record's key says, where the record is, and how large its payload is."""

    key: Key
    record_id: RecordId
    payload_bytes: int


def camera_of(key: Key) -> str:
    """Return the camera that a record is about."""
    return key.camera if isinstance(key, Gap) else key.frame.camera


def row_of(record: Located, camera_id: int) -> tuple[Table, dict[str, Any]]:
    """Return the table and the row of a record."""
    key = record.key
    place = {"camera_id": camera_id, "segment": record.record_id.segment, "offset": record.record_id.offset}
    match key:
        case StoredLayer() if key.layer == LAYER_BASE:
            return frames, place | _name(key.frame) | _base(key, record.payload_bytes)
        case StoredLayer():
            return layers, place | _name(key.frame) | _pulled(key, record.payload_bytes)
        case Gap():
            interval = {"gap_id": key.gap_id, "start_ns": key.start_ns, "end_ns": key.end_ns}
            return gaps, place | interval | {"message": key.SerializeToString()}
        case StoredResult():
            found = {"path": key.path, "cursor": key.cursor, "capture_ns": key.capture_ns}
            return results, place | _name(key.frame) | found
        case StoredFailure():
            return failures, place | _name(key.frame) | {"path": key.path, "reason": key.reason}


def covered_seqs(key: Key) -> tuple[int, int, int] | None:
    """Return (epoch, first, last) of the numbers that a record stores or explains; None for none."""
    match key:
        case StoredLayer() if key.layer == LAYER_BASE:
            return key.frame.epoch, key.frame.seq, key.frame.seq
        case Gap() if key.HasField("first_seq"):
            return key.epoch, key.first_seq, key.last_seq
        case _:
            return None


def _name(frame: FrameId) -> dict[str, Any]:
    return {"epoch": frame.epoch, "seq": frame.seq}


def _base(key: StoredLayer, payload_bytes: int) -> dict[str, Any]:
    return {
        "capture_ns": key.time.capture_ns,
        "moment_ns": key.time.capture_ns + key.clock_offset_ns,  # an offset that is not known counts as 0
        "monotonic_ns": key.time.monotonic_ns,
        "width": key.frame_width,
        "height": key.frame_height,
        "model": key.model_fingerprint,
        "base_bytes": payload_bytes,
    }


def _pulled(key: StoredLayer, payload_bytes: int) -> dict[str, Any]:
    return {
        "layer": key.layer,
        "quality_code": key.quality_code,
        "layer_bytes": payload_bytes,
        "psnr_db": key.psnr_db if key.HasField("psnr_db") else None,
        "preview_psnr_db": key.preview_psnr_db if key.HasField("preview_psnr_db") else None,
    }
