"""Options that several commands share, worded once."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from shared_models.codecs.slim.codec import SlimCodec

Model = Annotated[str, typer.Option("--model", metavar="NAME|PATH", help="Model package, by name or path.")]
Quality = Annotated[
    float | None,
    typer.Option(
        min=0, max=100, metavar="Q", help="Quality, 0 (fewest bytes) to 100. Without it: the model's default."
    ),
]
Width = Annotated[
    float | None,
    typer.Option(
        metavar="W", help="Width of the encoder: 0.25, 0.5, 0.75 or 1. Without it: the model's default."
    ),
]
LongSide = Annotated[
    int,
    typer.Option(
        min=0,
        max=4096,
        metavar="PX",
        help="Make larger pictures smaller first, to this long side, as detectors and classifiers expect; "
        "0 keeps them.",
    ),
]
LONG_SIDE_PX = 416
Threads = Annotated[int, typer.Option(min=1, max=256, help="Threads of the networks.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of lines for people.")]
Sources = Annotated[list[Path], typer.Argument(help=".slim files or pictures, or directories of either.")]
ResultList = Annotated[
    Path, typer.Option("--json", metavar="OUT", help="Where the results go, as one JSON list.")
]
OutputDirectory = Annotated[
    Path, typer.Option("--output", "-o", metavar="DIR", help="Where the files go; made if it is not there.")
]


class Provider(StrEnum):
    """Where networks run."""

    CPU = "cpu"
    CUDA = "cuda"
    TENSORRT = "tensorrt"


Providers = Annotated[
    Provider, typer.Option("--provider", help="Where networks run; falls back to the CPU, and says so.")
]


def load_codec(model: str, provider: Provider, threads: int) -> "SlimCodec":
    """Open the package and make its codec; raise ModelError."""
    from shared_models.codecs.backend import BackendOptions
    from shared_models.codecs.slim.codec import SlimCodec
    from shared_models.packages.registry import open_package

    backend = BackendOptions(providers=(provider.value,), threads=threads)
    return SlimCodec.load(open_package(model), backend=backend)


def warn_of_fallback(codec: "SlimCodec", provider: Provider) -> None:
    """Say on stderr where networks ran on something else than was asked for, or a backend was refused."""
    from shared_models.codecs.backend import PROVIDERS

    wanted = PROVIDERS[provider.value]
    elsewhere = [name for name in codec.providers if name != wanted]
    if elsewhere:
        typer.echo(f"slimstream: {wanted} is not to be had; networks ran on {', '.join(elsewhere)}", err=True)
    for error in codec.refused:
        typer.echo(f"slimstream: {error}", err=True)
