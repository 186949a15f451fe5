"""How an agent or a viewer proves who it is, and how its channel is protected."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import grpc
import grpc.aio
from pydantic import SecretStr

from runtime.config import ConfigSection
from runtime.credentials.files import read_pem, read_token
from runtime.credentials.loopback import is_loopback
from shared_models.errors import ConfigError

ChannelOptions: TypeAlias = Sequence[tuple[str, Any]]
Metadata: TypeAlias = tuple[tuple[str, str], ...]


class ClientSecurity(ConfigSection):
    """TLS and identity of the connection to the gateway."""

    ca_file: Path | None = None
    """Certificates of the authority that signed the gateway's; the system's authorities if left out."""
    certificate_file: Path | None = None
    """This side's certificate, where the gateway wants mutual TLS."""
    private_key_file: Path | None = None
    """The key of that certificate."""
    token_file: Path | None = None
    """A file with this side's token, where the gateway wants one."""
    token: SecretStr | None = None
    """The token itself; meant for the environment, not for a file."""
    server_name: str | None = None
    """The name to expect in the gateway's certificate, where it differs from the address."""
    insecure: bool = False
    """Talk plaintext to another machine: anyone on the way can read, change and impersonate."""


def channel_credentials(security: ClientSecurity, target: str) -> grpc.ChannelCredentials | None:
    """Return TLS credentials for `target`; None for plaintext, where that is allowed.

    Raises:
        ConfigError: files are missing or do not fit together.
    """
    has_tls_files = bool(security.ca_file or security.certificate_file or security.private_key_file)
    if security.insecure:
        if has_tls_files:
            raise ConfigError("insecure is set together with certificate files; leave one of them out")
        return None
    if (security.certificate_file is None) != (security.private_key_file is None):
        raise ConfigError("certificate_file and private_key_file belong together; set both or neither")
    if is_loopback(target) and not has_tls_files:
        return None
    return grpc.ssl_channel_credentials(
        root_certificates=_pem(security.ca_file, "ca_file"),
        private_key=_pem(security.private_key_file, "private_key_file"),
        certificate_chain=_pem(security.certificate_file, "certificate_file"),
    )


def call_metadata(security: ClientSecurity) -> Metadata:
    """Return what every call carries: the token, if there is one. Raise ConfigError."""
    if security.token is not None and security.token_file is not None:
        raise ConfigError("token and token_file are both set; keep one")
    if security.token is not None:
        return (("authorization", f"Bearer {security.token.get_secret_value()}"),)
    if security.token_file is not None:
        return (("authorization", f"Bearer {read_token(security.token_file)}"),)
    return ()


def open_channel(target: str, security: ClientSecurity, options: ChannelOptions = ()) -> grpc.Channel:
    """Return a blocking channel to `target`; raise ConfigError."""
    credentials = channel_credentials(security, target)
    every = [*options, *_name_option(security)]
    if credentials is None:
        return grpc.insecure_channel(target, options=every)
    return grpc.secure_channel(target, credentials, options=every)


def open_aio_channel(target: str, security: ClientSecurity, options: ChannelOptions = ()) -> grpc.aio.Channel:
    """Return an asyncio channel to `target`; raise ConfigError."""
    credentials = channel_credentials(security, target)
    every = [*options, *_name_option(security)]
    if credentials is None:
        return grpc.aio.insecure_channel(target, options=every)
    return grpc.aio.secure_channel(target, credentials, options=every)


def _name_option(security: ClientSecurity) -> ChannelOptions:
    return [("grpc.ssl_target_name_override", security.server_name)] if security.server_name else []


def _pem(path: Path | None, what: str) -> bytes | None:
    return None if path is None else read_pem(path, what)
