"""What the demo asks of its cloud: results as they come, frames that are stored, pictures."""

import io
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import grpc
import numpy as np
from PIL import Image

from shared_models.errors import LinkError
from shared_models.frames import Pixels
from shared_models.tasks.results import Detection
from slimstream.v1 import control_pb2, control_pb2_grpc, frame_pb2

OLDEST = 1  # the cursor of the oldest stored result
PICTURE_BYTES_MAX = 64 << 20
PULL_MS_MAX = 60_000  # the demo would rather wait than fail on a slow machine


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture that the cloud answered, with what each layer cost."""

    pixels: Pixels
    layer_bytes: dict[int, int]


@dataclass(slots=True)
class ResultLog:
    """Results of the detect path by sequence number, filled by a thread."""

    by_seq: dict[int, control_pb2.Result] = field(default_factory=dict)
    newest_s: float = field(default_factory=time.monotonic)

    def take(self, result: control_pb2.Result) -> None:
        """Keep one result and the moment it came."""
        self.by_seq[result.frame.seq] = result
        self.newest_s = time.monotonic()

    @property
    def quiet_s(self) -> float:
        """Seconds since the last new result."""
        return time.monotonic() - self.newest_s


class CloudClient:
    """A viewer of one camera on one cloud."""

    def __init__(self, port: int, camera: str) -> None:
        """Open a channel on loopback."""
        options = [("grpc.max_receive_message_length", PICTURE_BYTES_MAX)]
        self.camera = camera
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=options)
        self.frames = control_pb2_grpc.FramesServiceStub(self.channel)
        self.results = control_pb2_grpc.ResultsServiceStub(self.channel)

    def follow(self, log: ResultLog) -> Callable[[], None]:
        """Fill `log` from a thread until the returned function is called."""
        wanted = control_pb2.ResultFilter(cameras=[self.camera], paths=["detect"])
        call = self.results.Subscribe(control_pb2.SubscribeRequest(filter=wanted, cursor=OLDEST))

        def read() -> None:
            try:
                for answer in call:
                    log.take(answer.result)
            except grpc.RpcError:
                return  # cancelled, or the cloud ended: its own log says why

        thread = threading.Thread(target=read, name="demo-results", daemon=True)
        thread.start()

        def stop() -> None:
            call.cancel()  # type: ignore[no-untyped-call]
            thread.join()

        return stop

    def stored(self) -> list[control_pb2.StoredFrame]:
        """Return every stored frame of the camera, oldest first."""
        answers = self.frames.List(control_pb2.ListRequest(camera=self.camera))
        return [answer.frame for answer in answers if answer.HasField("frame")]

    def picture(self, seq: int, quality: control_pb2.Quality) -> Picture:
        """Return one frame as a picture; raise LinkError with what the cloud said."""
        selector = control_pb2.FrameSelector(camera=self.camera, seq=seq)
        request = control_pb2.GetRequest(frame=selector, quality=quality, timeout_ms=PULL_MS_MAX)
        try:
            answer = self.frames.Get(request)
        except grpc.RpcError as error:
            details = error.details() if isinstance(error, grpc.Call) else str(error)
            raise LinkError(
                f"frame {self.camera}/{seq} could not be had: {details}; try the demo again"
            ) from None
        pixels = np.asarray(Image.open(io.BytesIO(answer.picture)).convert("RGB"))
        return Picture(pixels, {layer.layer: layer.bytes for layer in answer.layers})


PREVIEW = control_pb2.Quality(preview=True)
FULL = control_pb2.Quality(full=True)
SOURCE = control_pb2.Quality(source=True)
BASE_LAYER = frame_pb2.LAYER_BASE


def detections(result: control_pb2.Result, score_min: float) -> list[Detection]:
    """Return a result's boxes that are sure enough to show."""
    return [
        Detection(d.x_min, d.y_min, d.x_max, d.y_max, d.score, d.label, d.category_id)
        for d in result.detections
        if d.score >= score_min
    ]
