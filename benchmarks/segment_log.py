"""The segment log beside SQLite (WAL), on the same disk in the same run; ratios are what to look at.

    python -m benchmarks.segment_log [DIRECTORY]

Records are 2 kB with a 24-byte key, as base packets are. SQLite stores the same key and payload in a table;
its `synchronous` is NORMAL where durability is not waited for, and FULL where it is.
"""

import os
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from runtime.segment_log import SegmentLog, SegmentLogOptions
from runtime.segment_log.recovery import recover

RECORDS: Final = 20_000
DURABLE_RECORDS: Final = 200
WAITERS: Final = 32
REPEATS: Final = 3
PAYLOAD: Final = os.urandom(2000)
SEGMENT_BYTES: Final = 16 << 20


def key_of(index: int) -> bytes:
    """Return a key as the owners' keys are."""
    return b"camera-%017d" % index


def seconds(
    action: Callable[[Path], Callable[[], object]],
    root: Path,
    clock: Callable[[], float] = time.process_time,
) -> float:
    """Return the least time of what `action` prepares in a fresh directory: others measure the neighbours.

    It is processor time, the kernel's included, unless the disk is what is waited for.
    """
    times = []
    for repeat in range(REPEATS):
        directory = root / f"{getattr(action, '__name__', 'run')}-{repeat}"
        directory.mkdir()
        run = action(directory)
        began = clock()
        run()
        times.append(clock() - began)
    return min(times)


def options(sync_interval_s: float | None = None) -> SegmentLogOptions:
    """Return what every run here uses."""
    return SegmentLogOptions(segment_bytes=SEGMENT_BYTES, sync_interval_s=sync_interval_s)


def log_append(directory: Path) -> Callable[[], object]:
    """Append without waiting, one sync at the end."""
    log = SegmentLog.open(directory, options())

    def run() -> None:
        for index in range(RECORDS):
            log.append(1, PAYLOAD, key=key_of(index))
        log.close()

    return run


def sqlite_open(directory: Path, synchronous: str) -> sqlite3.Connection:
    """Return a database as tuned as ours."""
    database = sqlite3.connect(directory / "log.db", isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute(f"PRAGMA synchronous={synchronous}")
    database.execute("CREATE TABLE record (key BLOB PRIMARY KEY, payload BLOB) WITHOUT ROWID")
    return database


def sqlite_append(directory: Path) -> Callable[[], object]:
    """Insert one by one, each its own transaction: each outlives the process, as ours do."""
    database = sqlite_open(directory, "NORMAL")

    def run() -> None:
        for index in range(RECORDS):
            database.execute("INSERT INTO record VALUES (?, ?)", (key_of(index), PAYLOAD))
        database.close()

    return run


def log_durable(directory: Path) -> Callable[[], object]:
    """Append and wait for each."""
    log = SegmentLog.open(directory, options())

    def run() -> None:
        for index in range(DURABLE_RECORDS):
            log.append_durable(1, PAYLOAD, key=key_of(index))
        log.close()

    return run


def sqlite_durable(directory: Path) -> Callable[[], object]:
    """Insert and wait for each."""
    database = sqlite_open(directory, "FULL")

    def run() -> None:
        for index in range(DURABLE_RECORDS):
            database.execute("INSERT INTO record VALUES (?, ?)", (key_of(index), PAYLOAD))
        database.close()

    return run


def log_durable_together(directory: Path) -> Callable[[], object]:
    """Append and wait for each, from many threads: one sync for all who wait."""
    log = SegmentLog.open(directory, options())

    def work(first: int) -> None:
        for index in range(first, DURABLE_RECORDS * 4, WAITERS):
            log.append_durable(1, PAYLOAD, key=key_of(index))

    def run() -> None:
        threads = [threading.Thread(target=work, args=(first,)) for first in range(WAITERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        log.close()

    return run


def filled(directory: Path) -> SegmentLog:
    """Return a log of RECORDS records."""
    log = SegmentLog.open(directory, options())
    for index in range(RECORDS):
        log.append(1, PAYLOAD, key=key_of(index))
    log.sync()
    return log


def log_recover(directory: Path) -> Callable[[], object]:
    """Open what a dead process left with one unsealed segment of RECORDS records."""
    large = SegmentLogOptions(segment_bytes=128 << 20, sync_interval_s=None)
    log = SegmentLog.open(directory, large)
    for index in range(RECORDS):
        log.append(1, PAYLOAD, key=key_of(index))
    log.sync()
    return lambda: recover(directory, large.filesystem)


def log_open_sealed(directory: Path) -> Callable[[], object]:
    """Open what a process left that ended well."""
    filled(directory).close()
    return lambda: SegmentLog.open(directory, options()).close()


def log_rebuild(directory: Path) -> Callable[[], object]:
    """Read every key, no payload."""
    log = filled(directory)
    return lambda: sum(1 for _ in log.headers())


def sqlite_rebuild(directory: Path) -> Callable[[], object]:
    """Read every key, no payload."""
    sqlite_append(directory)()
    database = sqlite3.connect(directory / "log.db")
    return lambda: sum(1 for _ in database.execute("SELECT key FROM record"))


def log_read(directory: Path) -> Callable[[], object]:
    """Read records by id."""
    log = filled(directory)
    ids = [record_id for record_id, _ in log.headers()][:: RECORDS // 2000]
    return lambda: [log.read(record_id) for record_id in ids]


def sqlite_read(directory: Path) -> Callable[[], object]:
    """Read records by key."""
    sqlite_append(directory)()
    database = sqlite3.connect(directory / "log.db")
    keys = [key_of(index) for index in range(0, RECORDS, RECORDS // 2000)]
    query = "SELECT payload FROM record WHERE key = ?"
    return lambda: [database.execute(query, (key,)).fetchone() for key in keys]


def main() -> None:
    """Print a table."""
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory(dir=place) as root:
        directory = Path(root)
        print(f"{RECORDS} records of {len(PAYLOAD)} bytes, best of {REPEATS}, in {directory.parent}")
        for name, count, ours, theirs in (
            ("append, survives the process", RECORDS, log_append, sqlite_append),
            ("read by id", 2000, log_read, sqlite_read),
            ("read every key", RECORDS, log_rebuild, sqlite_rebuild),
        ):
            cost, peer = (1e6 * seconds(action, directory) / count for action in (ours, theirs))
            print(f"{name:44}{cost:10.1f} us of CPU   SQLite {peer:10.1f}   ratio {peer / cost:5.2f}")
        wall = time.perf_counter
        rate, peer = (DURABLE_RECORDS / seconds(a, directory, wall) for a in (log_durable, sqlite_durable))
        name = "append, survives loss of power, one waiter"
        print(f"{name:44}{rate:10.0f} records/s   SQLite {peer:10.0f}   ratio {rate / peer:5.2f}")
        together = DURABLE_RECORDS * 4 / seconds(log_durable_together, directory, wall)
        name, gain = f"the same, {WAITERS} waiters", together / rate
        print(f"{name:44}{together:10.0f} records/s   group commit gains {gain:.1f}x")
        megabytes = RECORDS * len(PAYLOAD) / 1e6
        speed = megabytes / seconds(log_recover, directory)
        print(f"{'recover an unsealed segment':44}{speed:10.0f} MB per second of CPU")
        print(f"{'open sealed segments':44}{1e3 * seconds(log_open_sealed, directory, wall):10.1f} ms")


if __name__ == "__main__":
    main()
