"""Where plaintext is allowed, and what settings do not fit together."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from runtime.credentials import (
    Authenticator,
    ClientSecurity,
    Grant,
    ServerSecurity,
    call_metadata,
    channel_credentials,
    server_credentials,
)
from runtime.credentials.grants import EVERYTHING, TokenTable, hash_token, new_token
from runtime.credentials.loopback import is_loopback
from shared_models.errors import ConfigError, RefusedError

PEM = "-----BEGIN CERTIFICATE-----\n"


@pytest.mark.parametrize(
    "address",
    [
        "localhost:1",
        "127.0.0.1:50051",
        "127.8.8.8:1",
        "[::1]:1",
        "ipv4:127.0.0.1:1",
        "unix:/run/s",
        "dns:///localhost:1",
    ],
)
def test_addresses_that_never_leave_the_machine(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0:1",
        "[::]:1",
        "10.0.0.1:1",
        "gw.example:1",
        "localhost.example:1",
        "dns://8.8.8.8/gw:1",
        "127.0.0.1.example:1",
    ],
)
def test_addresses_that_may_leave_the_machine(address: str) -> None:
    assert not is_loopback(address)


def test_a_client_speaks_plaintext_on_loopback_and_tls_everywhere_else() -> None:
    assert channel_credentials(ClientSecurity(), "127.0.0.1:50051") is None
    assert channel_credentials(ClientSecurity(), "gw.example:50051") is not None
    assert channel_credentials(ClientSecurity(insecure=True), "gw.example:50051") is None


def test_a_server_beyond_loopback_needs_a_certificate_or_a_loud_flag() -> None:
    assert server_credentials(ServerSecurity(), "127.0.0.1:0") is None
    assert server_credentials(ServerSecurity(insecure=True), "0.0.0.0:0") is None
    with pytest.raises(ConfigError, match="slimstream certs init"):
        server_credentials(ServerSecurity(), "0.0.0.0:0")


def test_tls_without_any_authentication_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text(PEM)
    security = ServerSecurity(certificate_file=tmp_path / "x.pem", private_key_file=tmp_path / "x.pem")
    with pytest.raises(ConfigError, match="nobody can prove who they are"):
        server_credentials(security, "0.0.0.0:0")


@pytest.mark.parametrize(
    "security",
    [
        ClientSecurity(certificate_file=Path("a")),
        ClientSecurity(private_key_file=Path("a")),
        ClientSecurity(ca_file=Path("a"), insecure=True),
        ClientSecurity(ca_file=Path("/nowhere/ca.pem")),
    ],
)
def test_client_files_that_do_not_fit_are_refused(security: ClientSecurity) -> None:
    with pytest.raises(ConfigError):
        channel_credentials(security, "gw.example:1")


@pytest.mark.parametrize(
    "security",
    [
        ServerSecurity(certificate_file=Path("a")),
        ServerSecurity(client_ca_file=Path("a")),
        ServerSecurity(certificate_file=Path("/no"), private_key_file=Path("/no"), insecure=True),
    ],
)
def test_server_files_that_do_not_fit_are_refused(security: ServerSecurity) -> None:
    with pytest.raises(ConfigError):
        server_credentials(security, "127.0.0.1:0")


def test_a_token_comes_from_a_file_or_the_environment_and_never_shows(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    assert call_metadata(ClientSecurity(token_file=tmp_path / "token")) == (
        ("authorization", "Bearer s3cret"),
    )
    security = ClientSecurity(token=SecretStr("s3cret"))
    assert call_metadata(security) == (("authorization", "Bearer s3cret"),)
    assert "s3cret" not in repr(security)
    assert call_metadata(ClientSecurity()) == ()
    with pytest.raises(ConfigError, match="keep one"):
        call_metadata(ClientSecurity(token=SecretStr("a"), token_file=tmp_path / "token"))


@pytest.mark.parametrize("content", [b"", b"\n", b"two words", b"\xff\xfe", b"line\nline"])
def test_a_token_file_that_holds_no_token_is_named_but_not_shown(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(ConfigError, match=r"token file .* one line") as caught:
        call_metadata(ClientSecurity(token_file=tmp_path / "token"))
    assert "words" not in str(caught.value)


def test_a_known_token_gives_its_grant_and_others_are_refused() -> None:
    token = new_token()
    table = TokenTable({hash_token(token): Grant("roof", writes=("a",))})
    assert table.grant_of(token) == Grant("roof", writes=("a",))
    for wrong in ("", token[:-1], token + "x", hash_token(token)):
        with pytest.raises(RefusedError):
            table.grant_of(wrong)


def test_a_token_list_with_a_mistake_says_where(tmp_path: Path) -> None:
    path = tmp_path / "tokens.yaml"
    path.write_text("tokens:\n- name: roof\n  sha256: abc\n")
    with pytest.raises(ConfigError, match=r"tokens\.yaml:3: tokens\[0\]\.sha256"):
        TokenTable.load(path)
    path.write_text("tokens: []\n")
    with pytest.raises(ConfigError, match="holds no token"):
        TokenTable.load(path)


def test_where_authentication_is_off_everybody_may_do_everything() -> None:
    assert Authenticator(ServerSecurity()).authenticate((), {}) == EVERYTHING


def test_where_it_is_on_a_caller_without_proof_is_refused(tmp_path: Path) -> None:
    authenticator = Authenticator(ServerSecurity(client_ca_file=tmp_path / "ca.pem"))
    with pytest.raises(RefusedError, match="neither a known token nor a certificate"):
        authenticator.authenticate((("authorization", "Bearer whatever"),), {})


def test_the_certificates_names_become_the_grant(tmp_path: Path) -> None:
    authenticator = Authenticator(ServerSecurity(client_ca_file=tmp_path / "ca.pem"))
    context = {
        "x509_common_name": [b"roof"],
        "x509_subject_alternative_name": [
            b"slimstream://writes/gate-*",
            b"slimstream://reads/a%2Fb",
            b"other",
        ],
    }
    assert authenticator.authenticate((), context) == Grant("roof", writes=("gate-*",), reads=("a/b",))
