"""What the caller is willing to accept from bytes that come from outside."""

from dataclasses import dataclass

from shared_models.errors import LimitError


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds on sizes, each checked before anything of that size is allocated.

    The defaults admit the largest picture the `slim` codec knows, 4096×4096, with every layer: the
    enhancement has three symbols a pixel (192 channels at stride 8).
    """

    pixels_max: int = 4096 * 4096
    symbols_max: int = 3 * 4096 * 4096
    payload_bytes_max: int = 16 * 2**20
    parts_max: int = 16
    frames_max: int = 1_000_000

    def check_pixels(self, width: int, height: int, offset_bytes: int | None = None) -> None:
        """Raise LimitError unless a `width`×`height` picture is allowed."""
        if width * height > self.pixels_max:
            raise LimitError(
                f"the frame is {width}×{height} pixels and at most {self.pixels_max} are accepted here",
                offset_bytes,
            )

    def check_symbols(self, count: int) -> None:
        """Raise LimitError unless a layer of `count` symbols is allowed."""
        if count > self.symbols_max:
            raise LimitError(
                f"the layer has {count} symbols and at most {self.symbols_max} are accepted here"
            )

    def check_payload(self, size_bytes: int, offset_bytes: int | None = None) -> None:
        """Raise LimitError unless a packet with `size_bytes` of payload is allowed."""
        if size_bytes > self.payload_bytes_max:
            raise LimitError(
                f"the payload has {size_bytes} bytes and at most {self.payload_bytes_max} are accepted here",
                offset_bytes,
            )

    def check_parts(self, count: int, offset_bytes: int | None = None) -> None:
        """Raise LimitError unless a packet of `count` parts is allowed."""
        if count > self.parts_max:
            raise LimitError(
                f"the packet has {count} parts and at most {self.parts_max} are accepted here", offset_bytes
            )

    def check_frames(self, count: int, offset_bytes: int | None = None) -> None:
        """Raise LimitError unless a file of `count` frames is allowed."""
        if count > self.frames_max:
            raise LimitError(
                f"the file has {count} frames and at most {self.frames_max} are accepted here", offset_bytes
            )
