"""Between a camera's thread and the encoders: never more than a few pictures."""

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """A bounded queue that either drops its oldest item for a newer one or makes the giver wait.

    The first suits live cameras (an old picture is worth less than a new one), the second files.
    """

    def __init__(self, capacity: int, *, keeps_newest: bool) -> None:
        """Hold at most `capacity` items."""
        self._items: deque[T] = deque()
        self._capacity = capacity
        self._keeps_newest = keeps_newest
        self._changed = threading.Condition()
        self._is_closed = False
        self.dropped = 0

    def put(self, item: T) -> bool:
        """Leave an item; False if the box is closed and it was not taken."""
        with self._changed:
            if not self._keeps_newest:
                self._changed.wait_for(lambda: len(self._items) < self._capacity or self._is_closed)
            if self._is_closed:
                return False
            if len(self._items) == self._capacity:
                self._items.popleft()
                self.dropped += 1
            self._items.append(item)
            return True

    def take(self) -> T | None:
        """Return the oldest item, or None where there is none. Never waits."""
        with self._changed:
            item = self._items.popleft() if self._items else None
            self._changed.notify_all()
            return item

    def __len__(self) -> int:
        with self._changed:
            return len(self._items)

    def close(self) -> None:
        """Refuse further items and free whoever waits to leave one; what is inside can still be taken."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
