"""What the agent says of itself to the gateway: who it is, and how it is doing."""

import time
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from edge.camera import Camera
from edge.ring import Ring
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
    agent: str, ring: Ring, cameras: Sequence[str], fingerprint: bytes, boot_id: str
) -> ingest_pb2.Hello:
    """Introduce the agent and its cameras, in the order that indices refer to."""
    hello = ingest_pb2.Hello(agent=agent, software=software(), revision=REVISION, boot_id=boot_id)
    for name in cameras:
        camera = hello.cameras.add(camera=name, epoch=ring.epoch(name), model_fingerprints=[fingerprint])
        held = ring.held(name)
        if held is not None:
            camera.oldest_held_seq, camera.newest_held_seq = held.first, held.last
    return hello


def status_message(
    ring: Ring, budget_bytes: int, backlog_frames: int, cameras: Mapping[str, Camera], provider: str
) -> ingest_pb2.AgentStatus:
    """Say how the ring and every camera are doing."""
    status = ingest_pb2.AgentStatus(
        ring_bytes=ring.stats.size_bytes, ring_budget_bytes=budget_bytes, backlog_frames=backlog_frames
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
