"""`slimstream pull`: one frame as a picture, from what the cloud has or from the edge."""

import io
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from console.cloud_call import (
    DEFAULT_SERVER,
    CaFile,
    CertificateFile,
    Insecure,
    PrivateKeyFile,
    Server,
    Timeout,
    TokenFile,
    check_server,
    client_security,
    explained,
)
from console.inputs import check_writable
from console.options import AsJson
from shared_models.errors import InputError, StorageError

if TYPE_CHECKING:
    from runtime.credentials import ClientSecurity
    from slimstream.v1.control_pb2 import FrameSelector, GetRequest, GetResponse, Quality

app = typer.Typer()

PICTURE_BYTES_MAX = 256 << 20
_JPEG_SUFFIXES = (".jpg", ".jpeg")
_PNG_SUFFIX = ".png"
_JPEG_MEDIA_TYPE = "image/jpeg"
_PNG_MEDIA_TYPE = "image/png"


@dataclass(frozen=True, slots=True)
class LayerReport:
    """What one layer cost; `origin` is `cloud` for stored bytes and `edge` for bytes fetched now."""

    layer: str
    bytes: int
    origin: str


@dataclass(frozen=True, slots=True)
class PullReport:
    """What was pulled."""

    file: str
    camera: str
    epoch: int
    seq: int
    captured: str
    capture_ns: int
    media_type: str
    width: int
    height: int
    is_converted: bool
    """Whether the file is a PNG made from the JPEG that `source_sha256` is of."""
    layers: list[LayerReport]
    fetched_bytes: int
    psnr_db: float | None
    source_sha256: str | None


@app.command()
def pull(
    camera: Annotated[str, typer.Argument(metavar="CAMERA", help="The camera's name.")],
    *,
    at: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="The frame nearest to this time: ISO 8601, or Unix seconds."),
    ] = None,
    seq: Annotated[int | None, typer.Option(min=0, metavar="N", help="The frame with this number.")] = None,
    newest: Annotated[bool, typer.Option("--newest", help="The newest frame that is stored.")] = False,
    quality: Annotated[
        str,
        typer.Option(metavar="Q", help="preview (nothing is fetched), full, 0 to 100, or source (the file)."),
    ] = "preview",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Without it: CAMERA-N.png here (.jpg: a source)."
        ),
    ] = None,
    server: Server = DEFAULT_SERVER,
    ca_file: CaFile = None,
    certificate_file: CertificateFile = None,
    private_key_file: PrivateKeyFile = None,
    token_file: TokenFile = None,
    insecure: Insecure = False,
    timeout: Timeout = 15.0,
    as_json: AsJson = False,
) -> None:
    """Get one frame as a picture, and say what it cost.

    The source is the edge's own JPEG: a file named .jpg gets it byte for byte, one named .png gets a PNG
    converted from it.

    Examples:
      slimstream pull gate --newest -o now.png
      slimstream pull gate --seq 1200 --quality full -o gate.png
      slimstream pull gate --at 2026-11-21T14:00:00 --quality source -o gate.jpg --json
    """
    check_server(server)
    security = client_security(ca_file, certificate_file, private_key_file, token_file, insecure=insecure)
    request = make_request(camera, at=at, seq=seq, is_newest=newest, quality=quality, timeout_s=timeout)
    check_output(output, is_source=quality == "source")
    answer = fetch(request, server, security, timeout)
    report = save(answer, output)
    typer.echo(json.dumps(asdict(report), indent=2) if as_json else describe(report))


def make_request(
    camera: str, *, at: str | None, seq: int | None, is_newest: bool, quality: str, timeout_s: float
) -> "GetRequest":
    """Return the request that the options mean; raise InputError for options that mean none."""
    from slimstream.v1.control_pb2 import GetRequest

    chosen = [
        name
        for name, given in (("--at", at), ("--seq", seq), ("--newest", is_newest or None))
        if given is not None
    ]
    if len(chosen) != 1:
        given = " and ".join(chosen) or "none of them"
        raise InputError(f"give one of --at TIME, --seq N and --newest; this has {given}")
    return GetRequest(
        frame=_selector(camera, at, seq), quality=read_quality(quality), timeout_ms=round(timeout_s * 1000)
    )


def _selector(camera: str, at: str | None, seq: int | None) -> "FrameSelector":
    from slimstream.v1.control_pb2 import FrameSelector

    if seq is not None:
        return FrameSelector(camera=camera, seq=seq)
    if at is not None:
        return FrameSelector(camera=camera, time_ns=read_time_ns(at))
    return FrameSelector(camera=camera, is_newest=True)


def read_quality(text: str) -> "Quality":
    """Read `preview`, `full`, `source` or a number from 0 to 100; raise InputError."""
    from slimstream.v1.control_pb2 import Quality

    match text:
        case "preview":
            return Quality(preview=True)
        case "full":
            return Quality(full=True)
        case "source":
            return Quality(source=True)
    try:
        level = float(text)
    except ValueError:
        level = -1.0
    if not 0 <= level <= 100:
        raise InputError(f"--quality {text} is neither preview, full, source nor a number from 0 to 100")
    return Quality(level=level)


