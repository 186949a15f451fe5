"""The 8 bytes that two ends compare before one decodes what the other coded."""

import hashlib
import json
from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from shared_models.packages.manifest import PartInfo

FINGERPRINT_BYTES: Final = 8


def fingerprint(family: str, config: Mapping[str, JsonValue], parts: Mapping[str, PartInfo]) -> bytes:
    """Hash everything by which bits become latents: the family, its configuration, its decoding parts.

    Encoders, decoders to pixels and task heads are left out: they may be retrained without making one
    stored frame undecodable. Raises nothing; equal arguments give equal bytes on every machine.
    """
    decoding = {name: part.sha256 for name, part in parts.items() if part.is_decoding}
    document = {"family": family, "config": dict(config), "parts": decoding}
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode("ascii")).digest()[:FINGERPRINT_BYTES]
