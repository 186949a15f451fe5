"""Calls to a cloud: how a command says where it is and who calls, and what people hear when it says no."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shared_models.errors import InputError, LinkError, NotHeldError, RefusedError, SlimstreamError

if TYPE_CHECKING:
    import grpc

    from runtime.credentials import ClientSecurity

DEFAULT_SERVER = "localhost:7443"
PORT_MAX = 65535
_NOT_HELD_TRAILER = "slimstream-not-held-bin"

Server = Annotated[str, typer.Option(metavar="HOST:PORT", help="The cloud.")]
CaFile = Annotated[Path | None, typer.Option(help="Certificates that the cloud's is signed by.")]
CertificateFile = Annotated[Path | None, typer.Option(help="Your certificate, for mutual TLS.")]
PrivateKeyFile = Annotated[Path | None, typer.Option(help="The key of your certificate.")]
TokenFile = Annotated[Path | None, typer.Option(help="A file with your token.")]
Insecure = Annotated[bool, typer.Option("--insecure", help="Plaintext to another machine.")]
Timeout = Annotated[float, typer.Option(min=0.1, max=300, metavar="S", help="Seconds to wait.")]


def client_security(
    ca_file: Path | None,
    certificate_file: Path | None,
    private_key_file: Path | None,
    token_file: Path | None,
    *,
    insecure: bool,
) -> "ClientSecurity":
    """Return what the options say of the connection."""
    from runtime.credentials import ClientSecurity

    return ClientSecurity(
        ca_file=ca_file,
        certificate_file=certificate_file,
        private_key_file=private_key_file,
        token_file=token_file,
        insecure=insecure,
    )


def check_server(server: str) -> None:
    """Raise InputError for what is no address of a server."""
    host, _, port = server.rpartition(":")
    if not host or not port.isdecimal() or not 1 <= int(port) <= PORT_MAX:
        raise InputError(f"--server {server} is no address; write it like {DEFAULT_SERVER}")


def explained(error: "grpc.RpcError", server: str) -> SlimstreamError:
    """Turn a call's status into one of our errors."""
    import grpc

    code, detail = error.code(), error.details() or ""
    if code is grpc.StatusCode.NOT_FOUND:
        return NotHeldError(f"{detail}{_alternatives(error)}")
    if code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
        return RefusedError(f"{server} refused: {detail}")
    if code is grpc.StatusCode.INVALID_ARGUMENT:
        return InputError(detail)
    if "errors resolving" in detail or "DNS resolution failed" in detail:
        return LinkError(f"the name in {server} is not known; check its spelling, or the network")
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return LinkError(f"the cloud at {server} does not know this call; upgrade it")
    if code is grpc.StatusCode.UNAVAILABLE and ("connect" in detail and "agent" not in detail):
        return LinkError(f"no cloud answers at {server}; is it running, and is the address right? ({detail})")
    return LinkError(f"{server} could not answer: {detail or code.name}")


def _alternatives(error: "grpc.RpcError") -> str:
    """Say which frames could be had instead."""
    from slimstream.v1.control_pb2 import FrameNotHeld

    trailers = [data.value for data in error.trailing_metadata() or () if data.key == _NOT_HELD_TRAILER]
    if not trailers:
        return ""
    not_held = FrameNotHeld.FromString(trailers[0])
    parts = []
    if not_held.nearest:
        parts.append(f"nearest: --seq {', '.join(str(near.seq) for near in not_held.nearest)}")
    if not_held.has_preview:
        parts.append("a preview of this frame can be had: --quality preview")
    return f" ({'; '.join(parts)})" if parts else ""
