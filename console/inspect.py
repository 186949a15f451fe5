"""`slimstream inspect`: what is inside a `.slim` file, without a model."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from console.inputs import read_bytes
from console.options import AsJson
from shared_models.errors import BitstreamError, InputError

if TYPE_CHECKING:
    from shared_models.bitstream.slim_file import SlimFrame

app = typer.Typer()


@dataclass(frozen=True, slots=True)
class LayerFacts:
    """What a packet's header says."""

    kind: str
    payload_bytes: int
    quality: float
    width_id: int
    symbols_crc32c: str


@dataclass(frozen=True, slots=True)
class FrameFacts:
    """What a frame's packets have in common, and each of them."""

    seq: int
    capture_ns: int | None
    model_fingerprint: str
    frame_width: int
    frame_height: int
    layers: list[LayerFacts]


@app.command()
def inspect(
    file: Annotated[Path, typer.Argument(help="A .slim file.")],
    as_json: AsJson = False,
) -> None:
    """Say what is inside a .slim file; needs no model.

    Examples:
      slimstream inspect coded/photo.slim
      slimstream inspect coded/photo.slim --json
    """
    from shared_models.bitstream.limits import Limits
    from shared_models.bitstream.slim_reader import read_slim

    data = read_bytes(file)
    try:
        frames = [facts_of(frame) for frame in read_slim(data, Limits())]
    except BitstreamError as error:
        raise InputError(f"{file}: {error}") from None
    if as_json:
        document = {"file": str(file), "bytes": len(data), "frames": [asdict(frame) for frame in frames]}
        typer.echo(json.dumps(document, indent=1))
        return
    typer.echo(f"{file}: {len(data)} bytes, {len(frames)} frame{'s' * (len(frames) != 1)}")
    for frame in frames:
        typer.echo(
            f"frame {frame.seq}: {frame.frame_width}×{frame.frame_height}, model {frame.model_fingerprint}"
        )
        for layer in frame.layers:
            typer.echo(
                f"  {layer.kind}: {layer.payload_bytes} bytes, quality {layer.quality:g}, "
                f"width id {layer.width_id}, symbols {layer.symbols_crc32c}"
            )


def facts_of(frame: "SlimFrame") -> FrameFacts:
    """Take the facts of a frame from its headers."""
    first = frame.layers[0]
    return FrameFacts(
        seq=frame.seq,
        capture_ns=frame.capture_ns,
        model_fingerprint=first.fingerprint.hex(),
        frame_width=first.frame_width,
        frame_height=first.frame_height,
        layers=[
            LayerFacts(
                kind=layer.kind.name.lower().replace("_", "-"),
                payload_bytes=layer.payload_bytes,
                quality=layer.quality,
                width_id=layer.width_id,
                symbols_crc32c=f"{layer.symbols_crc32c:08x}",
            )
            for layer in frame.layers
        ],
    )
