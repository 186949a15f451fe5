"""`slimstream doctor`: check an installation, say what is missing and how to mend it."""

import json
import platform
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib import metadata, util
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from shared_models.errors import SlimstreamError

app = typer.Typer()

EXTRAS: dict[str, tuple[str, ...]] = {
    "edge": ("onnxruntime", "av", "cv2", "grpc", "google.protobuf", "prometheus_client"),
    "cloud": ("onnxruntime", "sqlalchemy", "grpc", "grpc_health", "grpc_reflection", "cryptography"),
    "bridge": ("torch", "onnx"),
    "train": ("torch", "onnx", "onnxscript", "pycocotools"),
}
_EITHER_ROLE = "pip install 'slimstream[edge]' or 'slimstream[cloud]'"
REMEDIES = {
    "protocol": "pip install --upgrade protobuf grpcio",
    "media": "pip install --force-reinstall av opencv-python-headless",
    "accelerator": _EITHER_ROLE,
    "model": _EITHER_ROLE,
}
"""How to mend what a check tried and could not load."""
RIVALS = (("onnxruntime", "onnxruntime-gpu"), ("opencv-python", "opencv-python-headless"))


class Role(StrEnum):
    """What the machine is for."""

    EDGE = "edge"
    CLOUD = "cloud"
    ALL = "all"


class Verdict(StrEnum):
    """What a check found; `optional` is a part that is not installed and that no chosen role needs."""

    OK = "ok"
    OPTIONAL = "optional"
    WARNING = "warning"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was looked at, what was seen, and how to mend it (empty when there is nothing to)."""

    check: str
    verdict: Verdict
    seen: str
    remedy: str = ""


def check_python() -> Finding:
    """Which Python this is; one that is too old does not get this far."""
    return Finding("python", Verdict.OK, f"Python {platform.python_version()} on {platform.machine()}")


def check_extra(extra: str, is_needed: bool) -> Finding:
    """Find, without importing, the modules that an extra brings."""
    missing = [name for name in EXTRAS[extra] if not _is_installed(name)]
    if not missing:
        return Finding(f"extra {extra}", Verdict.OK, "complete")
    verdict = Verdict.BROKEN if is_needed else Verdict.OPTIONAL
    return Finding(
        f"extra {extra}", verdict, f"without {', '.join(missing)}", f"pip install 'slimstream[{extra}]'"
    )


def _is_installed(module: str) -> bool:
    try:
        return util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def check_rivals(first: str, second: str) -> Finding:
    """Two distributions that install the same import name must not both be here."""
    here = [name for name in (first, second) if _version(name)]
    if len(here) == 2:
        remedy = f"pip uninstall {first} {second}, then install the one you want"
        return Finding(f"{first} alone", Verdict.WARNING, "both builds are installed", remedy)
    seen = f"{here[0]} {_version(here[0])}" if here else "not installed"
    return Finding(f"{first} alone", Verdict.OK, seen)


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def check_model() -> Finding:
    """The built-in model: files, sums and known answers, and one picture there and back."""
    import numpy as np

    from shared_models.bitstream.limits import Limits
    from shared_models.codecs.slim.codec import SlimCodec
    from shared_models.packages.registry import builtin_package

    package = builtin_package()
    package.verify()
    codec = SlimCodec.load(package)
    ramp = np.linspace(0, 255, 64 * 96 * 3).reshape(64, 96, 3).astype(np.uint8)
    coded = codec.encode_base(ramp, quality=50, width=codec.widths[0])
    if not np.array_equal(codec.decode_base(coded.packet, Limits()), coded.symbols):
        return Finding("model", Verdict.BROKEN, "a packet did not decode to its symbols", "report this")
    seen = f"{package.name}, fingerprint {codec.fingerprint.hex()}, {', '.join(codec.providers)}"
    return Finding("model", Verdict.OK, seen)


def check_accelerator() -> Finding:
    """What ONNX Runtime lists beyond the CPU; whether it works shows only when a session is made."""
    import onnxruntime

    listed = [p for p in onnxruntime.get_available_providers() if p.startswith(("CUDA", "Tensorrt"))]
    if not listed:
        return Finding("accelerator", Verdict.OK, "CPU only")
    return Finding("accelerator", Verdict.OK, f"listed: {', '.join(listed)}; agents report what really runs")


def check_protocol() -> Finding:
    """The generated protocol, which refuses libraries that are older than itself when it is imported."""
    from slimstream.v1 import control_pb2_grpc, ingest_pb2_grpc  # noqa: F401

    return Finding("protocol", Verdict.OK, f"protobuf {_version('protobuf')}, grpcio {_version('grpcio')}")


def check_media() -> Finding:
    """What reads cameras: wheels that are there and do not load lack a library of the system."""
    import av
    import cv2

    return Finding("media", Verdict.OK, f"PyAV {av.__version__}, OpenCV {cv2.__version__}")


def guarded(check: str, function: Callable[[], Finding]) -> Finding:
    """Turn whatever a check runs into into a finding: a doctor does not fall ill."""
    try:
        return function()
    except ImportError as error:
        return Finding(check, Verdict.BROKEN, f"{error}", REMEDIES[check])
    except SlimstreamError as error:
        return Finding(check, Verdict.BROKEN, f"{error}", "reinstall slimstream, or choose another model")
    except Exception as error:  # a library that is broken raises what it likes
        return Finding(check, Verdict.BROKEN, f"{type(error).__name__}: {error}", REMEDIES[check])


def findings(role: Role) -> Iterable[Finding]:
    """Run every check that concerns `role`; what is not installed is not tried besides."""
    yield check_python()
    for extra in EXTRAS:
        yield check_extra(extra, is_needed=extra == role or (role is Role.ALL and extra in set(Role)))
    for first, second in RIVALS:
        yield check_rivals(first, second)
    if _is_installed("grpc"):
        yield guarded("protocol", check_protocol)
    if _is_installed("av") and _is_installed("cv2"):
        yield guarded("media", check_media)
    yield guarded("accelerator", check_accelerator)
    yield guarded("model", check_model)


@app.command()
def doctor(
    role: Annotated[Role, typer.Option(help="What this machine is for.")] = Role.ALL,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as one JSON list.")] = False,
) -> None:
    """Check this installation: what is missing, and how to mend it.

    Exits 1 when something that the role needs is broken.

    Examples:
      slimstream doctor
      slimstream doctor --role edge --json
    """
    seen = list(findings(role))
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in seen], indent=2))
    else:
        table = Table(box=None, pad_edge=False)
        for heading in ("check", "", "seen", "remedy"):
            table.add_column(heading, overflow="fold")
        for finding in seen:
            table.add_row(finding.check, finding.verdict, escape(finding.seen), escape(finding.remedy))
        Console().print(table)
    if any(finding.verdict is Verdict.BROKEN for finding in seen):
        raise typer.Exit(1)
