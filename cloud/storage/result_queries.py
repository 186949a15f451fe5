"""What is asked of the index about results: which follow a cursor, which belong to an interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, func, select

from cloud.storage.tables import cameras, results
from runtime.segment_log.record import RecordId


@dataclass(frozen=True, slots=True)
class ResultRow:
    """Where a result is, and the cursor that follows it."""

    cursor: int
    camera: str
    record_id: RecordId


@dataclass(frozen=True, slots=True)
class ResultScope:
    """Which results are wanted, as far as the index can tell; empty tuples do not filter."""

    cameras: Sequence[str] = ()
    paths: Sequence[str] = ()


def results_after(connection: Connection, cursor: int, scope: ResultScope, limit: int) -> list[ResultRow]:
    """Return results in the order they were stored, behind `cursor`."""
    question = _results(scope).where(results.c.cursor > cursor).order_by(results.c.cursor).limit(limit)
    return _rows(connection, question)


def results_between(
    connection: Connection, start_ns: int, end_ns: int, scope: ResultScope, *, limit: int, offset: int
) -> list[ResultRow]:
    """Return results of frames captured in [start_ns, end_ns), by time of capture."""
    time = results.c.capture_ns
    question = _results(scope).where(time >= start_ns, time < end_ns).order_by(time, results.c.cursor)
    return _rows(connection, question.limit(limit).offset(offset))


def newest_cursor(connection: Connection) -> int:
    """Return the cursor behind the newest result; 1 before there is any."""
    return int(connection.execute(select(func.max(results.c.cursor))).scalar() or 1)


def _results(scope: ResultScope) -> Select[Any]:
    question = select(results.c.cursor, cameras.c.name, results.c.segment, results.c.offset).join(cameras)
    if scope.cameras:
        question = question.where(cameras.c.name.in_(scope.cameras))
    if scope.paths:
        question = question.where(results.c.path.in_(scope.paths))
    return question


def _rows(connection: Connection, question: Select[Any]) -> list[ResultRow]:
    return [
        ResultRow(row.cursor, row.name, RecordId(row.segment, row.offset))
        for row in connection.execute(question)
    ]
