"""The same work on many items, on several processes."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ProcessPoolExecutor, wait
from multiprocessing.synchronize import Event
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

Plan = TypeVar("Plan")
Bench = TypeVar("Bench")
Item = TypeVar("Item")
Result = TypeVar("Result")

OnDone = Callable[[int, int], None]
"""Called with the number of items done and of all items."""

_bench: Any
_stop: Event


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Workers(Generic[Bench]):
    """Processes with a bench each: models are loaded there once, and only items and results travel.

    With one job nothing is started and the work is done here. An interrupt ends the whole once the items at
    hand are done; a cache then holds them.
    """

    def __init__(self, make_bench: Callable[[Plan], Bench], plan: Plan, jobs: int) -> None:
        """Start `jobs` processes with the bench `make_bench(plan)`; both must be picklable."""
        self._pool: ProcessPoolExecutor | None = None
        if jobs > 1:
            # a fork would copy the threads of ONNX Runtime and numba in whatever state they are
            context = multiprocessing.get_context("spawn")
            self._stop = context.Event()
            self._pool = ProcessPoolExecutor(jobs, context, _start, (make_bench, plan, self._stop))
        else:
            self._bench = make_bench(plan)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool:
            if error is not None:
                self._stop.set()  # what is queued already is passed over
            self._pool.shutdown(cancel_futures=True)

    def map(
        self,
        work: Callable[[Bench, Item], Result],
        items: Sequence[Item],
        on_done: OnDone = lambda done, of: None,
    ) -> list[Result]:
        """Return `work(bench, item)` of every item, in their order; the first error ends it and is raised."""
        if self._pool is None:
            results = []
            for done, item in enumerate(items, 1):
                results.append(work(self._bench, item))
                on_done(done, len(items))
            return results
        futures: list[Future[Result]] = [self._pool.submit(_run, work, item) for item in items]
        pending = set(futures)
        while pending:
            finished, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in finished:
                future.result()
            on_done(len(futures) - len(pending), len(futures))
        return [future.result() for future in futures]


def _start(make_bench: Callable[[Plan], Any], plan: Plan, stop: Event) -> None:
    global _bench, _stop  # a process of the pool has no other place for what it prepared
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when it ends
    _bench, _stop = make_bench(plan), stop


def _run(work: Callable[[Any, Item], Result], item: Item) -> Result:
    if _stop.is_set():
        raise CancelledError
    return work(_bench, item)
