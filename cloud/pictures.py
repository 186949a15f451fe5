"""Making pictures of stored frames: which layers a wish needs, and the picture from them."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PIL import Image

from cloud.models import Models
from cloud.paths.path import DecodedFrame
from cloud.pulls import Wanted
from cloud.storage import frame_queries
from cloud.storage.frame_queries import FrameRow, LayerRow
from cloud.storage.store import Store
from cloud.worker import frame_message
from shared_models.bitstream.limits import Limits
from shared_models.bitstream.packet import quality_code_of
from shared_models.bitstream.reader import read_packet
from shared_models.errors import InputError
from slimstream.v1.control_pb2 import FrameSelector, GetResponse, LayerCost, Quality
from slimstream.v1.frame_pb2 import LAYER_BASE, LAYER_ENHANCEMENT, LAYER_SOURCE, CaptureTime

PREVIEW_PATH: Final = "preview"
FULL_PATH: Final = "reconstruct"
_NEAREST: Final = 4
_PNG_LEVEL: Final = 1
"""Fast: the picture is looked at once, and was slower to make than to send."""


@dataclass(frozen=True, slots=True)
class Found:
    """What there is for a request: the frame, or why not and what is near."""

    frame: FrameRow | None
    reason: str = ""
    nearest: Sequence[FrameRow] = ()


class Pictures:
    """Looks frames up and makes pictures of them. Safe to use from several threads."""

    def __init__(self, store: Store, models: Models, limits: Limits) -> None:
        """Use `models`, which must have the paths `preview` and `reconstruct`."""
        self._store = store
        self._models = models
        self._limits = limits

    def find(self, selector: FrameSelector) -> Found:
        """Look up the frame that is meant; raise InputError if the request names none."""
        camera, epoch = selector.camera, selector.epoch if selector.HasField("epoch") else None
        with self._store.reading() as connection:
            match selector.WhichOneof("selector"):
                case "seq":
                    frame = frame_queries.frame_by_seq(connection, camera, selector.seq, epoch)
                    if frame is None:
                        nearest = frame_queries.nearest_by_seq(
                            connection, camera, selector.seq, epoch, _NEAREST
                        )
                        return Found(None, _missing(camera, f"frame {selector.seq}", nearest), nearest)
                case "time_ns":
                    frame = frame_queries.frame_by_time(connection, camera, selector.time_ns)
                case "is_newest":
                    frame = frame_queries.newest_frame(connection, camera)
                case _:
                    raise InputError(
                        "a request names a seq, a time or the newest frame, and this one none; name one"
                    )
            return Found(frame, "" if frame else _missing(camera, "no frame", ()))

    def wanted(self, frame: FrameRow, quality: Quality) -> Wanted | None:
        """Return the layer that a quality needs beyond the base; None for a preview; raise InputError."""
        match quality.WhichOneof("kind"):
            case "full":
                return Wanted(frame.frame_id, LAYER_ENHANCEMENT, None)
            case "level":
                if not 0 <= quality.level <= 100:
                    raise InputError(
                        f"quality {quality.level:g} is not between 0 and 100; choose one that is"
                    )
                return Wanted(frame.frame_id, LAYER_ENHANCEMENT, quality_code_of(quality.level))
            case "source":
                return Wanted(frame.frame_id, LAYER_SOURCE, None)
            case _:
                return None

    def stored_layer(self, wanted: Wanted, *, is_pulled: bool) -> LayerRow | None:
        """Return the stored layer that answers a wish; the nearest in quality once it `is_pulled`."""
        with self._store.reading() as connection:
            rows = frame_queries.layers_of(connection, wanted.frame_id)
        rows = [row for row in rows if row.layer == wanted.layer]
        code = wanted.quality_code
        if code is None:
            return rows[0] if rows else None
        nearest = min(rows, key=lambda row: abs(row.quality_code - code), default=None)
        return nearest if is_pulled or (nearest and nearest.quality_code == code) else None

    def make(self, frame: FrameRow, layer: LayerRow | None, *, is_fetched: bool) -> GetResponse:
        """Make the picture from base and `layer`; raise NotHeldError, BitstreamError or ModelError."""
        described, payload = self._store.read_layer(frame.base)
        answer = GetResponse(
            frame=frame_message(frame.frame_id), time=described.time, width=frame.width, height=frame.height
        )
        answer.layers.append(LayerCost(layer=LAYER_BASE, bytes=len(payload)))
        psnr_db = self._preview_psnr_db(frame) if layer is None else layer.psnr_db
        if psnr_db is not None:
            answer.psnr_db = psnr_db
        if layer is None:
            self._draw(answer, PREVIEW_PATH, self._models.decode(read_packet(payload, self._limits)))
            return answer
        pulled, data = self._store.read_layer(layer.record_id)
        answer.layers.append(LayerCost(layer=layer.layer, bytes=len(data), is_fetched=is_fetched))
        if layer.layer == LAYER_SOURCE:
            answer.picture, answer.media_type = data, pulled.media_type
            answer.source_sha256 = pulled.sha256
            answer.width, answer.height = _jpeg_size(data)
            return answer
        decoded = self._models.decode(read_packet(payload, self._limits))
        full = self._models.enhance(decoded, read_packet(data, self._limits))
        self._draw(answer, FULL_PATH, full)
        return answer

    def _preview_psnr_db(self, frame: FrameRow) -> float | None:
        """Return what the edge has said of the preview, when it delivered a layer of this frame."""
        with self._store.reading() as connection:
            layers = frame_queries.layers_of(connection, frame.frame_id)
        return next((row.preview_psnr_db for row in layers if row.preview_psnr_db is not None), None)

    def _draw(self, answer: GetResponse, path: str, decoded: DecodedFrame) -> None:
        [findings] = self._models.path(decoded.base.packet.fingerprint, path).run([decoded])
        assert findings.picture is not None, f"path {path} makes pictures"
        file = io.BytesIO()
        Image.fromarray(findings.picture).save(file, "PNG", compress_level=_PNG_LEVEL)
        answer.picture, answer.media_type = file.getvalue(), "image/png"


def capture_time(frame: FrameRow) -> CaptureTime:
    """Write a frame's moment as a message."""
    return CaptureTime(capture_ns=frame.capture_ns, monotonic_ns=frame.monotonic_ns)


def _missing(camera: str, what: str, nearest: Sequence[FrameRow]) -> str:
    if not nearest:
        return f"no frame of camera {camera[:80]!r} is stored here"
    near = ", ".join(str(row.frame_id.seq) for row in nearest)
    return f"{what} of camera {camera} is not stored here; the nearest are {near}"


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """Return width and height; (0, 0) where the file is not what it says."""
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            return image.size
    except (OSError, ValueError):
        return 0, 0
