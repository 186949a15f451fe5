"""Resident memory of a process that does nothing but code, or decode, a few frames."""

import multiprocessing
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shared_models.bitstream.limits import Limits
from shared_models.bitstream.reader import read_packet
from shared_models.codecs.backend import BackendOptions
from shared_models.evaluation.latency.reencoded import ReencodedCodec
from shared_models.frames import Pixels
from shared_models.packages.registry import open_package

_STATUS: Final = Path("/proc/self/status")


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """What the process works with, and on."""

    model: str
    """Package, by name or path."""
    threads: int
    work: Pixels | bytes
    """A picture to encode, or a packet to decode."""
    width: float
    quality: float
    encoders: Mapping[str, bytes]
    """Encoders in place of the package's."""
    frames: int


@dataclass(frozen=True, slots=True)
class Growth:
    """MiB."""

    growth_mb: float
    """From before anything of the codec was loaded to the peak."""
    peak_mb: float
    """In all."""


def memory_growth(plan: MemoryPlan) -> Growth | None:
    """Run the plan in a fresh process; None where the system does not tell. Raises as the codec does."""
    if not _STATUS.exists():
        return None
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_grow, plan).result()


def _grow(plan: MemoryPlan) -> Growth:
    before = _status_mb("VmRSS")
    codec = ReencodedCodec(open_package(plan.model), BackendOptions(threads=plan.threads), plan.encoders)
    for _ in range(plan.frames):
        if isinstance(plan.work, bytes):
            packet = read_packet(plan.work, Limits())
            codec.latents(codec.decode_base(packet, Limits()), packet.quality_code)
        else:
            codec.encode_base(plan.work, quality=plan.quality, width=plan.width)
    peak = _status_mb("VmHWM")
    return Growth(peak - before, peak)


def _status_mb(field: str) -> float:
    (line,) = [each for each in _STATUS.read_text().splitlines() if each.startswith(f"{field}:")]
    return int(line.split()[1]) / 1024
