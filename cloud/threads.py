"""The threads of one process: workers, what feeds them, and housekeeping."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from cloud.config import Role
from cloud.feeder import Feeder
from cloud.housekeeping import Housekeeping
from cloud.metrics import StoreMetrics
from cloud.parts import Parts
from cloud.worker import Worker, WorkerOptions


@contextmanager
def running_threads(parts: Parts) -> Iterator[None]:
    """Run them for the length of the block; batches in hand are finished at its end."""
    stop = threading.Event()
    threads = [_housekeeping(parts, stop)]
    if Role.WORKER in parts.roles:
        threads += _workers(parts, stop)
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _workers(parts: Parts, stop: threading.Event) -> Sequence[threading.Thread]:
    options = parts.config.worker
    worker = Worker(
        store=parts.store,
        broker=parts.broker,
        models=parts.models,
        options=WorkerOptions(options.paths, options.batch_max, parts.config.limits.bitstream()),
        metrics=parts.worker_metrics,
        clock=parts.clock,
        on_results=parts.bell.ring,
    )
    feeder = Feeder(
        parts.store,
        parts.broker,
        parts.models.fingerprints,
        options.paths,
        is_gateway_elsewhere=Role.GATEWAY not in parts.roles,
    )
    parts.worker_metrics.queued.set_function(lambda: parts.broker.depth)
    return [
        threading.Thread(target=feeder.run, args=(stop,), name="feeder"),
        *(
            threading.Thread(target=worker.run, args=(stop,), name=f"worker {number}")
            for number in range(options.workers)
        ),
    ]


def _housekeeping(parts: Parts, stop: threading.Event) -> threading.Thread:
    keeper = Housekeeping(parts.store, parts.config.store.age, StoreMetrics(parts.registry), parts.clock)
    return threading.Thread(target=keeper.run, args=(stop,), name="housekeeping")
