"""Which entries the store has already: what is sent twice is stored once."""

from collections.abc import Sequence

from sqlalchemy import Connection, Select, Table, select

from cloud.storage.records import Entry, FailureEntry, GapEntry, LayerEntry, ResultEntry
from cloud.storage.tables import cameras, failures, frames, gaps, layers, results
from slimstream.v1.frame_pb2 import LAYER_BASE, FrameId


def unknown_entries(connection: Connection, entries: Sequence[Entry]) -> list[bool]:
    """Say for each entry whether neither the index nor an earlier one of `entries` has it."""
    seen: set[tuple[object, ...]] = set()
    answers: list[bool] = []
    for entry in entries:
        name, question = _question(entry)
        answers.append(name not in seen and connection.execute(question).first() is None)
        seen.add(name)
    return answers


def _question(entry: Entry) -> tuple[tuple[object, ...], Select[tuple[int]]]:
    """Return what names an entry among its like, and the statement that finds it in the index."""
    match entry:
        case LayerEntry(layer, _) if layer.layer == LAYER_BASE:
            return ("base", *_name(layer.frame)), _of_frame(frames, layer.frame)
        case LayerEntry(layer, _):
            found = _of_frame(layers, layer.frame).where(
                layers.c.layer == layer.layer, layers.c.quality_code == layer.quality_code
            )
            return ("layer", layer.layer, layer.quality_code, *_name(layer.frame)), found
        case GapEntry(gap):
            return ("gap", gap.gap_id), select(gaps.c.segment).where(gaps.c.gap_id == gap.gap_id)
        case ResultEntry(result):
            found = _of_frame(results, result.frame).where(results.c.path == result.path)
            return ("result", result.path, *_name(result.frame)), found
        case FailureEntry(failure):
            found = _of_frame(failures, failure.frame).where(failures.c.path == failure.path)
            return ("failure", failure.path, *_name(failure.frame)), found


def _name(frame: FrameId) -> tuple[str, int, int]:
    return frame.camera, frame.epoch, frame.seq


def _of_frame(table: Table, frame: FrameId) -> Select[tuple[int]]:
    camera_id = select(cameras.c.id).where(cameras.c.name == frame.camera).scalar_subquery()
    return select(table.c.segment).where(
        table.c.camera_id == camera_id, table.c.epoch == frame.epoch, table.c.seq == frame.seq
    )
