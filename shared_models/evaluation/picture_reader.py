"""Pictures by their place among others: read when needed, known by what is in them."""

import hashlib
from collections.abc import Callable
from functools import partial

from shared_models.evaluation.coded_pictures import Picture
from shared_models.frames import Pixels


class PictureReader:
    """Pictures by a number; the pixels of the last one are kept for the next look."""

    def __init__(self, read: Callable[[int], Pixels]) -> None:
        """Take what reads a picture as it is measured, (H, W, 3) uint8 RGB."""
        self._read = read
        self._known: dict[int, Picture] = {}
        self._last: tuple[int, Pixels] | None = None

    def pixels(self, place: int) -> Pixels:
        """Return a picture as it is measured, (H, W, 3) uint8 RGB; raise InputError."""
        if self._last is None or self._last[0] != place:
            self._last = place, self._read(place)
        return self._last[1]

    def picture(self, place: int) -> Picture:
        """Return what the cache knows a picture by; raise InputError."""
        if place not in self._known:
            pixels = self.pixels(place)
            digest = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).digest()
            height, width = pixels.shape[:2]
            self._known[place] = Picture(digest, width, height, partial(self.pixels, place))
        return self._known[place]
