"""An HTTP camera that pushes JPEG pictures (MJPEG) as a source."""

import http.client
import io
import urllib.request
from collections import deque
from typing import Final
from urllib.parse import unquote, urlsplit

import numpy as np
from PIL import Image, UnidentifiedImageError

from edge.sources.mjpeg_parts import PartReader, boundary_of
from edge.sources.scaling import fit
from edge.sources.source import Grab
from runtime.secrets import mask_url_passwords
from shared_models.errors import SourceError
from shared_models.frames import Pixels

_READ_BYTES: Final = 64 << 10


class MjpegSource:
    """An open HTTP stream of JPEG pictures. Of several that waited, only the newest is given."""

    def __init__(self, url: str, timeout_s: float) -> None:
        """Connect; raise SourceError if the camera refuses, or is silent for `timeout_s` now or later."""
        self._name = mask_url_passwords(url)
        try:
            address, opener = _opener(url)
            self._response = opener.open(address, timeout=timeout_s)
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise SourceError(
                f"{self._name} cannot be opened: {error}; check address, user and password"
            ) from error
        try:
            self._parts = PartReader(boundary_of(self._response.headers.get("Content-Type", "")))
        except SourceError:
            self._response.close()
            raise
        self._waiting: deque[bytes] = deque(maxlen=1)

    def grab(self) -> Grab | None:
        """Wait for the next picture."""
        while not self._waiting:
            try:
                data = self._response.read1(_READ_BYTES)
            except (OSError, ValueError, http.client.HTTPException) as error:
                raise SourceError(f"{self._name} stopped: {error}") from error
            if not data:
                raise SourceError(f"{self._name} closed the connection; does it allow one more viewer?")
            self._waiting.extend(self._parts.receive_data(data))
        jpeg = self._waiting.popleft()
        return Grab(None, lambda long_side_px: decode_jpeg(jpeg, long_side_px, self._name))

    def close(self) -> None:
        """Close the connection."""
        self._response.close()


def decode_jpeg(jpeg: bytes, long_side_px: int, name: str) -> Pixels:
    """Decode a picture, neither side beyond `long_side_px`; raise SourceError."""
    try:
        with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as image:
            image.draft("RGB", (long_side_px, long_side_px))  # libjpeg skips what scaling would throw away
            pixels = np.asarray(image.convert("RGB"), dtype=np.uint8)
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise SourceError(f"{name} gave a picture that cannot be decoded: {error}") from error
    return fit(pixels, long_side_px)


def _opener(url: str) -> tuple[str, urllib.request.OpenerDirector]:
    """Return the address without user and password, and what opens it as the camera demands.

    The password is sent only when the camera asks for it, hashed (Digest) where the camera can.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise SourceError(f"{mask_url_passwords(url)} is not an http or https address; correct source.url")
    login, _, host = parts.netloc.rpartition("@")
    address = parts._replace(netloc=host).geturl()
    if not login:
        return address, urllib.request.build_opener()
    user, _, password = login.partition(":")
    known = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    known.add_password(None, address, unquote(user), unquote(password))
    digest, basic = urllib.request.HTTPDigestAuthHandler(known), urllib.request.HTTPBasicAuthHandler(known)
    return address, urllib.request.build_opener(digest, basic)
