"""What must never be printed: how secrets are told by their names, and passwords inside URLs."""

import re
from typing import Final

SECRET_WORDS: Final = ("token", "password", "secret", "private_key", "authorization")
MASK: Final = "********"

# Up to the last @ before the path: passwords with an unescaped @ in them are common on cameras.
_URL_PASSWORD: Final = re.compile(r"(?<=://)([^/\s:@]*):[^/\s]*@")
# Some cameras want it in the path: rtsp://10.0.0.7/user=admin&password=secret&channel=1
_PATH_PASSWORD: Final = re.compile(r"\b(passw(?:or)?d|pwd|token|secret)=[^&\s/'\"]+", re.IGNORECASE)


def is_secret_name(name: str) -> bool:
    """Say whether a value that goes under `name` is a secret; the file that holds one is not."""
    lowered = name.lower()
    return any(word in lowered for word in SECRET_WORDS) and not lowered.endswith(("_file", "_path"))


def mask_url_passwords(text: str) -> str:
    """Replace the password of every URL in `text`: cameras are addressed as rtsp://user:password@host."""
    return _PATH_PASSWORD.sub(rf"\1={MASK}", _URL_PASSWORD.sub(rf"\1:{MASK}@", text))
