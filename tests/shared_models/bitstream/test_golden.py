"""Version 1 of the bitstream, pinned for good: `make golden` is only for a new version."""

import os
from pathlib import Path

import pytest

from shared_models.bitstream import read_live, read_packet, read_slim, write_live, write_packet, write_slim
from tests.shared_models.bitstream.strategies import FORMAT, LIMITS, sample_frames, sample_packets

GOLDEN = Path(__file__).parents[2] / "golden" / "bitstream"
SEQ = 300
KINDS = ("intra", "predicted", "enhancement", "features")


def golden(name: str, written: bytes) -> bytes:
    path = GOLDEN / name
    if os.environ.get("SLIMSTREAM_WRITE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(written)
    return path.read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_live_packets_match_the_golden_files(kind: str) -> None:
    packet = sample_packets(SEQ)[kind]
    written = write_live(packet, FORMAT, SEQ)
    held = golden(f"v1_live_{kind}.bin", written)
    assert written == held
    assert read_live(held, FORMAT, LIMITS, SEQ) == packet


@pytest.mark.parametrize("kind", KINDS)
def test_complete_packets_match_the_golden_files(kind: str) -> None:
    packet = sample_packets(SEQ)[kind]
    written = write_packet(packet)
    held = golden(f"v1_complete_{kind}.bin", written)
    assert written == held
    assert read_packet(held, LIMITS) == packet


@pytest.mark.parametrize(("name", "count"), [("v1_image.slim", 1), ("v1_clip.slim", 3)])
def test_files_match_the_golden_files(name: str, count: int) -> None:
    frames = sample_frames()[:count]
    written = write_slim(frames)
    held = golden(name, written)
    assert written == held
    assert list(read_slim(held, LIMITS)) == frames
