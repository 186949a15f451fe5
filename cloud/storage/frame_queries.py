"""What is asked of the index about frames: which one is meant, what there is of it, what is near it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, func, select

from cloud.greeting import CameraEpoch
from cloud.sequences import SeqInterval, SeqSet
from cloud.storage.tables import cameras, coverage, failures, frames, gaps, layers, results
from runtime.segment_log.record import RecordId
from shared_models.frames import FrameId
from slimstream.v1.frame_pb2 import LAYER_ENHANCEMENT, Gap, Layer

_PAGE_ROWS: Final = 1000


@dataclass(frozen=True, slots=True)
class FrameRow:
    """A stored frame; `base` is where its base packet is."""

    frame_id: FrameId
    capture_ns: int
    monotonic_ns: int
    width: int
    height: int
    model: bytes
    base_bytes: int
    base: RecordId


@dataclass(frozen=True, slots=True)
class LayerRow:
    """A stored layer that was pulled."""

    layer: Layer.ValueType
    quality_code: int
    layer_bytes: int
    psnr_db: float | None
    preview_psnr_db: float | None
    record_id: RecordId


@dataclass(frozen=True, slots=True)
class CameraRow:
    """What is stored of a camera, in numbers."""

    camera: str
    agent: str
    epoch: int
    newest_seq: int | None
    newest_capture_ns: int
    stored_frames: int
    stored_bytes: int


def coverage_of(connection: Connection, key: CameraEpoch) -> SeqSet:
    """Return which seqs of an epoch are stored or explained."""
    rows = connection.execute(
        select(coverage.c.first_seq, coverage.c.last_seq)
        .join(cameras)
        .where(cameras.c.name == key.camera, coverage.c.epoch == key.epoch)
    )
    return SeqSet(SeqInterval(row.first_seq, row.last_seq) for row in rows)


def frame_by_seq(connection: Connection, camera: str, seq: int, epoch: int | None) -> FrameRow | None:
    """Return a frame by its number, of the newest epoch that holds it unless one is named."""
    question = _frames(camera).where(frames.c.seq == seq).order_by(frames.c.epoch.desc())
    if epoch is not None:
        question = question.where(frames.c.epoch == epoch)
    return _first_frame(connection, question)


def frame_by_time(connection: Connection, camera: str, time_ns: int) -> FrameRow | None:
    """Return the frame captured nearest to a Unix time on the cloud's clock."""
    found = nearest_by_time(connection, camera, time_ns, 1)
    return found[0] if found else None


def newest_frame(connection: Connection, camera: str) -> FrameRow | None:
    """Return the frame with the highest seq of the newest epoch."""
    order = (frames.c.epoch.desc(), frames.c.seq.desc())
    return _first_frame(connection, _frames(camera).order_by(*order))


def nearest_by_time(connection: Connection, camera: str, time_ns: int, count: int) -> list[FrameRow]:
    """Return the `count` frames captured nearest to a time on the cloud's clock, nearest first."""
    moment = frames.c.moment_ns
    before = _frames(camera).where(moment <= time_ns).order_by(moment.desc()).limit(count)
    after = _frames(camera).where(moment > time_ns).order_by(moment).limit(count)
    rows = [row for question in (before, after) for row in connection.execute(question)]
    return [_frame(row) for row in sorted(rows, key=lambda row: abs(row.moment_ns - time_ns))[:count]]


def nearest_by_seq(
    connection: Connection, camera: str, seq: int, epoch: int | None, count: int
) -> list[FrameRow]:
    """Return the `count` frames with the nearest numbers, nearest first, of the newest epoch by default."""
    if epoch is None:
        newest = newest_frame(connection, camera)
        if newest is None:
            return []
        epoch = newest.frame_id.epoch
    number = frames.c.seq
    of_epoch = _frames(camera).where(frames.c.epoch == epoch)
    before = of_epoch.where(number <= seq).order_by(number.desc()).limit(count)
    after = of_epoch.where(number > seq).order_by(number).limit(count)
    rows = [_frame(row) for question in (before, after) for row in connection.execute(question)]
    return sorted(rows, key=lambda row: abs(row.frame_id.seq - seq))[:count]


def frames_between(
    connection: Connection, camera: str, start_ns: int, end_ns: int, limit: int
) -> Iterator[FrameRow]:
    """Yield frames captured in [start_ns, end_ns) by time, at most `limit`, a page at a time."""
    time, after, left = frames.c.capture_ns, (start_ns, -1), limit
    while left > 0:
        beyond = (time > after[0]) | ((time == after[0]) & (frames.c.id > after[1]))
        question = _frames(camera).where(beyond, time < end_ns).order_by(time, frames.c.id)
        rows = connection.execute(question.limit(min(left, _PAGE_ROWS))).all()
        yield from map(_frame, rows)
        left -= len(rows)
        if len(rows) < _PAGE_ROWS:
            return
        after = (rows[-1].capture_ns, rows[-1].id)


def gaps_between(connection: Connection, camera: str, start_ns: int, end_ns: int, limit: int) -> list[Gap]:
    """Return gaps that overlap [start_ns, end_ns), by start."""
    rows = connection.execute(
        select(gaps.c.message)
        .join(cameras)
        .where(cameras.c.name == camera, gaps.c.start_ns < end_ns, gaps.c.end_ns >= start_ns)
        .order_by(gaps.c.start_ns)
        .limit(limit)
    )
    return [Gap.FromString(row.message) for row in rows]


