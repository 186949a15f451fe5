"""One camera between its capture thread and the ring: mask, gate, code, keep."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import structlog

from edge.capture import Captured
from edge.config_camera import FRAMES_PER_SECOND_MAX, QUALITY_MAX, CameraConfig
from edge.encoder import CodingChoice, FrameEncoder
from edge.encoder_pool import EncoderPool
from edge.gaps import Gap, GapReason, GapTracker
from edge.gate import ChangeGate, GateRules, RateLimiter
from edge.health import CameraHealth
from edge.mailbox import Mailbox
from edge.masks import MaskPainter
from edge.metrics import EdgeMetrics
from edge.ring import Ring
from edge.ring_records import KeptFrame
from edge.wish import Wish
from shared_models.errors import InputError, SlimstreamError, StorageError

_MEDIUM_PICTURES: Final = 4
"""Pictures of a file or directory that may wait for the encoder."""

log = structlog.get_logger(part="edge.camera")


@dataclass(frozen=True, slots=True)
class CameraSettingsNow:
    """What the cloud may change while the agent runs."""

    choice: CodingChoice
    frames_per_second: float


class Camera:
    """Everything about one camera but its source. `process_next` is called by one encoder at a time."""

    def __init__(
        self,
        name: str,
        config: CameraConfig,
        choice: CodingChoice,
        *,
        widths: Sequence[float],
        ring: Ring,
        encoder: FrameEncoder,
        metrics: EdgeMetrics,
        pool: EncoderPool,
    ) -> None:
        """Take what the camera is made of; nothing runs yet."""
        self.name = name
        self.config = config
        self.health = CameraHealth()
        self.limiter = RateLimiter(config.frames_per_second)
        # A camera's newest picture replaces the one before; those of a medium wait for each other, and one
        # that plays at its own speed leaves some out only when coding stays behind.
        capacity = _MEDIUM_PICTURES if config.has_medium else 1
        self.mailbox: Mailbox[Captured] = Mailbox(capacity, keeps_newest=config.is_live)
        self._widths = tuple(widths)
        self._ring = ring
        self._encoder = encoder
        self._metrics = metrics
        self._pool = pool
        self._configured = self._now = CameraSettingsNow(choice, config.frames_per_second)
        self._masks = MaskPainter([mask.outline for mask in config.masks])
        gate = config.gate
        self._gate = ChangeGate(GateRules(gate.threshold, gate.hold_s, gate.interval_s_max))
        self._left_out = GapTracker(name, ring.epoch(name))
        self._replaced = 0
        self._turn = threading.Lock()
        metrics.source_up.labels(name).set_function(lambda: float(self.health.is_up))

    @property
    def settings(self) -> CameraSettingsNow:
        """What is in force now."""
        return self._now

    def direct(self, wish: Wish) -> None:
        """Go by the cloud's wish and, where it asks for nothing, by the configuration.

        Raises InputError, and changes nothing, for what the model or a camera does not have.
        """
        quality, width, rate = wish.quality, wish.width, wish.frames_per_second
        if width is not None and width not in self._widths:
            known = ", ".join(map(str, self._widths))
            raise InputError(f"there is no width {width:g}; choose one that the model has, {known}")
        if quality is not None and not 0 <= quality <= QUALITY_MAX:
            raise InputError(f"there is no quality {quality:g}; choose one from 0 to {QUALITY_MAX}")
        if rate is not None and not 0 < rate <= FRAMES_PER_SECOND_MAX:
            raise InputError(
                f"no camera gives {rate:g} frames a second; choose above 0 to {FRAMES_PER_SECOND_MAX}"
            )
        configured = self._configured
        choice = replace(
            configured.choice,
            quality=configured.choice.quality if quality is None else quality,
            width=configured.choice.width if width is None else width,
        )
        self._now = CameraSettingsNow(choice, configured.frames_per_second if rate is None else rate)
        self.limiter.set_rate(self._now.frames_per_second)

    # What its capture thread says

    def picture_taken(self) -> None:
        """Have a picture coded that waits in the mailbox."""
        self._metrics.pictures.labels(self.name).inc()
        busy = self.mailbox.dropped - self._replaced
        if busy:
            self._replaced += busy
            self._metrics.left_out.labels(self.name, "busy").inc(busy)
        self._pool.wake(self)

    def source_failed(self) -> None:
        """Count a failure of the source; it will be opened again."""
        self._metrics.source_errors.labels(self.name).inc()

    def source_ended(self) -> None:
        """Have the gap closed that is still open once the last picture is coded."""
        self._pool.wake(self)

    def keep_gaps(self, gaps: list[Gap]) -> None:
        """Record gaps."""
        for gap in gaps:
            self._ring.append_gap(gap)

    # What an encoder does

    def process_next(self) -> bool:
        """Take the next picture through; False if none waits."""
        with self._turn:
            captured = self.mailbox.take()
            if captured is None:
                if self.health.has_ended:
                    self.keep_gaps(self._left_out.close())
                return False
            self._process(captured)
            return True

    def finish(self) -> None:
        """Record the gap that is still open: the agent stops."""
        with self._turn:
            self.keep_gaps(self._left_out.close())

    def _process(self, captured: Captured) -> None:
        seq = self._ring.next_seq(self.name)
        try:
            pixels = self._masks.paint(captured.pixels)
            decision = self._gate.decide(pixels, captured.time.monotonic_ns / 1e9)
            encoded = self._encoder.encode(pixels, seq, self._now.choice) if decision.is_open else None
        except SlimstreamError as error:
            log.warning("frame_not_encoded", camera=self.name, seq=seq, reason=str(error))
            self._leave_out(GapReason.ENCODE_FAILED, seq, captured)
            return
        except Exception:  # a bug costs this frame; the number it has used up is explained all the same
            log.exception("frame_not_encoded", camera=self.name, seq=seq)
            self._leave_out(GapReason.ENCODE_FAILED, seq, captured)
            return
        if encoded is None:
            self._leave_out(GapReason.GATED, seq, captured)
            return
        self.keep_gaps(self._left_out.close())
        frame = KeptFrame(
            camera=self.name,
            epoch=self._ring.epoch(self.name),
            seq=seq,
            time=captured.time,
            encode_us=encoded.encode_us,
            change_score=decision.score,
            packet=encoded.packet,
        )
        try:
            self._ring.append_frame(frame, encoded.kept)
        except StorageError as error:
            log.warning("frame_not_kept", camera=self.name, seq=seq, reason=str(error))
            self._leave_out(GapReason.EVICTED, seq, captured)
            return
        self.health.coded(captured.time.monotonic_ns / 1e9)
        self._metrics.frames.labels(self.name).inc()
        self._metrics.encode.labels(self.name).observe(encoded.encode_us / 1e6)
        self._metrics.packet.labels(self.name).observe(len(encoded.packet))

    def _leave_out(self, reason: GapReason, seq: int, captured: Captured) -> None:
        self._metrics.left_out.labels(self.name, reason.name.lower()).inc()
        self.keep_gaps(self._left_out.miss_frame(reason, seq, captured.time.capture_ns))
