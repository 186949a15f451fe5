"""Cuts an HTTP camera's `multipart/x-mixed-replace` bytes into JPEG pictures. Sans-I/O.

Cameras differ: most give Content-Length, some do not; the boundary in the header may or may not repeat its
dashes. The rules here accept all of them and bound what a broken one can make us hold.
"""

import re
from email.message import Message
from typing import Final

from shared_models.errors import SourceError

HEADER_BYTES_MAX: Final = 8 << 10
PICTURE_BYTES_MAX: Final = 16 << 20
_CONTENT_LENGTH: Final = re.compile(rb"^content-length:\s*(\d{1,10})\s*$", re.IGNORECASE | re.MULTILINE)


def boundary_of(content_type: str) -> bytes:
    """Return the delimiter that a Content-Type announces, with its dashes; SourceError if there is none."""
    message = Message()
    message["Content-Type"] = content_type
    boundary = message.get_param("boundary")
    if (
        message.get_content_maintype() != "multipart"
        or not isinstance(boundary, str)
        or not boundary.strip("- ")
    ):
        raise SourceError(
            f"the camera answers {content_type!r}, no multipart stream of JPEG; find its MJPEG address"
        )
    return b"--" + boundary.strip().removeprefix("--").encode("latin-1", "replace")


class PartReader:
    """Collect bytes as they arrive; hand out each picture once it is whole."""

    def __init__(self, boundary: bytes) -> None:
        """Take the delimiter as `boundary_of` returns it."""
        self._boundary = boundary
        self._buffer = bytearray()
        self._body_bytes: int | None = None
        self._is_in_body = False

    def receive_data(self, data: bytes) -> list[bytes]:
        """Return the pictures that `data` completes, oldest first; raise SourceError beyond the limits."""
        self._buffer += data
        pictures = []
        while (picture := self._take_picture()) is not None:
            if picture:
                pictures.append(picture)
        return pictures

    def _take_picture(self) -> bytes | None:
        if not self._is_in_body and not self._take_header():
            return None
        if self._body_bytes is not None:
            if len(self._buffer) < self._body_bytes:
                return None
            end = self._body_bytes
        else:
            end = self._buffer.find(b"\r\n" + self._boundary)
            if end < 0:
                if len(self._buffer) > PICTURE_BYTES_MAX:
                    raise SourceError(f"the camera sent a picture of more than {PICTURE_BYTES_MAX} bytes")
                return None
        picture = bytes(self._buffer[:end])
        del self._buffer[:end]
        self._is_in_body = False
        return picture

    def _take_header(self) -> bool:
        """Move behind the next part's header; False if it is not whole yet."""
        start = self._buffer.find(self._boundary)
        end = -1 if start < 0 else self._buffer.find(b"\r\n\r\n", start)
        if end < 0:
            if len(self._buffer) > HEADER_BYTES_MAX:
                raise SourceError(f"the camera sent {HEADER_BYTES_MAX} bytes without a whole part header")
            return False
        length = _CONTENT_LENGTH.search(bytes(self._buffer[start:end]).replace(b"\r\n", b"\n"))
        self._body_bytes = None if length is None else int(length[1])
        if self._body_bytes is not None and self._body_bytes > PICTURE_BYTES_MAX:
            raise SourceError(
                f"the camera announced a picture of {self._body_bytes} bytes, over {PICTURE_BYTES_MAX}"
            )
        del self._buffer[: end + 4]
        self._is_in_body = True
        return True
