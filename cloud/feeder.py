"""Finding work in the index: at the start of a worker, and whenever the broker had no room."""

import threading
from collections.abc import Sequence
from typing import Final

from cloud.broker import Job, LocalBroker, Shape
from cloud.storage import frame_queries
from cloud.storage.frame_queries import FrameRow
from cloud.storage.store import Store

_PAGE_ROWS: Final = 500
_PAUSE_S: Final = 0.5


class Feeder:
    """Offers the broker every frame that lacks a result, or a failure, of a wanted path; newest first."""

    def __init__(
        self, store: Store, broker: LocalBroker, models: Sequence[bytes], paths: Sequence[str]
    ) -> None:
        """Look for frames of `models` that one of `paths` has not seen."""
        self._store = store
        self._broker = broker
        self._models = models
        self._paths = paths

    def run(self, stop: threading.Event) -> None:
        """Feed at once, and again whenever the broker has turned jobs away and has room again."""
        self.feed()
        while not stop.wait(_PAUSE_S):
            if self._broker.take_refused():
                self.feed()

    def feed(self) -> int:
        """Offer what is to be done until the broker is full; return how many jobs it took."""
        return sum(self._feed_path(path) for path in self._paths)

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
