"""What each pass of the entropy model sees and says for a frame, so that its halves can be timed apart."""

from dataclasses import dataclass, field, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shared_models.codecs.codec import Symbols
from shared_models.entropy.context import ContextModel
from shared_models.entropy.context_coding import encode_symbols
from shared_models.entropy.integer_network import IntegerNetwork
from shared_models.entropy.rans import RansDecoder, RansEncoder


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass: its network and what it sees, if it has one, and the rows that the coder takes."""

    network: IntegerNetwork | None
    inputs: NDArray[np.float32]
    """(1, C_in, gh, gw) integers."""
    indices: NDArray[np.uint16]
    means: NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class RecordingModel(ContextModel):
    """A context model that keeps what passes through it."""

    seen: list[Pass] = field(default_factory=list)

    @classmethod
    def of(cls, model: ContextModel) -> Self:
        """Copy a model, with nothing recorded."""
        return cls(**{each.name: getattr(model, each.name) for each in fields(ContextModel)})

    def parameters(
        self, number: int, planes: NDArray[np.float32], inside: NDArray[np.bool_], row: int
    ) -> tuple[NDArray[np.uint16], NDArray[np.int16]]:
        """Record, and answer as ever."""
        coding = self.passes[number]
        indices, means = ContextModel.parameters(self, number, planes, inside, row)
        self.seen.append(Pass(coding.network, planes[coding.planes][np.newaxis], indices, means))
        return indices, means


@dataclass(frozen=True, slots=True)
class RecordedFrame:
    """A frame's passes, the symbols of each, and the payload they make."""

    model: ContextModel
    passes: tuple[Pass, ...]
    rows: tuple[NDArray[np.int16], ...]
    payload: bytes

    @classmethod
    def of(cls, model: ContextModel, symbols: Symbols, quality_code: int) -> Self:
        """Code `symbols` once and keep everything."""
        recording = RecordingModel.of(model)
        payload = encode_symbols(recording, symbols, None, quality_code).payload
        passes = tuple(recording.seen)
        decoder = RansDecoder(model.tables, payload)
        return cls(model, passes, tuple(decoder.decode(p.indices, p.means) for p in passes), payload)

    def run_networks(self) -> None:
        """Run the network of every pass."""
        for each in self.passes:
            if each.network is not None:
                each.network.run(each.inputs)

    def encode_rows(self) -> bytes:
        """Turn all rows into the payload."""
        encoder = RansEncoder(self.model.tables)
        for each, row in zip(self.passes, self.rows, strict=True):
            encoder.push(row, each.indices, each.means)
        return encoder.flush()

    def decode_rows(self) -> None:
        """Turn the payload into all rows."""
        decoder = RansDecoder(self.model.tables, self.payload)
        for each in self.passes:
            decoder.decode(each.indices, each.means)
        decoder.finish()

    @property
    def row_bytes(self) -> int:
        """Bytes that the coder reads and writes: indices, means, symbols, payload."""
        tables = sum(each.indices.nbytes + each.means.nbytes for each in self.passes)
        return tables + sum(row.nbytes for row in self.rows) + len(self.payload)
