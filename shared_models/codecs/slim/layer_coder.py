"""Provisional: symbols to bytes through zlib, until the context models are at hand."""

import zlib
from dataclasses import dataclass

import numpy as np

from shared_models.codecs.codec import Symbols
from shared_models.errors import MalformedError
from shared_models.packages.package import ModelPackage


@dataclass(frozen=True, slots=True)
class Condition:
    symbols: Symbols
    quality_code: int


@dataclass(frozen=True, slots=True)
class LayerCoder:
    """The entropy model of one layer."""

    @classmethod
    def load(cls, package: ModelPackage, name: str) -> "LayerCoder":
        """Read tables and networks of a layer; raise ModelError."""
        return cls()

    def encode(
        self, symbols: Symbols, condition: Condition | None, quality_code: int
    ) -> tuple[bytes, Symbols]:
        """Code symbols (C, h, w); return the bytes and the symbols the decoder will see."""
        return zlib.compress(symbols.tobytes(), 9), symbols

    def decode(
        self,
        payload: bytes,
        shape: tuple[int, int, int],
        condition: Condition | None,
        quality_code: int,
        symbols_max: int,
    ) -> Symbols:
        """Undo `encode`; raise BitstreamError for bytes that no encoder makes."""
        size = 2 * shape[0] * shape[1] * shape[2]
        try:
            data = zlib.decompressobj().decompress(payload, size)
        except zlib.error as error:
            raise MalformedError(f"payload: {error}") from None
        if len(data) != size:
            raise MalformedError("payload has another size")
        return np.frombuffer(data, np.int16).reshape(shape).copy()
