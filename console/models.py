"""`slimstream models`: the model packages of this installation."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from console.fetch import fetch
from console.options import AsJson
from shared_models.errors import ModelError, PackageError
from shared_models.packages.package import ModelPackage
from shared_models.packages.registry import (
    DEFAULT_PACKAGE,
    import_package,
    open_package,
    package_paths,
)

app = typer.Typer()
app.command("fetch")(fetch)

Package = Annotated[str, typer.Argument(metavar="[NAME|PATH]", help="A package, by name or path.")]


@app.callback()
def models() -> None:
    """List, show, verify and import model packages; fetch models of others.

    Packages are data: networks as ONNX, tables and gains as safetensors, a manifest as JSON. Besides
    the built-in ones, those in ~/.local/share/slimstream/models are found, or in the directories that
    SLIMSTREAM_MODELS names.
    """


@app.command("list")
def list_models(*, as_json: AsJson = False) -> None:
    """List the packages that are installed.

    Examples:
      slimstream models list
      slimstream models list --json
    """
    rows = [_row(path) for path in package_paths()]
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "family", "fingerprint", "MiB", "path"):
        table.add_column(heading, overflow="fold", justify="right" if heading == "MiB" else "left")
    for row in rows:
        if "error" in row:
            table.add_row("-", "-", "-", "-", f"{row['error']}")
        else:
            mebibytes = f"{int(row['size_bytes']) / 2**20:.1f}"
            table.add_row(
                f"{row['name']}", f"{row['family']}", f"{row['fingerprint']}", mebibytes, f"{row['path']}"
            )
    Console().print(table)


def _row(path: Path) -> dict[str, str | int]:
    try:
        package = ModelPackage.open(path)
    except PackageError as error:
        return {"path": str(path), "error": str(error)}
    manifest = package.manifest
    return {
        "name": package.name,
        "family": manifest.family,
        "fingerprint": manifest.fingerprint,
        "size_bytes": sum(part.size_bytes for part in manifest.parts.values()),
        "path": str(path),
    }


@app.command()
def show(package: Package = DEFAULT_PACKAGE, *, as_json: AsJson = False) -> None:
    """Show a package: its configuration, its parts, and its card with what was measured.

    Examples:
      slimstream models show
      slimstream models show slim-1 --json
    """
    opened = open_package(package)
    manifest = opened.manifest
    if as_json:
        typer.echo(manifest.model_dump_json(indent=1))
        return
    typer.echo(
        f"{manifest.name}: family {manifest.family}, fingerprint {manifest.fingerprint}, {opened.path}"
    )
    typer.echo(f"config: {json.dumps(manifest.config)}")
    typer.echo(f"runtime: {json.dumps(manifest.runtime)}")
    table = Table(box=None, pad_edge=False)
    table.add_column("part")
    table.add_column("bytes", justify="right")
    table.add_column("SHA-256", overflow="ellipsis", max_width=17)
    for name, part in manifest.parts.items():
        table.add_row(name, str(part.size_bytes), part.sha256)
    Console().print(table)
    typer.echo(f"card: {json.dumps(manifest.card, indent=1, ensure_ascii=False)}")


@app.command()
def verify(package: Package = DEFAULT_PACKAGE, *, as_json: AsJson = False) -> None:
    """Check a package: sums of all parts, the fingerprint, and the known answers of its integer networks.

    Examples:
      slimstream models verify
      slimstream models verify ./slim-1.zip
    """
    from shared_models.codecs.backend import BackendOptions
    from shared_models.codecs.slim.codec import SlimCodec

    opened = open_package(package)
    opened.verify()
    codec = SlimCodec(opened, BackendOptions())
    codec.load_layers()
    if codec.refused:
        raise ModelError(f"{opened.path}: {codec.refused[0]}")
    parts, fingerprint = len(opened.manifest.parts), opened.manifest.fingerprint
    if as_json:
        typer.echo(json.dumps({"name": opened.name, "fingerprint": fingerprint, "parts": parts}))
    else:
        typer.echo(f"{opened.name}: {parts} parts match, fingerprint {fingerprint}")


@app.command("import")
def import_model(
    source: Annotated[Path, typer.Argument(metavar="PATH", help="A package: a directory or a zip of one.")],
) -> None:
    """Check a package and copy it to where packages are found.

    Examples:
      slimstream models import ./my-model.zip
    """
    package = import_package(source)
    typer.echo(f"{package.name}: installed as {package.path}, fingerprint {package.manifest.fingerprint}")
