"""How the gateway protects its port and finds out who is calling."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import grpc
import grpc.aio

from runtime.config import ConfigSection
from runtime.credentials.files import read_pem
from runtime.credentials.grants import EVERYTHING, Grant, TokenTable
from runtime.credentials.loopback import is_loopback
from shared_models.errors import ConfigError, RefusedError


class ServerSecurity(ConfigSection):
    """TLS and authentication of a listening port."""

    certificate_file: Path | None = None
    """The gateway's certificate; without one it speaks plaintext, on loopback only."""
    private_key_file: Path | None = None
    """The key of that certificate."""
    client_ca_file: Path | None = None
    """Certificates of the authority that signs agents' and viewers'; turns mutual TLS on."""
    tokens_file: Path | None = None
    """The list of tokens, by hash, with the cameras each may write and read."""
    insecure: bool = False
    """Listen in plaintext beyond loopback, and let anyone in who needs no token: for trials only."""


def server_credentials(security: ServerSecurity, address: str) -> grpc.ServerCredentials | None:
    """Return TLS credentials for listening on `address`; None for plaintext, where that is allowed.

    Raises:
        ConfigError: plaintext beyond loopback without `insecure`, TLS without any authentication, or files
            that are missing or do not fit together.
    """
    if (security.certificate_file is None) != (security.private_key_file is None):
        raise ConfigError("certificate_file and private_key_file belong together; set both or neither")
    if security.certificate_file is None or security.private_key_file is None:
        if security.client_ca_file is not None:
            raise ConfigError(
                "client_ca_file needs a certificate_file of the gateway's own; mutual TLS is TLS"
            )
        if not (security.insecure or is_loopback(address)):
            raise ConfigError(
                f"{address} can be reached from other machines and no certificate_file is set; make one with "
                "`slimstream certs init`, listen on 127.0.0.1, or set insecure"
            )
        return None
    if security.client_ca_file is None and security.tokens_file is None and not security.insecure:
        raise ConfigError("TLS is on but nobody can prove who they are; set client_ca_file or tokens_file")
    client_ca = (
        None if security.client_ca_file is None else read_pem(security.client_ca_file, "client_ca_file")
    )
    return grpc.ssl_server_credentials(
        [
            (
                read_pem(security.private_key_file, "private_key_file"),
                read_pem(security.certificate_file, "certificate_file"),
            )
        ],
        root_certificates=client_ca,
        require_client_auth=client_ca is not None,
    )


def listen(server: grpc.aio.Server, address: str, security: ServerSecurity) -> int:
    """Let `server` listen on `address`; return the port. Raise ConfigError."""
    credentials = server_credentials(security, address)
    try:
        if credentials is None:
            return server.add_insecure_port(address)
        return server.add_secure_port(address, credentials)
    except RuntimeError as error:
        raise ConfigError(
            f"cannot listen on {address}: {error}; is the port in use, the certificate good?"
        ) from error


class Authenticator:
    """Says what a caller may do, from its token or else its certificate."""

    def __init__(self, security: ServerSecurity) -> None:
        """Read the token file, if any; raise ConfigError."""
        self._tokens = None if security.tokens_file is None else TokenTable.load(security.tokens_file)
        self._is_open = security.tokens_file is None and security.client_ca_file is None

    def authenticate(
        self, metadata: Iterable[tuple[str, str | bytes]], auth_context: Mapping[str, Iterable[bytes]]
    ) -> Grant:
        """Return what the caller may do.

        Args:
            metadata: the call's, `context.invocation_metadata()`.
            auth_context: what TLS has proved, `context.auth_context()`.

        Raises:
            RefusedError: no proof, or a wrong one.
        """
        token = _bearer_token(metadata)
        if token is not None and self._tokens is not None:
            return self._tokens.grant_of(token)
        names = [name.decode(errors="replace") for name in auth_context.get("x509_common_name", ())]
        if names:
            uris = [
                uri.decode(errors="replace") for uri in auth_context.get("x509_subject_alternative_name", ())
            ]
            return Grant.from_uris(names[0], uris)
        if self._is_open:
            return EVERYTHING
        raise RefusedError(
            "the call carries neither a known token nor a certificate; give the agent one of them"
        )


def _bearer_token(metadata: Iterable[tuple[str, str | bytes]]) -> str | None:
    for key, value in metadata:
        if key.lower() == "authorization":
            text = value.decode(errors="replace") if isinstance(value, bytes) else value
            scheme, _, token = text.partition(" ")
            if scheme.lower() == "bearer" and token:
                return token.strip()
    return None
