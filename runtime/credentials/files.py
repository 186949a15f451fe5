"""Reading keys, certificates and tokens; contents never reach a message, a log or a repr."""

from pathlib import Path
from typing import Final

from shared_models.errors import ConfigError

_MATERIAL_BYTES_MAX: Final = 1 << 20


def read_pem(path: Path, what: str) -> bytes:
    """Return the PEM file at `path`; `what` is what errors call it. Raise ConfigError."""
    data = _read(path, what)
    if b"-----BEGIN " not in data:
        raise ConfigError(f"{what} {path} is not PEM; convert it, or make one with `slimstream certs`")
    return data


def read_token(path: Path) -> str:
    """Return the token in the file at `path`, without the line's end. Raise ConfigError."""
    token = _read(path, "token file").decode("ascii", errors="replace").strip()
    if not token or not token.isprintable() or "\ufffd" in token or " " in token:
        raise ConfigError(f"token file {path} must hold one line of printable ASCII; write the token into it")
    return token


def _read(path: Path, what: str) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MATERIAL_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError(
            f"cannot read {what} {path}: {error.strerror}; check its place, owner and permissions"
        ) from error
    if len(data) > _MATERIAL_BYTES_MAX:
        raise ConfigError(
            f"{what} {path} is larger than {_MATERIAL_BYTES_MAX} bytes; that is not one, name another"
        )
    return data
