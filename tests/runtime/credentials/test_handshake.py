"""Real connections over loopback: who gets in, and as whom."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

pytest.importorskip("cryptography", reason="certificates are made with the cloud extra's cryptography")

from console.certificates import Authority
from runtime.credentials import (
    Authenticator,
    ClientSecurity,
    Grant,
    ServerSecurity,
    call_metadata,
    hash_token,
    listen,
    open_aio_channel,
    open_channel,
)
from shared_models.errors import ConfigError, RefusedError

METHOD = "/test.Who/AmI"


def who_am_i(authenticator: Authenticator) -> Any:
    """Return a service that answers every call with what the caller may do."""

    async def answer(_request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        try:
            grant = authenticator.authenticate(context.invocation_metadata() or (), context.auth_context())
        except RefusedError as refusal:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, str(refusal))
        return repr(grant).encode()

    handler: Any = grpc.unary_unary_rpc_method_handler(answer)
    return grpc.method_handlers_generic_handler("test.Who", {"AmI": handler})


@asynccontextmanager
async def serving(security: ServerSecurity) -> AsyncIterator[int]:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((who_am_i(Authenticator(security)),))
    port = listen(server, "127.0.0.1:0", security)
    await server.start()
    yield port
    await server.stop(None)


async def ask(port: int, security: ClientSecurity) -> str:
    async with open_aio_channel(f"127.0.0.1:{port}", security) as channel:
        call = channel.unary_unary(METHOD, bytes, bytes)
        answer: bytes = await call(b"", metadata=call_metadata(security), timeout=600)
        return answer.decode()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    authority = Authority.create(tmp_path_factory.mktemp("certs"))
    authority.issue_server(["localhost", "127.0.0.1"])
    authority.issue_client(Grant("roof", writes=("gate-*",), reads=("gate-*",)))
    return authority


@pytest.fixture
def server(authority: Authority) -> ServerSecurity:
    d = authority.directory
    return ServerSecurity(certificate_file=d / "server.pem", private_key_file=d / "server-key.pem")


@pytest.fixture
def roof(authority: Authority) -> ClientSecurity:
    d = authority.directory
    return ClientSecurity(
        ca_file=d / "ca.pem", certificate_file=d / "roof.pem", private_key_file=d / "roof-key.pem"
    )


async def test_a_certificate_proves_name_and_cameras(
    authority: Authority, server: ServerSecurity, roof: ClientSecurity
) -> None:
    mutual = server.model_copy(update={"client_ca_file": authority.directory / "ca.pem"})
    async with serving(mutual) as port:
        assert await ask(port, roof) == repr(Grant("roof", ("gate-*",), ("gate-*",)))


async def test_a_certificate_of_another_authority_does_not_get_in(
    authority: Authority, server: ServerSecurity, roof: ClientSecurity, tmp_path: Path
) -> None:
    mutual = server.model_copy(update={"client_ca_file": authority.directory / "ca.pem"})
    stranger = Authority.create(tmp_path).issue_client(Grant("roof", writes=("*",)))
    forged = roof.model_copy(
        update={"certificate_file": stranger.certificate, "private_key_file": stranger.private_key}
    )
    nobody = ClientSecurity(ca_file=roof.ca_file)
    async with serving(mutual) as port:
        for security in (forged, nobody):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await ask(port, security)
            assert refused.value.code() == grpc.StatusCode.UNAVAILABLE


async def test_a_client_does_not_talk_to_a_gateway_it_cannot_verify(
    server: ServerSecurity, tmp_path: Path
) -> None:
    (tmp_path / "tokens.yaml").write_text(f"tokens: [{{name: x, sha256: {hash_token('x')}}}]")
    Authority.create(tmp_path)
    async with serving(server.model_copy(update={"tokens_file": tmp_path / "tokens.yaml"})) as port:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await ask(port, ClientSecurity(ca_file=tmp_path / "ca.pem"))
        assert refused.value.code() == grpc.StatusCode.UNAVAILABLE


async def test_tokens_work_over_tls(authority: Authority, server: ServerSecurity, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.yaml"
    tokens.write_text(f"tokens: [{{name: yard, sha256: {hash_token('s3cret')}, writes: [yard]}}]")
    (tmp_path / "good").write_text("s3cret")
    (tmp_path / "bad").write_text("guess")
    client = ClientSecurity(ca_file=authority.directory / "ca.pem", token_file=tmp_path / "good")
    async with serving(server.model_copy(update={"tokens_file": tokens})) as port:
        assert await ask(port, client) == repr(Grant("yard", writes=("yard",)))
        for wrong in ({"token_file": tmp_path / "bad"}, {"token_file": None}):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await ask(port, client.model_copy(update=wrong))
            assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED


async def test_plaintext_on_loopback_needs_nothing() -> None:
    async with serving(ServerSecurity()) as port:
        assert "anonymous" in await ask(port, ClientSecurity())


async def test_a_gateway_under_another_name_can_be_expected_by_it(
    server: ServerSecurity, authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "t").write_text("s3cret")
    tokens = tmp_path / "tokens.yaml"
    tokens.write_text(f"tokens: [{{name: yard, sha256: {hash_token('s3cret')}}}]")
    client = ClientSecurity(
        ca_file=authority.directory / "ca.pem", token_file=tmp_path / "t", server_name="gw.example"
    )
    async with serving(server.model_copy(update={"tokens_file": tokens})) as port:
        with pytest.raises(grpc.aio.AioRpcError):
            await ask(port, client)
        assert await ask(port, client.model_copy(update={"server_name": "localhost"}))


async def test_a_port_in_use_is_a_configuration_error() -> None:
    async with serving(ServerSecurity()) as port:
        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{port}"):
            listen(grpc.aio.server(options=[("grpc.so_reuseport", 0)]), f"127.0.0.1:{port}", ServerSecurity())


def test_a_blocking_channel_follows_the_same_rules() -> None:
    open_channel("127.0.0.1:1", ClientSecurity()).close()
    with pytest.raises(ConfigError):
        open_channel("gw.example:1", ClientSecurity(insecure=True, ca_file=Path("ca.pem")))
