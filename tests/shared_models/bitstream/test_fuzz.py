"""Hostile bytes: valid packets and files are damaged, and nothing but a BitstreamError comes of it."""

import os
import random
import time
import tracemalloc
from collections.abc import Callable

import pytest

from shared_models.bitstream import (
    Limits,
    SlimFile,
    peek,
    peek_live,
    read_live,
    read_packet,
    read_slim,
    recover_slim,
    write_live,
    write_packet,
    write_slim,
)
from shared_models.errors import BitstreamError
from tests.shared_models.bitstream.strategies import FORMAT, sample_frames, sample_packets

SEQ = 300
LIMITS = Limits(pixels_max=2**20, payload_bytes_max=2**16, parts_max=8, frames_max=100)
SECONDS_MAX = 10.0  # of CPU for one input of a few hundred bytes: ten thousand times what it takes
PEAK_BYTES_MAX = 256 * 1024
NASTY = (b"\x00", b"\x7f", b"\x80", b"\xff", b"\xff" * 4, b"\xff" * 9 + b"\x01", b"\x80" * 12)


def check_live(data: bytes) -> None:
    packet = read_live(data, FORMAT, LIMITS, SEQ)
    assert write_live(packet, FORMAT, SEQ) == data
    assert peek_live(data, FORMAT, LIMITS, SEQ).symbols_crc32c == packet.symbols_crc32c


def check_complete(data: bytes) -> None:
    packet = read_packet(data, LIMITS)
    assert write_packet(packet) == data
    assert peek(data, LIMITS).format == packet.format


def check_slim(data: bytes) -> None:
    recovered = recover_slim(data, LIMITS)
    kept = list(recovered)
    slim = read_slim(data, LIMITS)
    assert write_slim(slim) == data
    assert kept == list(slim)
    assert recovered.damage is None


def corpus() -> list[tuple[bytes, Callable[[bytes], None]]]:
    packets = sample_packets(SEQ).values()
    return [
        *((write_live(packet, FORMAT, SEQ), check_live) for packet in packets),
        *((write_packet(packet), check_complete) for packet in packets),
        (write_slim(sample_frames()[:1]), check_slim),
        (write_slim(sample_frames()), check_slim),
    ]


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Damage `data` one to four times, half of them in the first 32 bytes, where the headers are."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(min(len(out), 32) if rng.random() < 0.5 else len(out)) if out else 0
        match rng.randrange(6):
            case 0:
                out[at : at + 1] = bytes([(out[at] if out else 0) ^ 1 << rng.randrange(8)])
            case 1:
                out[at : at + 1] = rng.randbytes(1)
            case 2:
                out[at:at] = rng.choice(NASTY)
            case 3:
                del out[at : at + rng.randint(1, 8)]
            case 4:
                del out[at:]
            case 5:
                source = rng.randrange(len(data))
                out[at:at] = data[source : source + rng.randint(1, 32)]
    return bytes(out)


def fuzz(rounds: int, seed: int) -> tuple[int, int]:
    """Return how many inputs were accepted and how many refused."""
    rng = random.Random(seed)
    inputs = corpus()
    accepted = 0
    tracemalloc.start()
    try:
        for _ in range(rounds):
            original, check = rng.choice(inputs)
            data = mutated(original, rng)
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            started = time.process_time()
            try:
                check(data)
                accepted += 1
            except BitstreamError:
                pass
            assert time.process_time() - started < SECONDS_MAX, data.hex()
            assert tracemalloc.get_traced_memory()[1] - before < PEAK_BYTES_MAX, data.hex()
    finally:
        tracemalloc.stop()
    return accepted, rounds - accepted


def test_mutated_packets_are_refused_or_read_for_what_they_are() -> None:
    accepted, refused = fuzz(20_000, seed=1)
    assert accepted > 500, "the mutations never leave a valid packet: they test too little"
    assert refused > 5_000


@pytest.mark.slow
def test_a_million_mutated_packets_are_refused_or_read_for_what_they_are() -> None:
    rounds = int(os.environ.get("SLIMSTREAM_FUZZ_ROUNDS", "1000000"))
    accepted, refused = fuzz(rounds, seed=2)
    assert accepted
    assert refused


def test_an_index_of_a_million_entries_is_refused_before_it_is_built() -> None:
    slim = write_slim(sample_frames())
    footer = slim[-8:]
    index_bytes = int.from_bytes(footer[:4], "little")
    at = len(slim) - 8 - index_bytes
    hostile = slim[:at] + slim[at : at + 1] + b"\xc0\x84\x3d" + slim[at + 2 : -8]
    hostile += (index_bytes + 2).to_bytes(4, "little") + footer[4:]
    with pytest.raises(BitstreamError, match="1000000 frames and at most 100"):
        read_slim(hostile, LIMITS)
    assert isinstance(recover_slim(hostile, LIMITS), SlimFile)
