"""What the agent says of itself to the gateway: who it is, and how it is doing."""

import contextlib
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from edge.camera import Camera
from edge.ring import Ring
from shared_models.bitstream.limits import Limits
from shared_models.bitstream.reader import peek
from shared_models.errors import SlimstreamError
from slimstream.v1 import ingest_pb2

REVISION: Final = 1
"""Highest revision of the protocol that this agent speaks."""


def software() -> str:
    """Return name and version of this software."""
    try:
        return f"slimstream-edge/{version('slimstream')}"
    except PackageNotFoundError:
        return "slimstream-edge/unpackaged"


def hello_message(
    agent: str, ring: Ring, cameras: Sequence[str], fingerprints: Sequence[bytes], boot_id: str
) -> ingest_pb2.Hello:
    """Introduce the agent and its cameras, in the order that indices refer to. Asks the ring on disk."""
    hello = ingest_pb2.Hello(agent=agent, software=software(), revision=REVISION, boot_id=boot_id)
    for name in cameras:
        camera = hello.cameras.add(camera=name, epoch=ring.epoch(name), model_fingerprints=fingerprints)
        held = ring.held(name)
        if held is not None:
            camera.oldest_held_seq, camera.newest_held_seq = held.first, held.last
    return hello


def left_fingerprints(ring: Ring, current: bytes) -> list[bytes]:
    """Return the models, other than `current`, of the oldest frames that an earlier agent left unsent."""
    found: dict[bytes, None] = {}
    for camera in ring.cameras:
        oldest = ring.unsent(camera).seqs.first
        if oldest is not None:
            with contextlib.suppress(
                SlimstreamError
            ):  # what cannot be read becomes a gap when its turn comes
                found[peek(ring.read_frame(camera, oldest).packet, Limits()).fingerprint] = None
    found.pop(current, None)
    return list(found)


def status_message(
    ring_bytes: int, budget_bytes: int, backlog_frames: int, cameras: Mapping[str, Camera], provider: str
) -> ingest_pb2.AgentStatus:
    """Say how the ring and every camera are doing."""
    status = ingest_pb2.AgentStatus(
        ring_bytes=ring_bytes, ring_budget_bytes=budget_bytes, backlog_frames=backlog_frames
    )
    for name, camera in cameras.items():
        health = camera.health.at(time.monotonic())
        status.cameras.add(
            camera=name,
            is_up=health.is_up,
            last_error=health.last_error,
            frames_per_second=health.frames_per_second,
            encoder_provider=provider,
            width=camera.settings.choice.width,
            quality=camera.settings.choice.quality,
        )
    return status
