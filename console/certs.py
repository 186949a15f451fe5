"""`slimstream certs`: a development authority, certificates and tokens.

For trials and small installations. Where there is an authority already, let it sign certificates that carry
the same names: docs/guide/security.md.
"""

import json
import re
from pathlib import Path
from typing import Annotated, Final

import typer
import yaml

from console.certificates import Authority, CertificateFiles, write_new
from runtime.credentials.grants import Grant, hash_token, new_token
from shared_models.errors import InputError

app = typer.Typer(no_args_is_help=True, help="Make a development CA, certificates and tokens.")

DEFAULT_DIRECTORY: Final = Path("certs")
TOKENS_FILE: Final = "tokens.yaml"

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_RESERVED: Final = ("ca", "server")

Directory = Annotated[Path, typer.Option("--dir", help="Where the authority is.")]
Cameras = Annotated[str, typer.Option(help="Cameras, separated by commas; `gate-*` and `*` are patterns.")]
Controls = Annotated[
    bool,
    typer.Option("--controls", help="Allow changing the cameras' settings (`slimstream cloud settings`)."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def init(
    directory: Annotated[Path, typer.Argument(help="A new directory for the authority.")] = DEFAULT_DIRECTORY,
    host: Annotated[
        list[str] | None, typer.Option(help="A name or address that the gateway is reached by; repeatable.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make an authority, and the gateway's certificate for localhost and every --host.

    Examples:
        slimstream certs init certs --host cloud.example --host 10.0.0.5
    """
    hosts = list(dict.fromkeys([*(host or []), "localhost", "127.0.0.1", "::1"]))
    files = Authority.create(directory).issue_server(hosts)
    _report(files, directory, as_json, {"hosts": hosts})


@app.command()
def agent(
    name: Annotated[str, typer.Argument(help="The agent's name.")],
    cameras: Cameras,
    directory: Directory = DEFAULT_DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """Make the certificate of an agent, which may write (and look at) its cameras and no others.

    Examples:
        slimstream certs agent gate-house --cameras front,yard
        slimstream certs agent trial --cameras '*'
    """
    grant = Grant(_checked(name), writes=_split(cameras), reads=_split(cameras))
    files = Authority.load(directory).issue_client(grant)
    _report(files, directory, as_json, {"name": name, "writes": grant.writes, "reads": grant.reads})


@app.command()
def viewer(
    name: Annotated[str, typer.Argument(help="The viewer's name.")],
    cameras: Cameras = "*",
    directory: Directory = DEFAULT_DIRECTORY,
    controls: Controls = False,
    as_json: AsJson = False,
) -> None:
    """Make the certificate of somebody who may look at cameras and write none.

    Examples:
        slimstream certs viewer duty-desk
        slimstream certs viewer operator --controls
    """
    grant = Grant(_checked(name), reads=_split(cameras), controls=_split(cameras) if controls else ())
    files = Authority.load(directory).issue_client(grant)
    _report(
        files,
        directory,
        as_json,
        {"name": name, "writes": (), "reads": grant.reads, "controls": grant.controls},
    )


@app.command()
def token(  # noqa: PLR0917 - options, given by name
    name: Annotated[str, typer.Argument(help="Who will hold the token.")],
    cameras: Cameras,
    directory: Directory = DEFAULT_DIRECTORY,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="A viewer's token: write no camera.")
    ] = False,
    controls: Controls = False,
    as_json: AsJson = False,
) -> None:
    """Make a token: a secret file for its holder, and its hash in the gateway's list.

    Examples:
        slimstream certs token gate-house --cameras front,yard
        slimstream certs token duty-desk --cameras '*' --read-only
        slimstream certs token operator --cameras '*' --read-only --controls
    """
    named = _split(cameras)
    grant = Grant(
        _checked(name),
        writes=() if read_only else named,
        reads=named,
        controls=named if controls else (),
    )
    secret = new_token()
    token_file = directory / f"{name}.token"
    write_new(token_file, f"{secret}\n".encode(), 0o600)
    tokens_file = _add_to_list(directory / TOKENS_FILE, grant, secret)
    if as_json:
        typer.echo(json.dumps({"token_file": str(token_file), "tokens_file": str(tokens_file)}))
        return
    typer.echo(f"token_file: {token_file}    (the holder's secret)")
    typer.echo(f"tokens_file: {tokens_file}    (the gateway's list, hashes only)")


def _checked(name: str) -> str:
    if _NAME.fullmatch(name) is None or name in _RESERVED:
        raise InputError(
            f"{name!r} is no name; use up to 64 letters, digits, '.', '_', '-', and not ca or server"
        )
    return name


def _split(cameras: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in cameras.split(",") if name.strip())
    if not names:
        raise InputError("no camera is named; give --cameras a,b or --cameras '*'")
    return names


def _add_to_list(path: Path, grant: Grant, secret: str) -> Path:
    entry = {
        "name": grant.name,
        "sha256": hash_token(secret),
        "writes": list(grant.writes),
        "reads": list(grant.reads),
        "controls": list(grant.controls),
    }
    is_new = not path.exists()
    # The list only ever grows by whole entries at its end, so what an operator wrote in it stays.
    text = yaml.safe_dump([entry], sort_keys=False)
    with path.open("a") as file:
        file.write(("tokens:\n" if is_new else "") + text)
    return path


def _report(files: CertificateFiles, directory: Path, as_json: bool, details: dict[str, object]) -> None:
    paths = {
        "ca_file": str(directory / "ca.pem"),
        "certificate_file": str(files.certificate),
        "private_key_file": str(files.private_key),
    }
    if as_json:
        typer.echo(json.dumps({**paths, **details}))
        return
    for key, path in paths.items():
        typer.echo(f"{key}: {path}")
