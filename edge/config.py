"""The agent's configuration: one YAML file, one frozen model tree.

agent: gate-house
link: {target: "cloud.example:7443", security: {token_file: /etc/slimstream/token}}
ring: {directory: /var/lib/slimstream/ring, budget_bytes: 8GiB}
defaults: {frames_per_second: 5, gate: {threshold: 0.03}}
cameras:
  front: {source: {kind: rtsp, url: "rtsp://user:password@10.0.0.7/stream1"}}
  yard:  {source: {kind: v4l2, device: /dev/video0}, masks: [{rectangle: [0, 0, 0.3, 1]}]}
"""

import socket
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field, ValidationError, field_validator, model_validator

from edge.config_camera import CameraConfig, CameraSettings
from runtime.config import ByteSize, ConfigSection, DurationSeconds
from runtime.credentials import ClientSecurity
from runtime.logs import LogConfig
from runtime.metrics import MetricsConfig

NAME_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
CAMERAS_MAX: Final = 64
ENV_PREFIX: Final = "SLIMSTREAM_EDGE"
"""SLIMSTREAM_EDGE__RING__BUDGET_BYTES=1GiB sets ring.budget_bytes."""
Name = Annotated[str, Field(pattern=NAME_PATTERN, examples=["gate-house"])]


class LinkConfig(ConfigSection):
    """The connection to the cloud: TLS unless it is loopback, or plaintext is asked for by name."""

    target: str = Field(default="localhost:7443", pattern=r"^\S+:\d{1,5}$", examples=["cloud.example:7443"])
    """Host and port of the gateway."""
    security: ClientSecurity = ClientSecurity()
    """TLS and identity."""
    connect_timeout_s: DurationSeconds = Field(default=15.0, gt=0, le=300)
    """How long the gateway may take to welcome the agent."""
    keepalive_s: DurationSeconds = Field(default=20.0, ge=5, le=600)
    """A silent link is probed after this long."""
    retry_s_max: DurationSeconds = Field(default=30.0, gt=0, le=3600)
    """What the pause between attempts to connect grows to."""
    drain_s_max: DurationSeconds = Field(default=5.0, ge=0, le=120)
    """How long a stopping agent waits for what it sent to be acknowledged."""


class Keep(StrEnum):
    """What the ring keeps beside each packet, for pulls."""

    SOURCE = "source"
    """The masked picture as it is coded, as a high-quality JPEG: any enhancement can be made from it."""
    ENHANCEMENT = "enhancement"
    """The coded enhancement layer at one quality: about a fifth of the space, more work for every frame."""


class RingConfig(ConfigSection):
    """The retention ring on disk."""

    directory: Path = Path("/var/lib/slimstream/ring")
    """Belongs to this agent alone; made if it is missing."""
    budget_bytes: ByteSize = Field(default=2 << 30, ge=4 << 20)
    """What the ring may take; the oldest sources go first, unacknowledged packets last."""
    segment_bytes: ByteSize = Field(default=8 << 20, ge=256 << 10, le=1 << 30)
    """Space is given back in pieces of this size."""
    sync_interval_s: DurationSeconds = Field(default=1.0, gt=0, le=60)
    """What a loss of power may cost."""
    keep: Keep = Keep.SOURCE
    """What pulls are answered from."""
    source_quality: int = Field(default=92, ge=50, le=100)
    """Quality of the kept JPEG."""

    @model_validator(mode="after")
    def _budget_holds_segments(self) -> "RingConfig":
        # Four kinds of records have a segment of their own open at any time.
        if self.budget_bytes < 8 * self.segment_bytes:
            raise ValueError(
                f"budget_bytes is {self.budget_bytes}, less than eight segments of {self.segment_bytes} "
                "bytes; raise the budget or lower segment_bytes"
            )
        return self


class EncoderConfig(ConfigSection):
    """The codec, and what it runs on."""

    package: str = "slim-1"
    """Name or path of a model package."""
    providers: tuple[str, ...] = Field(default=("cpu",), min_length=1)
    """`cpu`, `cuda`, `tensorrt`, best first; the agent says what it really got."""
    threads: int = Field(default=1, ge=1, le=64)
    """Threads of one encoding."""
    workers: int = Field(default=1, ge=1, le=16)
    """Encodings at the same time; more than there are cameras changes nothing."""


class PullConfig(ConfigSection):
    """Answers to requests for more of a frame."""

    reports_psnr: bool = True
    """Decode what was coded and say how close it came to the source; costs a decoder's time and memory."""
    waiting_max: int = Field(default=32, ge=1, le=1024)
    """Requests that may wait; more are refused."""


class AgentConfig(ConfigSection):
    """Everything an agent needs to know."""

    agent: Name = Field(default_factory=lambda: socket.gethostname().partition(".")[0])
    """The agent's name; the host's by default."""
    link: LinkConfig = LinkConfig()
    """The connection to the cloud."""
    ring: RingConfig = RingConfig()
    """The retention ring on disk."""
    encoder: EncoderConfig = EncoderConfig()
    """The codec, and what it runs on."""
    pull: PullConfig = PullConfig()
    """Answers to requests for more of a frame."""
    metrics: MetricsConfig = MetricsConfig()
    """Prometheus metrics."""
    log: LogConfig = LogConfig()
    """Structured logs."""
    defaults: CameraSettings = CameraSettings()
    """What every camera has unless it says otherwise."""
    cameras: dict[Name, CameraConfig] = Field(min_length=1, max_length=CAMERAS_MAX)
    """The cameras by name."""

    @model_validator(mode="before")
    @classmethod
    def _merge_defaults(cls, data: object) -> object:
        """Put `defaults` under each camera, unless they are wrong: then that is reported once."""
        if not isinstance(data, dict):
            return data
        defaults, cameras = data.get("defaults"), data.get("cameras")
        if not isinstance(defaults, dict) or not isinstance(cameras, dict):
            return data
        try:
            CameraSettings.model_validate(defaults)
        except ValidationError:
            return data
        merged = {
            name: _merged(defaults, camera) if isinstance(camera, dict) else camera
            for name, camera in cameras.items()
        }
        return {**data, "cameras": merged}

    @field_validator("cameras")
    @classmethod
    def _names_differ_in_more_than_case(cls, cameras: dict[str, CameraConfig]) -> dict[str, CameraConfig]:
        """File systems and environment variables do not always tell `Front` from `front`."""
        if len({name.lower() for name in cameras}) < len(cameras):
            raise ValueError("two cameras have names that differ in case only; rename one")
        return cameras


def _merged(defaults: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return `over` with what it leaves out taken from `defaults`, section by section; lists are replaced."""
    result = dict(defaults)
    for key, value in over.items():
        below = result.get(key)
        result[key] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result
