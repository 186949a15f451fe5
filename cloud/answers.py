"""The messages that a session sends back, built from its values."""

from collections.abc import Iterable, Sequence
from typing import Final

from cloud.credits import Grant
from cloud.greeting import GreetedCamera
from cloud.sequences import SeqInterval, SeqSet
from slimstream.v1.frame_pb2 import SeqRange
from slimstream.v1.ingest_pb2 import Ack, CameraWelcome, Credit, StreamResponse

_WELCOME_RANGES_MAX: Final = 1024
"""Older intervals are left out: what lies in them is sent again, and changes nothing."""


def welcome_of(greeted: GreetedCamera, stored: SeqSet) -> CameraWelcome:
    """Say what is stored of a camera, as far as its agent still holds it."""
    welcome = CameraWelcome(
        camera=greeted.key.camera,
        accepted_models=() if greeted.refusal else greeted.accepted_models,
        refusal=greeted.refusal,
    )
    through = stored.through
    if through is not None:
        welcome.stored_through_seq = through
    held = stored.newest_within(greeted.held_first, greeted.held_last, _WELCOME_RANGES_MAX)
    welcome.stored.extend(
        _ranges(interval for interval in held if through is None or interval.first > through)
    )
    return welcome


def ack_of(
    camera_index: int, epoch: int, stored: SeqSet, durable: SeqSet, gap_ids: Sequence[bytes]
) -> StreamResponse:
    """Acknowledge what became `durable` since the last ack."""
    ack = Ack(camera_index=camera_index, epoch=epoch, ranges=_ranges(durable), gap_ids=gap_ids)
    if stored.through is not None:
        ack.through_seq = stored.through
    return StreamResponse(ack=ack)


def credit_of(grant: Grant) -> Credit:
    """Write a grant as a message."""
    return Credit(bytes=grant.payload_bytes, frames=grant.frames)


def _ranges(intervals: Iterable[SeqInterval]) -> list[SeqRange]:
    return [SeqRange(first=interval.first, last=interval.last) for interval in intervals]