def layers_of(connection: Connection, frame_id: FrameId) -> list[LayerRow]:
    """Return the pulled layers of a frame, best quality first."""
    rows = connection.execute(
        select(layers)
        .join(cameras)
        .where(cameras.c.name == frame_id.camera)
        .where(layers.c.epoch == frame_id.epoch, layers.c.seq == frame_id.seq)
        .order_by(layers.c.quality_code.desc())
    )
    return [
        LayerRow(
            row.layer,
            row.quality_code,
            row.layer_bytes,
            row.psnr_db,
            row.preview_psnr_db,
            RecordId(row.segment, row.offset),
        )
        for row in rows
    ]


def enhancement_bytes_between(
    connection: Connection, camera: str, start_ns: int, end_ns: int
) -> dict[FrameId, int]:
    """Return how many bytes of enhancement are stored, by frame captured in [start_ns, end_ns)."""
    same = (
        (layers.c.camera_id == frames.c.camera_id)
        & (layers.c.epoch == frames.c.epoch)
        & (layers.c.seq == frames.c.seq)
    )
    rows = connection.execute(
        select(frames.c.epoch, frames.c.seq, func.sum(layers.c.layer_bytes).label("layer_bytes"))
        .join_from(frames, cameras)
        .join(layers, same)
        .where(cameras.c.name == camera, layers.c.layer == LAYER_ENHANCEMENT)
        .where(frames.c.capture_ns >= start_ns, frames.c.capture_ns < end_ns)
        .group_by(frames.c.epoch, frames.c.seq)
    )
    return {FrameId(camera, row.epoch, row.seq): int(row.layer_bytes) for row in rows}


def frames_without(
    connection: Connection, path: str, models: Sequence[bytes], before_id: int | None, limit: int
) -> list[tuple[int, FrameRow]]:
    """Return (row id, frame) of frames that `path` has neither a result nor a failure for, newest first.

    Only frames of `models` are returned; `before_id` goes on behind an earlier answer.
    """
    question = _frames(None).where(frames.c.model.in_(models)).order_by(frames.c.id.desc()).limit(limit)
    for table in (results, failures):
        same = (
            (table.c.camera_id == frames.c.camera_id)
            & (table.c.epoch == frames.c.epoch)
            & (table.c.seq == frames.c.seq)
            & (table.c.path == path)
        )
        question = question.where(~select(table.c.segment).where(same).exists())
    if before_id is not None:
        question = question.where(frames.c.id < before_id)
    return [(row.id, _frame(row)) for row in connection.execute(question)]


def frames_behind(
    connection: Connection, models: Sequence[bytes], after_id: int, limit: int
) -> list[tuple[int, FrameRow]]:
    """Return (row id, frame) of frames of `models` in the order they were stored, behind `after_id`."""
    question = _frames(None).where(frames.c.model.in_(models), frames.c.id > after_id)
    rows = connection.execute(question.order_by(frames.c.id).limit(limit))
    return [(row.id, _frame(row)) for row in rows]


def newest_row_id(connection: Connection) -> int:
    """Return the id of the row that was stored last; 0 if there is none."""
    return int(connection.execute(select(func.max(frames.c.id))).scalar() or 0)


def camera_rows(connection: Connection) -> list[CameraRow]:
    """Return what is stored of each camera, by name."""
    rows = connection.execute(
        select(
            cameras.c.name,
            cameras.c.agent,
            func.count(frames.c.id).label("stored_frames"),
            func.coalesce(func.sum(frames.c.base_bytes), 0).label("stored_bytes"),
        )
        .outerjoin(frames, frames.c.camera_id == cameras.c.id)
        .group_by(cameras.c.id)
        .order_by(cameras.c.name)
    ).all()
    return [_camera(connection, row) for row in rows]


def _camera(connection: Connection, row: Row[Any]) -> CameraRow:
    newest = newest_frame(connection, row.name)
    return CameraRow(
        camera=row.name,
        agent=row.agent,
        epoch=newest.frame_id.epoch if newest else 0,
        newest_seq=newest.frame_id.seq if newest else None,
        newest_capture_ns=newest.capture_ns if newest else 0,
        stored_frames=row.stored_frames,
        stored_bytes=int(row.stored_bytes),
    )


def _frames(camera: str | None) -> Select[Any]:
    question = select(frames, cameras.c.name).join(cameras)
    return question if camera is None else question.where(cameras.c.name == camera)


def _first_frame(connection: Connection, question: Select[Any]) -> FrameRow | None:
    row = connection.execute(question.limit(1)).first()
    return None if row is None else _frame(row)


def _frame(row: Row[Any]) -> FrameRow:
    return FrameRow(
        frame_id=FrameId(row.name, row.epoch, row.seq),
        capture_ns=row.capture_ns,
        monotonic_ns=row.monotonic_ns,
        width=row.width,
        height=row.height,
        model=row.model,
        base_bytes=row.base_bytes,
        base=RecordId(row.segment, row.offset),
    )
