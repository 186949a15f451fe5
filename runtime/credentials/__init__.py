"""Who may talk to whom: TLS and tokens on both sides, plaintext only on loopback or with a loud flag."""

from runtime.credentials.client import (
    ClientSecurity,
    call_metadata,
    channel_credentials,
    open_aio_channel,
    open_channel,
)
from runtime.credentials.grants import EVERYTHING, Grant, TokenTable, hash_token, new_token
from runtime.credentials.server import Authenticator, ServerSecurity, listen, server_credentials

__all__ = [
    "EVERYTHING",
    "Authenticator",
    "ClientSecurity",
    "Grant",
    "ServerSecurity",
    "TokenTable",
    "call_metadata",
    "channel_credentials",
    "hash_token",
    "listen",
    "new_token",
    "open_aio_channel",
    "open_channel",
    "server_credentials",
]
