"""Entries for the store, made up."""

from cloud.storage.records import FailureEntry, GapEntry, LayerEntry, ResultEntry
from slimstream.v1.control_pb2 import Detection, Result
from slimstream.v1.frame_pb2 import LAYER_BASE, LAYER_ENHANCEMENT, CaptureTime, FrameId, Gap
from slimstream.v1.store_pb2 import StoredFailure, StoredLayer

MODEL = b"12345678"
SECOND_NS = 10**9
PATIENCE_S = 600.0
"""How long a test waits for the disk, however busy the machine is."""


def named(seq: int, camera: str = "door", epoch: int = 1) -> FrameId:
    return FrameId(camera=camera, epoch=epoch, seq=seq)


def base(seq: int, camera: str = "door", epoch: int = 1, size_bytes: int = 900) -> LayerEntry:
    """A frame captured `seq` seconds after 1970."""
    layer = StoredLayer(
        frame=named(seq, camera, epoch),
        layer=LAYER_BASE,
        time=CaptureTime(capture_ns=seq * SECOND_NS, monotonic_ns=seq),
        agent="agent-1",
        frame_width=64,
        frame_height=48,
        model_fingerprint=MODEL,
        received_ns=seq * SECOND_NS + 5,
    )
    return LayerEntry(layer, bytes(size_bytes))


def enhancement(seq: int, quality_code: int = 1600, size_bytes: int = 5000) -> LayerEntry:
    layer = StoredLayer(frame=named(seq), layer=LAYER_ENHANCEMENT, quality_code=quality_code, psnr_db=33.0)
    return LayerEntry(layer, bytes(size_bytes))


def gap(first: int, last: int) -> GapEntry:
    return GapEntry(
        Gap(
            camera="door",
            epoch=1,
            start_ns=first * SECOND_NS,
            end_ns=last * SECOND_NS,
            reason=5,  # type: ignore[arg-type]
            first_seq=first,
            last_seq=last,
            gap_id=first.to_bytes(16, "big"),
        )
    )


def result(seq: int, path: str = "detect", label: str = "person") -> ResultEntry:
    return ResultEntry(
        Result(
            frame=named(seq),
            path=path,
            time=CaptureTime(capture_ns=seq * SECOND_NS),
            detections=[Detection(label=label, score=0.5)],
        )
    )


def failure(seq: int, path: str = "detect") -> FailureEntry:
    return FailureEntry(StoredFailure(frame=named(seq), path=path, reason="checksum"))
