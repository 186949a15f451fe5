"""Opening the index, and writing rows that locate records. One process writes a log's rows; many read."""

import contextlib
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, create_engine, delete, event, select, text
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from cloud.sequences import SeqSet
from cloud.storage.rows import Located, camera_of, covered_seqs, row_of
from cloud.storage.tables import LOCATED, SCHEMA_VERSION, cameras, coverage, metadata, segments
from shared_models.errors import StorageError
from slimstream.v1.store_pb2 import StoredLayer

_BUSY_TIMEOUT_MS: Final = 10_000

# Statements are built once: building one costs more than SQLite needs to run it.
_INSERT_NEW: Final = {
    table: insert(table).on_conflict_do_nothing() for tables in LOCATED.values() for table in tables
}
_COUNT_RECORDS: Final = insert(segments).on_conflict_do_update(
    index_elements=["log", "number"], set_={"records": segments.c.records + insert(segments).excluded.records}
)
_SET_RECORDS: Final = insert(segments).on_conflict_do_update(
    index_elements=["log", "number"], set_={"records": insert(segments).excluded.records}
)


class Index:
    """The database of one store."""

    def __init__(self, engine: Engine) -> None:
        """Use `open`."""
        self._engine = engine
        self._camera_ids: dict[tuple[str, str], int] = {}

    @classmethod
    def open(cls, path: Path, *, may_replace: bool = True) -> "Index":
        """Open the SQLite database at `path`; one that is damaged or of another version is set aside.

        Raises:
            StorageError: the directory cannot be used, or the database would have to be set aside and
                this process may not, because another one writes it.
        """
        index = cls._try_open(path)
        if index is None and may_replace:
            for file in path.parent.glob(f"{path.name}*"):
                if not file.name.endswith(".damaged"):
                    file.replace(file.with_name(f"{file.name}.damaged"))
            index = cls._try_open(path)
        if index is None:
            raise StorageError(f"{path} is no index of this version; start a gateway, which makes a new one")
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
        except OperationalError as error:
            engine.dispose()
            raise StorageError(
                f"cannot use the index {path}: {error.orig}; check the directory's owner and free space"
            ) from error
        except SQLAlchemyError:  # not a database, or a damaged one
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
        rows: defaultdict[Table, list[dict[str, Any]]] = defaultdict(list)
        covered: defaultdict[tuple[int, int], SeqSet] = defaultdict(SeqSet)
        added: Counter[int] = Counter()
        for record in located:
            agent = record.key.agent if isinstance(record.key, StoredLayer) else ""
            camera_id = self._camera_id(connection, camera_of(record.key), agent)
            table, row = row_of(record, camera_id)
            rows[table].append(row)
            if (seqs := covered_seqs(record.key)) is not None:
                covered[camera_id, seqs[0]].add(seqs[1], seqs[2])
            added[record.record_id.segment] += 1
        for table, new in rows.items():
            connection.execute(_INSERT_NEW[table], new)
        for (camera_id, epoch), intervals in covered.items():
            for first, last in intervals:
                _cover(connection, camera_id, epoch, first, last)
        counts = [{"log": log, "number": number, "records": count} for number, count in added.items()]
        if counts:
            connection.execute(_COUNT_RECORDS, counts)

    def known_segments(self, connection: Connection, log: str) -> Mapping[int, int]:
        """Return how many records of each segment of `log` the index knows."""
        rows = connection.execute(select(segments.c.number, segments.c.records).where(segments.c.log == log))
        return {row.number: row.records for row in rows}

    def set_segment(self, connection: Connection, log: str, number: int, records: int) -> None:
        """Note that the index knows everything that is good in a segment."""
        connection.execute(_SET_RECORDS, [{"log": log, "number": number, "records": records}])

    def forget_segments(self, connection: Connection, log: str, numbers: Iterable[int]) -> None:
        """Remove the rows whose records went with these segments. Coverage stays: it was stored once."""
        for number in numbers:
            for table in LOCATED[log]:
                connection.execute(delete(table).where(table.c.segment == number))
            connection.execute(
                delete(segments).where(segments.c.log == log).where(segments.c.number == number)
            )

    def _camera_id(self, connection: Connection, name: str, agent: str) -> int:
        """Return the id of a camera, which is added, or moved to `agent`, if need be; "" is any agent."""
        known = self._camera_ids.get((name, agent))
        if known is not None:
            return known
        changes = {"agent": agent} if agent else {"name": name}
        statement = insert(cameras).values(name=name, agent=agent)
        connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=changes))
        found = int(connection.execute(select(cameras.c.id).where(cameras.c.name == name)).scalar_one())
        if agent:  # one agent has a camera at a time: the next one is written down again
            self._camera_ids = {key: value for key, value in self._camera_ids.items() if key[0] != name}
        self._camera_ids[name, agent] = found
        return found


def _cover(connection: Connection, camera_id: int, epoch: int, first: int, last: int) -> None:
    """Add `first`..`last` to an epoch's coverage, and join what they touch."""
    touching = (
        (coverage.c.camera_id == camera_id)
        & (coverage.c.epoch == epoch)
        & (coverage.c.first_seq <= last + 1)
        & (coverage.c.last_seq >= first - 1)
    )
    rows = connection.execute(select(coverage.c.first_seq, coverage.c.last_seq).where(touching)).all()
    merged_first = min([first, *(row.first_seq for row in rows)])
    merged_last = max([last, *(row.last_seq for row in rows)])
    connection.execute(delete(coverage).where(touching))
    row = {"camera_id": camera_id, "epoch": epoch, "first_seq": merged_first, "last_seq": merged_last}
    connection.execute(insert(coverage).values(row))


def _set_pragmas(connection: sqlite3.Connection, _record: object) -> None:
    """WAL for readers beside a writer. NORMAL: a lost tail of the index is caught up from the segments."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
