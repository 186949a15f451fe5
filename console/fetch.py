"""`slimstream models fetch`: bring a model of others that a bridge is made for."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

from console.bridges import cut_tail
from console.options import AsJson
from shared_models.errors import InputError, PackageError
from shared_models.packages.download import ExpectedFile, download, import_file
from shared_models.packages.third_party import (
    ThirdPartyModel,
    fetch_command,
    fetched_model,
    store_path,
    third_party_model,
    third_party_models,
)
from shared_models.tasks.ready_made import ready_made_names


def fetch(
    *,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="The model; without it, all known ones are listed.")
    ] = None,
    model_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Import this file instead of fetching one; its sum is checked."),
    ] = None,
    url_base: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Fetch from a mirror: URL/FILE, with FILE as the list shows it."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="DIR", help="Put it there as FILE; without it, where bridges find it."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Bring a model of others that a ready-made bridge or `fit-bridge` needs.

    A name stands for one file, told by its SHA-256: anything else that arrives is removed. A download
    that broke off goes on where it was. The models are their owners', under the licences that the list
    names; Slimstream neither contains nor needs them. For its ready-made bridge a model is cut at once.

    Examples:
      slimstream models fetch
      slimstream models fetch yolox-nano
      slimstream models fetch yolox-nano --url-base https://mirror.example/models
      slimstream models fetch mobilenet-v2 --model-file ./mobilenet_v2_224.onnx
    """
    if name is None:
        _list(as_json=as_json)
        return
    model = third_party_model(name)
    path = bring(model, model_file, url_base, output)
    if output is None and name in ready_made_names():
        cut_tail(name)
    if as_json:
        typer.echo(json.dumps({"name": model.name, "path": str(path), "sha256": model.sha256}))
    else:
        typer.echo(f"{model.name}: {path}; licence: {model.licence}")


def bring(model: ThirdPartyModel, model_file: Path | None, url_base: str | None, output: Path | None) -> Path:
    """Fetch or import the model, unless it is there already, and return where it is.

    Raises:
        InputError: the options contradict each other, or the local file is another one.
        LinkError, PackageError: see `download`.
    """
    if model_file and url_base:
        raise InputError("--model-file and --url-base are two ways to the same file; give one")
    target = store_path(model.name) if output is None else output / model.file
    expected = ExpectedFile(model.name, model.size_bytes, model.sha256)
    if model_file is not None:
        import_file(model_file, target, expected)
    elif not (target.is_file() and model.matches(target)):
        with _progress(model) as advance:
            download(_url(model, url_base), target, expected, advance)
    return target


def _url(model: ThirdPartyModel, url_base: str | None) -> str:
    if url_base is not None:
        return f"{url_base.rstrip('/')}/{model.file}"
    if model.url is None:
        raise InputError(
            f"{model.name} is published nowhere ({model.source}); import the file: `{fetch_command(model)}`"
        )
    return str(model.url)


@contextmanager
def _progress(model: ThirdPartyModel) -> Iterator[Callable[[int], object]]:
    """Show how much has arrived, on a terminal only."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(model.name, total=model.size_bytes)
        yield lambda done_bytes: progress.update(task, completed=done_bytes)


def _list(*, as_json: bool) -> None:
    rows = [
        {**model.model_dump(mode="json"), "path": _path_or_none(model)}
        for model in third_party_models().values()
    ]
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "task", "FILE", "MiB", "here", "licence"):
        table.add_column(heading, overflow="fold", justify="right" if heading == "MiB" else "left")
    for model, row in zip(third_party_models().values(), rows, strict=True):
        here = "yes" if row["path"] else "to be imported" if model.url is None else "no"
        mebibytes = f"{model.size_bytes / 2**20:.1f}"
        table.add_row(model.name, model.task, model.file, mebibytes, here, model.licence)
    Console().print(table)


def _path_or_none(model: ThirdPartyModel) -> str | None:
    try:
        return str(fetched_model(model.name))
    except PackageError:
        return None
