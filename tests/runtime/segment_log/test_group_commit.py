"""Many wait for one flush, and each hears the truth."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from runtime.segment_log.group_commit import GroupCommit
from shared_models.errors import StorageError


@contextmanager
def running(flush: Callable[[], None], interval_s: float | None = None) -> Iterator[GroupCommit]:
    commit = GroupCommit(flush, interval_s, "test")
    yield commit
    commit.close()


def in_threads(count: int, action: Callable[[], None]) -> list[threading.Thread]:
    threads = [threading.Thread(target=action) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


def test_a_flush_under_way_is_not_enough_for_who_comes_later() -> None:
    begun, may_end, flushes = threading.Event(), threading.Semaphore(0), 0

    def flush() -> None:
        nonlocal flushes
        flushes += 1
        begun.set()
        may_end.acquire()

    with running(flush) as commit:
        (first,) = in_threads(1, commit.wait)
        begun.wait()
        (second,) = in_threads(1, commit.wait)
        may_end.release()
        first.join()
        assert second.is_alive()
        may_end.release()
        second.join()
        assert flushes == 2


def test_a_failed_flush_is_reported_to_everyone_who_waited() -> None:
    heard: list[str] = []

    def flush() -> None:
        raise StorageError("the disk said no")

    def wait() -> None:
        try:
            commit.wait()
        except StorageError as error:
            heard.append(str(error))

    with running(flush) as commit:
        for thread in in_threads(10, wait):
            thread.join()
    assert heard == ["the disk said no"] * 10


def test_a_flush_that_breaks_unexpectedly_leaves_nobody_waiting() -> None:
    def flush() -> None:
        raise ZeroDivisionError("a mistake of ours")

    with running(flush) as commit:
        for _ in range(2):
            with pytest.raises(StorageError, match="a mistake of ours"):
                commit.wait()


def test_a_success_after_a_failure_is_a_success() -> None:
    outcomes = iter([True, False])

    def flush() -> None:
        if next(outcomes):
            raise StorageError("once")

    with running(flush) as commit:
        with pytest.raises(StorageError):
            commit.wait()
        commit.wait()


def test_it_flushes_by_itself_when_time_is_up() -> None:
    flushed = threading.Event()
    with running(flushed.set, interval_s=0.001):
        assert flushed.wait(600)


def test_once_closed_nothing_is_promised() -> None:
    with running(lambda: None) as commit:
        commit.wait()
    with pytest.raises(StorageError, match="closed"):
        commit.wait()
