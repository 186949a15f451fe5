"""The cloud's configuration: one YAML file; `slimstream cloud --print-config` shows it with its defaults."""

from enum import StrEnum
from pathlib import Path
from typing import Final

from pydantic import Field, model_validator

from runtime.config import ByteSize, ConfigSection, DurationSeconds
from runtime.credentials import ServerSecurity
from runtime.logs import LogConfig
from runtime.metrics import MetricsConfig
from shared_models.bitstream.limits import Limits

ENV_PREFIX: Final = "SLIMSTREAM_CLOUD"
_RECORD_OVERHEAD_BYTES: Final = 128 << 10
"""A record's header and key, at most."""


class Role(StrEnum):
    """A part of the cloud that can run alone.

    Processes of different roles share a store's directory. The gateway writes packets and the worker results,
    so each of the two runs in one process of a store; pulls need the api in the gateway's process.
    """

    GATEWAY = "gateway"
    WORKER = "worker"
    API = "api"


class ListenSection(ConfigSection):
    """Where agents and viewers connect."""

    address: str = "127.0.0.1:7443"
    """Host and port; port 0 takes a free one. Beyond loopback, `security` must name certificates."""
    port_file: Path | None = None
    """Write the port there once the server listens: for tests and demos that take a free one."""


class LimitsSection(ConfigSection):
    """What is accepted from the outside; everything beyond is refused and counted."""

    message_bytes: ByteSize = Field(default=1 << 20, ge=4096, le=16 << 20)
    """Largest message of an agent's stream."""
    pixels: int = Field(default=4096 * 4096, ge=256)
    """Largest coded picture, in pixels."""
    streams: int = Field(default=1000, ge=1)
    """Agents connected at the same time."""
    cameras_per_agent: int = Field(default=64, ge=1, le=4096)
    """Cameras that one agent may have."""
    formats_per_camera: int = Field(default=64, ge=1, le=65536)
    """Stream formats that a camera may agree on within one stream."""
    window_bytes: ByteSize = Field(default=4 << 20, ge=64 << 10)
    """Payload an agent may have sent that is not yet on stable storage."""
    window_frames: int = Field(default=256, ge=1)
    """Frames an agent may have sent that are not yet on stable storage."""
    bytes_per_second: ByteSize = Field(default=16 << 20, ge=1024)
    """Payload per second that an agent gets credits for, on average."""
    rejects_burst: int = Field(default=100, ge=1)
    """Refused messages after which a stream is cut; one a second is forgiven."""
    layer_bytes: ByteSize = Field(default=16 << 20, ge=64 << 10)
    """Largest pulled layer or source file."""
    chunk_bytes: ByteSize = Field(default=256 << 10, ge=1024)
    """Largest piece of a pulled layer."""
    deliveries: int = Field(default=16, ge=1)
    """Pulled layers taken at the same time."""

    @model_validator(mode="after")
    def _message_fits_window(self) -> "LimitsSection":
        # Credits come back a quarter of a window at a time: a half is always left for the largest message.
        if self.window_bytes < 2 * self.message_bytes:
            raise ValueError(
                f"window_bytes is {self.window_bytes} and must hold two messages of {self.message_bytes}"
            )
        return self

    def bitstream(self) -> Limits:
        """Return the limits for reading packets."""
        return Limits(pixels_max=self.pixels, symbols_max=3 * self.pixels, payload_bytes_max=self.layer_bytes)


class StoreSection(ConfigSection):
    """What is kept, and for how long."""

    directory: Path = Path("slimstream-cloud")
    """Belongs to this cloud alone; made if it is missing."""
    segment_bytes: ByteSize = Field(default=64 << 20, ge=1 << 20, le=1 << 30)
    """Size of a segment file: what retention gives up at a time."""
    budget_bytes: ByteSize | None = None
    """For packets and pulled layers; the oldest are given up, sources first. Else the disk is the limit."""
    results_budget_bytes: ByteSize | None = None
    """For results."""
    age: DurationSeconds | None = None
    """Give up what is older, a segment at a time."""

    @model_validator(mode="after")
    def _budgets_fit_segments(self) -> "StoreSection":
        for name, budget in (
            ("budget_bytes", self.budget_bytes),
            ("results_budget_bytes", self.results_budget_bytes),
        ):
            if budget is not None and budget < 8 * self.segment_bytes:
                raise ValueError(
                    f"{name} is {budget}, less than eight segments of {self.segment_bytes} bytes"
                )
        return self


class WorkerSection(ConfigSection):
    """What is made of every frame."""

    paths: tuple[str, ...] = ("detect",)
    """Paths to run on every frame, by name; installed paths are listed by `slimstream cloud paths`."""
    bridges: dict[str, str] = Field(default_factory=dict)
    """Bridges into models of yours, by the name that `paths` and results use: a directory that `slimstream
    fit-bridge` wrote, or the name of a ready-made bridge."""
    models: tuple[str, ...] = Field(default=("slim-1",), min_length=1)
    """Model packages whose streams are accepted and decoded, by name or path."""
    workers: int = Field(default=1, ge=1, le=64)
    """Workers in this process, each a thread."""
    threads: int = Field(default=1, ge=1, le=64)
    """Threads that a network uses."""
    providers: tuple[str, ...] = Field(default=("cpu",), min_length=1)
    """What networks run on, best first: tensorrt, cuda, cpu."""
    batch_max: int = Field(default=8, ge=1, le=256)
    """Frames of equal size that are worked on together."""
    queue_frames: int = Field(default=10_000, ge=1)
    """Frames that wait in memory; more are found in the index again when there is room."""


class ApiSection(ConfigSection):
    """What viewers may ask for."""

    pull_timeout: DurationSeconds = Field(default=10.0, gt=0, le=300)
    """How long to wait for an agent where the viewer does not say."""
    picture_threads: int = Field(default=2, ge=1, le=32)
    """Pictures made at the same time."""
    list_frames: int = Field(default=10_000, ge=1)
    """Most frames or results in one answer."""
    subscribers: int = Field(default=200, ge=1)
    """Subscriptions at the same time."""


class MetricsSection(MetricsConfig):
    """Prometheus metrics."""

    port: int = Field(default=9465, ge=0, le=65535)
    """0 takes any free port."""


class CloudConfig(ConfigSection):
    """Everything about a cloud process."""

    listen: ListenSection = ListenSection()
    """Where agents and viewers connect."""
    security: ServerSecurity = ServerSecurity()
    """TLS and who may do what."""
    limits: LimitsSection = LimitsSection()
    """What is accepted."""
    store: StoreSection = StoreSection()
    """What is kept."""
    worker: WorkerSection = WorkerSection()
    """What is made of every frame."""
    api: ApiSection = ApiSection()
    """What viewers may ask for."""
    metrics: MetricsSection = MetricsSection()
    """Prometheus."""
    log: LogConfig = LogConfig()
    """Logs."""

    @model_validator(mode="after")
    def _segments_hold_layers(self) -> "CloudConfig":
        if self.store.segment_bytes < self.limits.layer_bytes + _RECORD_OVERHEAD_BYTES:
            raise ValueError(
                f"store.segment_bytes is {self.store.segment_bytes} and a pulled layer may have "
                f"{self.limits.layer_bytes} bytes (limits.layer_bytes); raise the one or lower the other"
            )
        return self
