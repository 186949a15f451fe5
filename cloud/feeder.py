"""Finding work in the index: at the start of a worker, and whenever the broker had no room."""

import threading
from collections.abc import Sequence
from typing import Final

from cloud.broker import Job, LocalBroker, Shape
from cloud.storage import frame_queries
from cloud.storage.frame_queries import FrameRow
from cloud.storage.store import Store
from runtime.logs import get_logger
from shared_models.errors import StorageError

_log = get_logger("cloud.worker")
_PAGE_ROWS: Final = 500
_PAUSE_S: Final = 0.5
_POLL_S: Final = 0.05


class Feeder:
    """Offers the broker every frame that lacks a result, or a failure, of a wanted path; newest first."""

    def __init__(
        self,
        store: Store,
        broker: LocalBroker,
        models: Sequence[bytes],
        paths: Sequence[str],
        *,
        is_gateway_elsewhere: bool = False,
    ) -> None:
        """Look for frames of `models` that one of `paths` has not seen.

        With `is_gateway_elsewhere`, also for frames that another process stores from now on.
        """
        self._is_gateway_elsewhere = is_gateway_elsewhere
        self._seen_id = 0
        self._store = store
        self._broker = broker
        self._models = models
        self._paths = paths

    def run(self, stop: threading.Event) -> None:
        """Feed at once, and again whenever the broker has turned jobs away and has room again."""
        is_behind = True
        while True:
            try:
                if is_behind:
                    self.feed()
                    is_behind = False
                elif self._is_gateway_elsewhere:
                    self.follow()
            except StorageError as error:  # an index that is busy or fails is asked again
                _log.warning("feeding_failed", detail=str(error))
                is_behind = True
            if stop.wait(_POLL_S if self._is_gateway_elsewhere else _PAUSE_S):
                return
            is_behind |= self._broker.take_refused()

    def feed(self) -> int:
        """Offer what is to be done until the broker is full; return how many jobs it took."""
        with self._store.reading() as connection:
            self._seen_id = frame_queries.newest_row_id(connection)
        return sum(self._feed_path(path) for path in self._paths)

    def follow(self) -> None:
        """Offer what was stored since the last look."""
        with self._store.reading() as connection:
            rows = frame_queries.frames_behind(connection, self._models, self._seen_id, _PAGE_ROWS)
        for row_id, frame in rows:
            self._broker.publish(_job(frame))
            self._seen_id = row_id

    def _feed_path(self, path: str) -> int:
        taken, before_id = 0, None
        while True:
            with self._store.reading() as connection:
                rows = frame_queries.frames_without(connection, path, self._models, before_id, _PAGE_ROWS)
            for row_id, frame in rows:
                if not self._broker.publish(_job(frame)):
                    return taken
                taken, before_id = taken + 1, row_id
            if len(rows) < _PAGE_ROWS:
                return taken


def _job(frame: FrameRow) -> Job:
    return Job(frame.frame_id, Shape(frame.model, frame.width, frame.height), frame.base, stored_ns=0)