def read_time_ns(text: str) -> int:
    """Read ISO 8601 (local time unless it says otherwise) or Unix seconds; raise InputError."""
    try:
        return round(float(text) * 1e9)
    except (ValueError, OverflowError):
        pass
    try:
        return round(datetime.fromisoformat(text).astimezone().timestamp() * 1e9)
    except (ValueError, OverflowError, OSError):
        raise InputError(f"--at {text} is no time; write 2026-11-21T14:00:00, or Unix seconds") from None


def check_output(output: Path | None, *, is_source: bool) -> None:
    """Raise InputError for a file name that does not fit what can be in the file."""
    if output is None:
        return
    check_writable(output)
    suffixes = (*_JPEG_SUFFIXES, _PNG_SUFFIX) if is_source else (_PNG_SUFFIX,)
    if output.suffix.lower() not in suffixes:
        kind = "the edge's JPEG file, or a PNG made from it" if is_source else "a PNG file"
        raise InputError(f"{output} would hold {kind}; name it {output.stem}{suffixes[0]}")


def fetch(request: "GetRequest", server: str, security: "ClientSecurity", timeout_s: float) -> "GetResponse":
    """Ask the cloud; raise NotHeldError, RefusedError, InputError or LinkError with what it answered."""
    import grpc

    from runtime.credentials import call_metadata, open_channel
    from slimstream.v1.control_pb2_grpc import FramesServiceStub

    options = (("grpc.max_receive_message_length", PICTURE_BYTES_MAX), ("grpc.enable_retries", 0))
    with open_channel(server, security, options) as channel:
        try:
            answer: GetResponse = FramesServiceStub(channel).Get(
                request, timeout=timeout_s + 5, metadata=call_metadata(security)
            )
        except grpc.RpcError as error:
            raise explained(error, server) from None
    return answer


def save(answer: "GetResponse", output: Path | None) -> PullReport:
    """Write the picture and return what is to be said about it; raise InputError if it cannot be written."""
    from slimstream.v1.frame_pb2 import Layer

    frame = answer.frame
    is_jpeg = answer.media_type == _JPEG_MEDIA_TYPE
    path = output or Path(f"{frame.camera}-{frame.seq}{_JPEG_SUFFIXES[0] if is_jpeg else _PNG_SUFFIX}")
    is_converted = is_jpeg and path.suffix.lower() == _PNG_SUFFIX
    picture = png_of(answer.picture) if is_converted else answer.picture
    try:
        path.write_bytes(picture)
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: {error.strerror}; choose another place with -o"
        ) from error
    layers = [
        LayerReport(
            Layer.Name(cost.layer).removeprefix("LAYER_").lower(),
            cost.bytes,
            "edge" if cost.is_fetched else "cloud",
        )
        for cost in answer.layers
    ]
    return PullReport(
        file=str(path),
        camera=frame.camera,
        epoch=frame.epoch,
        seq=frame.seq,
        captured=_iso(answer.time.capture_ns),
        capture_ns=answer.time.capture_ns,
        media_type=_PNG_MEDIA_TYPE if is_converted else answer.media_type,
        width=answer.width,
        height=answer.height,
        is_converted=is_converted,
        layers=layers,
        fetched_bytes=sum(layer.bytes for layer in layers if layer.origin == "edge"),
        psnr_db=round(answer.psnr_db, 2) if answer.HasField("psnr_db") else None,
        source_sha256=answer.source_sha256.hex() or None,
    )


def png_of(jpeg: bytes) -> bytes:
    """Return the picture of a kept JPEG as a PNG; raise StorageError if it is damaged."""
    from PIL import Image

    out = io.BytesIO()
    try:
        with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as image:
            image.convert("RGB").save(out, "PNG")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise StorageError(
            f"the source that came cannot be read as a JPEG ({error}); name the file .jpg to keep its bytes"
        ) from error
    return out.getvalue()


def describe(report: PullReport) -> str:
    """Return the report as lines for people."""
    origins = {"edge": "fetched from the edge now", "cloud": "stored in the cloud"}
    lines = [
        f"{report.file}: frame {report.seq} of {report.camera}, {report.width}×{report.height}, "
        f"captured {report.captured}"
    ]
    lines += [
        f"  {layer.layer:12} {layer.bytes:>9,} bytes, {origins[layer.origin]}" for layer in report.layers
    ]
    if report.psnr_db is not None:
        lines.append(f"  PSNR         {report.psnr_db:.2f} dB against the source")
    if report.source_sha256 is not None:
        lines.append(f"  SHA-256      {report.source_sha256}")
    if report.is_converted:
        lines.append(
            "  converted to PNG from the kept JPEG, which the SHA-256 is of; name it .jpg to get its bytes"
        )
    return "\n".join(lines)


def _iso(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns / 1e9, UTC).isoformat(timespec="milliseconds")
