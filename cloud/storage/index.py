"""Opening the index, and writing rows that locate records. One process writes a log's rows; many read."""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, create_engine, delete, event, select, text
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import SQLAlchemyError

from cloud.sequences import SeqInterval
from cloud.storage.records import Key
from cloud.storage.tables import (
    LOCATED,
    SCHEMA_VERSION,
    cameras,
    coverage,
    failures,
    frames,
    gaps,
    layers,
    metadata,
    results,
    segments,
)
from runtime.segment_log.record import RecordId
from shared_models.errors import StorageError
from slimstream.v1.frame_pb2 import LAYER_BASE, FrameId, Gap
from slimstream.v1.store_pb2 import StoredFailure, StoredLayer, StoredResult

_BUSY_TIMEOUT_MS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Located:
    """What a record's key says, where the record is, and how large its payload is."""

    key: Key
    record_id: RecordId
    payload_bytes: int


class Index:
    """The database of one store."""

    def __init__(self, engine: Engine) -> None:
        """Use `open`."""
        self._engine = engine
        self._camera_ids: dict[tuple[str, str], int] = {}

    @classmethod
    def open(cls, path: Path) -> "Index":
        """Open the SQLite database at `path`; one that is damaged or of another version is set aside.

        Raises:
            StorageError: if the directory cannot be used.
        """
        index = cls._try_open(path)
        if index is None:
            for file in path.parent.glob(f"{path.name}*"):
                if not file.name.endswith(".damaged"):
                    file.replace(file.with_name(f"{file.name}.damaged"))
            index = cls._try_open(path)
        if index is None:
            raise StorageError(f"cannot make an index at {path}; check the directory's owner and its space")
        return index

    @classmethod
    def _try_open(cls, path: Path) -> "Index | None":
        engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": _BUSY_TIMEOUT_MS / 1000})
        event.listen(engine, "connect", _set_pragmas)
        try:
            with engine.begin() as connection:
                version = connection.execute(text("PRAGMA user_version")).scalar_one()
                if version not in (0, SCHEMA_VERSION):
                    return None
                metadata.create_all(connection)
                connection.execute(text(f"PRAGMA user_version = {SCHEMA_VERSION}"))
        except SQLAlchemyError:
            engine.dispose()
            return None
        return cls(engine)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection to read by; raise StorageError for the database's errors."""
        try:
            with self._engine.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise StorageError(f"the index cannot be read: {error}") from error

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection whose changes become visible together, or not at all."""
        try:
            with self._engine.begin() as connection:
                connection.exec_driver_sql("BEGIN IMMEDIATE")  # wait for another writer now, not half way
                yield connection
        except SQLAlchemyError as error:
            self._camera_ids.clear()  # an id of a camera that was rolled back is nobody's
            raise StorageError(f"the index cannot be written: {error}") from error

    def add(self, connection: Connection, log: str, located: Iterable[Located]) -> None:
        """Add rows for records of `log`; what is there already stays as it is."""
        added: dict[int, int] = {}
        for record in located:
            match record.key:
                case StoredLayer():
                    self._add_layer(connection, record.key, record)
                case Gap():
                    self._add_gap(connection, record.key, record)
                case StoredResult():
                    self._add_found(connection, results, record.key, record)
                case StoredFailure():
                    self._add_found(connection, failures, record.key, record)
            added[record.record_id.segment] = added.get(record.record_id.segment, 0) + 1
        for number, count in added.items():
            statement = insert(segments).values(log=log, number=number, records=count)
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["log", "number"], set_={"records": segments.c.records + count}
                )
            )

    def known_segments(self, connection: Connection, log: str) -> Mapping[int, int]:
        """Return how many records of each segment of `log` the index knows."""
        rows = connection.execute(select(segments.c.number, segments.c.records).where(segments.c.log == log))
        return {row.number: row.records for row in rows}

    def set_segment(self, connection: Connection, log: str, number: int, records: int) -> None:
        """Note that the index knows everything that is good in a segment."""
        statement = insert(segments).values(log=log, number=number, records=records)
        connection.execute(
            statement.on_conflict_do_update(index_elements=["log", "number"], set_={"records": records})
        )

    def forget_segments(self, connection: Connection, log: str, numbers: Iterable[int]) -> None:
        """Remove the rows whose records went with these segments. Coverage stays: it was stored once."""
        for number in numbers:
            for table in LOCATED[log]:
                connection.execute(delete(table).where(table.c.segment == number))
            connection.execute(
                delete(segments).where(segments.c.log == log).where(segments.c.number == number)
            )

    def camera_id(self, connection: Connection, name: str, agent: str) -> int:
        """Return the id of a camera, which is added, or moved to `agent`, if need be."""
        known = self._camera_ids.get((name, agent))
        if known is not None:
            return known
        statement = insert(cameras).values(name=name, agent=agent)
        changes = {"agent": agent} if agent else {"name": name}
        connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=changes))
        found = int(connection.execute(select(cameras.c.id).where(cameras.c.name == name)).scalar_one())
        self._camera_ids = {key: value for key, value in self._camera_ids.items() if key[0] != name}
        self._camera_ids[name, agent] = found
        return found

    def _frame_columns(self, connection: Connection, frame: FrameId, agent: str = "") -> dict[str, Any]:
        camera_id = self.camera_id(connection, frame.camera, agent)
        return {"camera_id": camera_id, "epoch": frame.epoch, "seq": frame.seq}

    def _add_layer(self, connection: Connection, layer: StoredLayer, record: Located) -> None:
        row = self._frame_columns(connection, layer.frame, layer.agent) | _place(record)
        if layer.layer == LAYER_BASE:
            row |= {
                "capture_ns": layer.time.capture_ns,
                "monotonic_ns": layer.time.monotonic_ns,
                "width": layer.frame_width,
                "height": layer.frame_height,
                "model": layer.model_fingerprint,
                "base_bytes": record.payload_bytes,
            }
            _insert_new(connection, frames, row)
            cover(connection, row["camera_id"], layer.frame.epoch, layer.frame.seq, layer.frame.seq)
            return
        row |= {"layer": layer.layer, "quality_code": layer.quality_code, "layer_bytes": record.payload_bytes}
        row |= {
            "psnr_db": layer.psnr_db if layer.HasField("psnr_db") else None,
            "preview_psnr_db": layer.preview_psnr_db if layer.HasField("preview_psnr_db") else None,
        }
        _insert_new(connection, layers, row)

    def _add_gap(self, connection: Connection, gap: Gap, record: Located) -> None:
        camera_id = self.camera_id(connection, gap.camera, "")
        row = {"gap_id": gap.gap_id, "camera_id": camera_id, "start_ns": gap.start_ns, "end_ns": gap.end_ns}
        row |= {"message": gap.SerializeToString()} | _place(record)
        _insert_new(connection, gaps, row)
        if gap.HasField("first_seq"):
            cover(connection, camera_id, gap.epoch, gap.first_seq, gap.last_seq)

    def _add_found(
        self, connection: Connection, table: Table, key: StoredResult | StoredFailure, record: Located
    ) -> None:
        row = self._frame_columns(connection, key.frame) | {"path": key.path} | _place(record)
        if isinstance(key, StoredResult):
            row |= {"cursor": key.cursor, "capture_ns": key.capture_ns}
        else:
            row |= {"reason": key.reason}
        _insert_new(connection, table, row)


def cover(connection: Connection, camera_id: int, epoch: int, first: int, last: int) -> SeqInterval:
    """Add `first`..`last` to an epoch's coverage and return the interval they are now part of."""
    touching = (
        (coverage.c.camera_id == camera_id)
        & (coverage.c.epoch == epoch)
        & (coverage.c.first_seq <= last + 1)
        & (coverage.c.last_seq >= first - 1)
    )
    rows = connection.execute(select(coverage.c.first_seq, coverage.c.last_seq).where(touching)).all()
    merged = SeqInterval(min([first, *(row[0] for row in rows)]), max([last, *(row[1] for row in rows)]))
    if rows != [(merged.first, merged.last)]:
        connection.execute(delete(coverage).where(touching))
        row = {"camera_id": camera_id, "epoch": epoch, "first_seq": merged.first, "last_seq": merged.last}
        connection.execute(insert(coverage).values(row))
    return merged


def _place(record: Located) -> dict[str, Any]:
    return {"segment": record.record_id.segment, "offset": record.record_id.offset}


def _insert_new(connection: Connection, table: Table, row: Mapping[str, Any]) -> None:
    connection.execute(insert(table).values(row).on_conflict_do_nothing())


def _set_pragmas(connection: sqlite3.Connection, _record: object) -> None:
    """WAL for readers beside a writer. NORMAL: a lost tail of the index is caught up from the segments."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
