"""The stored packets of an interval as `.slim` files, one for each epoch."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain, groupby

from cloud.storage import frame_queries
from cloud.storage.frame_queries import FrameRow
from cloud.storage.store import Store
from shared_models.bitstream.limits import Limits
from shared_models.bitstream.packet import Packet
from shared_models.bitstream.reader import read_packet
from shared_models.bitstream.slim_file import SlimFrame
from shared_models.bitstream.slim_writer import slim_chunks
from shared_models.errors import InputError, NotHeldError
from slimstream.v1.frame_pb2 import LAYER_ENHANCEMENT

_PIECE_BYTES_MAX = 256 << 10


def exported_slim(
    store: Store, camera: str, start_ns: int, end_ns: int, frames_max: int
) -> Iterator[tuple[int, bytes]]:
    """Yield epoch and piece of each epoch's file, oldest epoch first, in pieces of at most 256 KiB.

    Raises:
        NotHeldError: no frame of the interval is stored.
        InputError: the interval holds too many frames.
    """
    with store.reading() as connection:
        rows = list(frame_queries.frames_between(connection, camera, start_ns, end_ns, frames_max + 1))
    if not rows:
        raise NotHeldError(
            f"no frame of camera {camera[:80]!r} is stored in this interval; choose a wider one"
        )
    if len(rows) > frames_max:
        raise InputError(f"the interval holds more than {frames_max} frames; export it in parts")
    rows.sort(key=lambda row: row.frame_id)
    for epoch, of_epoch in groupby(rows, key=lambda row: row.frame_id.epoch):
        frames = _frames(store, of_epoch)
        first = next(frames, None)
        if first is None:  # given up since the index was asked
            continue
        for chunk in slim_chunks(chain([first], frames)):
            for begin in range(0, len(chunk), _PIECE_BYTES_MAX):
                yield epoch, chunk[begin : begin + _PIECE_BYTES_MAX]


def _frames(store: Store, rows: Iterable[FrameRow]) -> Iterator[SlimFrame]:
    """Yield what is still held, base and best enhancement."""
    for row in rows:
        with suppress(NotHeldError):
            base = _packet(store.read_layer(row.base)[1])
            yield SlimFrame(row.frame_id.seq, (base, *_enhancement(store, row)), row.capture_ns)


def _enhancement(store: Store, row: FrameRow) -> tuple[Packet, ...]:
    with store.reading() as connection:
        layers = frame_queries.layers_of(connection, row.frame_id)
    for layer in layers:
        if layer.layer == LAYER_ENHANCEMENT:
            with suppress(NotHeldError):
                return (_packet(store.read_layer(layer.record_id)[1]),)
    return ()


def _packet(payload: bytes) -> Packet:
    """Read a packet that was checked when it was stored."""
    return read_packet(payload, Limits())
