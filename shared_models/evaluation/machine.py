"""The machine that a figure was measured on."""

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

LIBRARIES: Final = ("slimstream", "numpy", "onnxruntime", "pillow", "av", "imagecodecs", "pycocotools")


class Machine(BaseModel):
    """Processor, cores that this process may use, system, and versions of what does the work."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    processor: str
    cores: int
    system: str
    python: str
    versions: dict[str, str]


def this_machine() -> Machine:
    """Describe this machine, without its name."""
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        versions={name: version for name in LIBRARIES if (version := _version(name))},
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
