"""What an authenticated peer may do with which cameras, as its certificate or token says."""

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from pydantic import Field

from runtime.config import ConfigSection, load_config
from shared_models.errors import ConfigError, RefusedError

TOKEN_BYTES: Final = 32
"""A token is as hard to guess as a key, so a plain SHA-256 of it can be kept on the server."""

_WRITES: Final = "slimstream://writes/"
_READS: Final = "slimstream://reads/"
_CONTROLS: Final = "slimstream://controls/"


@dataclass(frozen=True, slots=True)
class Grant:
    """A peer's name and the cameras it may write, read and control; `*` and `gate-*` are patterns."""

    name: str
    writes: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()

    def to_uris(self) -> list[str]:
        """Return the grant as the URIs that a certificate carries among its alternative names."""
        named = ((_WRITES, self.writes), (_READS, self.reads), (_CONTROLS, self.controls))
        return [prefix + quote(camera, safe="*") for prefix, cameras in named for camera in cameras]

    @classmethod
    def from_uris(cls, name: str, uris: Iterable[str]) -> "Grant":
        """Read back what `to_uris` wrote; other names are passed over."""
        known = list(uris)
        return cls(name, _after(_WRITES, known), _after(_READS, known), _after(_CONTROLS, known))


EVERYTHING: Final = Grant("anonymous", writes=("*",), reads=("*",), controls=("*",))
"""What a peer may do where authentication is off: on loopback, or with the `insecure` flag."""


class TokenEntry(ConfigSection):
    """One token, known by its hash."""

    name: str = Field(min_length=1, max_length=64)
    """Who holds it: the name of the agent or viewer."""
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    """SHA-256 of the token, in hex: `printf %s "$TOKEN" | sha256sum`."""
    writes: tuple[str, ...] = ()
    """Cameras whose frames the holder may send; `gate-*` and `*` are patterns."""
    reads: tuple[str, ...] = ()
    """Cameras that the holder may look at."""
    controls: tuple[str, ...] = ()
    """Cameras whose settings the holder may change."""


class TokenFile(ConfigSection):
    """The gateway's list of tokens."""

    tokens: tuple[TokenEntry, ...] = ()
    """Everyone who may connect with a token."""


class TokenTable:
    """Finds the grant of a token."""

    def __init__(self, grants: Mapping[str, Grant]) -> None:
        """Take grants by the SHA-256 of their token, in hex."""
        self._grants = dict(grants)

    @classmethod
    def load(cls, path: Path) -> "TokenTable":
        """Read a token file; raise ConfigError."""
        entries = load_config(TokenFile, path, env_prefix="", environment={}).tokens
        if not entries:
            raise ConfigError(f"{path} holds no token; add one, or leave tokens_file out")
        return cls(
            {entry.sha256: Grant(entry.name, entry.writes, entry.reads, entry.controls) for entry in entries}
        )

    def grant_of(self, token: str) -> Grant:
        """Return what the holder of `token` may do; raise RefusedError."""
        # A lookup by hash tells a guesser nothing about how near a guess was.
        grant = self._grants.get(hash_token(token))
        if grant is None:
            raise RefusedError(
                "the token is not known to this gateway; check the agent's token against its list"
            )
        return grant


def new_token() -> str:
    """Return a fresh random token."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def hash_token(token: str) -> str:
    """Return what a token file keeps of `token`."""
    return hashlib.sha256(token.encode()).hexdigest()


def _after(prefix: str, uris: list[str]) -> tuple[str, ...]:
    return tuple(unquote(uri.removeprefix(prefix)) for uri in uris if uri.startswith(prefix))
