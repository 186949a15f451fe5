"""`slimstream cloud settings`: see and change what a camera sends, from here."""

import json
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
from console.options import AsJson

if TYPE_CHECKING:
    from runtime.credentials import ClientSecurity
    from slimstream.v1.control_pb2 import ChangeSettingsRequest, ChangeSettingsResponse


def settings(
    camera: Annotated[str, typer.Argument(metavar="CAMERA", help="The camera's name.")],
    *,
    quality: Annotated[
        float | None, typer.Option(min=0, max=100, metavar="Q", help="Quality of the latents, 0 to 100.")
    ] = None,
    width: Annotated[
        float | None, typer.Option(metavar="W", help="Width of the encoder: 0.25, 0.5, 0.75 or 1.")
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option(min=0.001, max=240, metavar="N", help="At most this many frames a second are coded."),
    ] = None,
    reset: Annotated[
        bool, typer.Option("--reset", help="Go back to the agent's own configuration first.")
    ] = False,
    server: Server = DEFAULT_SERVER,
    ca_file: CaFile = None,
    certificate_file: CertificateFile = None,
    private_key_file: PrivateKeyFile = None,
    token_file: TokenFile = None,
    insecure: Insecure = False,
    timeout: Timeout = 15.0,
    as_json: AsJson = False,
) -> None:
    """Show what a camera sends, or change it while its agent runs.

    The agent checks a change, keeps it over its restarts, and answers what is in force: this command ends
    once it has. What is set here stands above the agent's configuration until --reset.

    Examples:
      slimstream cloud settings gate
      slimstream cloud settings gate --quality 30 --fps 2
      slimstream cloud settings gate --reset --json
    """
    from slimstream.v1.control_pb2 import ChangeSettingsRequest

    check_server(server)
    security = client_security(ca_file, certificate_file, private_key_file, token_file, insecure=insecure)
    request = ChangeSettingsRequest(
        camera=camera,
        quality=quality,
        width=width,
        frames_per_second=fps,
        is_reset=reset,
        timeout_ms=round(timeout * 1000),
    )
    answer = change(request, server, security, timeout)
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "camera": camera,
                    "quality": answer.quality,
                    "width": answer.width,
                    "frames_per_second": answer.frames_per_second,
                    "directed": list(answer.directed),
                }
            )
        )
        return
    typer.echo(f"{camera}:")
    for name in ("quality", "width", "frames_per_second"):
        origin = "set here" if name in answer.directed else "the agent's configuration"
        typer.echo(f"  {name:18} {getattr(answer, name):<6g} {origin}")


def change(
    request: "ChangeSettingsRequest", server: str, security: "ClientSecurity", timeout_s: float
) -> "ChangeSettingsResponse":
    """Ask the cloud; raise RefusedError, InputError or LinkError with what it answered."""
    import grpc

    from runtime.credentials import call_metadata, open_channel
    from slimstream.v1.control_pb2_grpc import CamerasServiceStub

    with open_channel(server, security, (("grpc.enable_retries", 0),)) as channel:
        try:
            answer: ChangeSettingsResponse = CamerasServiceStub(channel).ChangeSettings(
                request, timeout=timeout_s + 5, metadata=call_metadata(security)
            )
        except grpc.RpcError as error:
            raise explained(error, server) from None
    return answer
