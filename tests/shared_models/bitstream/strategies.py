"""Hypothesis strategies for packets and frames, and the fixed samples that the golden files hold."""

from typing import Final

from hypothesis import strategies as st

from shared_models.bitstream import Limits, Packet, PacketKind, Reference, SlimFrame, StreamFormat

LIMITS: Final = Limits()
FINGERPRINT: Final = bytes.fromhex("0123456789abcdef")
FORMAT: Final = StreamFormat(FINGERPRINT, 416, 312)

crcs = st.integers(0, 2**32 - 1)
payloads = st.binary(max_size=300)
formats = st.builds(
    StreamFormat, st.binary(min_size=8, max_size=8), st.integers(1, 2**16 - 1), st.integers(1, 256)
)


@st.composite
def packets(draw: st.DrawFn, seq: int, fmt: StreamFormat, kinds: tuple[PacketKind, ...]) -> Packet:
    """Any packet of frame `seq` that the format can express."""
    kind = draw(st.sampled_from([k for k in kinds if seq > 0 or k is not PacketKind.BASE_PREDICTED]))
    reference = None
    if kind.has_reference:
        reference_seq = seq if kind is PacketKind.ENHANCEMENT else draw(st.integers(0, seq - 1))
        reference = Reference(reference_seq, draw(crcs))
    return Packet(
        kind=kind,
        fingerprint=fmt.fingerprint,
        frame_width=fmt.frame_width,
        frame_height=fmt.frame_height,
        quality_code=draw(st.integers(0, 3200)),
        width_id=draw(st.integers(0, 7)),
        reference=reference,
        symbols_crc32c=draw(crcs),
        parts=tuple(draw(st.lists(payloads, min_size=1, max_size=1 if kind.is_base else 5))),
    )


@st.composite
def packets_in_stream(draw: st.DrawFn) -> tuple[int, Packet]:
    """A sequence number and any packet of the frame that has it."""
    seq = draw(st.one_of(st.integers(0, 300), st.integers(0, 2**64 - 1)))
    return seq, draw(packets(seq, draw(formats), tuple(PacketKind)))


@st.composite
def slim_frames(draw: st.DrawFn, seq: int) -> SlimFrame:
    """A frame with a base and perhaps its enhancement."""
    fmt = draw(formats)
    base = draw(packets(seq, fmt, (PacketKind.BASE_INTRA, PacketKind.BASE_PREDICTED)))
    layers = [base]
    if draw(st.booleans()):
        reference = Reference(seq, base.symbols_crc32c)
        layers.append(
            sample_packet(
                PacketKind.ENHANCEMENT, reference, draw(st.lists(payloads, min_size=1, max_size=4)), fmt
            )
        )
    capture_ns = draw(st.none() | st.integers(0, 2**64 - 1))
    return SlimFrame(seq, tuple(layers), capture_ns)


@st.composite
def slim_files(draw: st.DrawFn) -> list[SlimFrame]:
    """One to four frames in rising order."""
    seqs = draw(st.sets(st.integers(0, 2**64 - 1), min_size=1, max_size=4))
    return [draw(slim_frames(seq)) for seq in sorted(seqs)]


def sample_packet(
    kind: PacketKind, reference: Reference | None, parts: list[bytes], fmt: StreamFormat = FORMAT
) -> Packet:
    """A packet with ordinary values."""
    return Packet(
        kind, fmt.fingerprint, fmt.frame_width, fmt.frame_height, 1616, 2, reference, 0x89ABCDEF, tuple(parts)
    )


def sample_packets(seq: int) -> dict[str, Packet]:
    """One packet of each kind of frame `seq`, by name."""
    payload = bytes(range(200))
    return {
        "intra": sample_packet(PacketKind.BASE_INTRA, None, [payload]),
        "predicted": sample_packet(PacketKind.BASE_PREDICTED, Reference(seq - 3, 0x01020304), [payload[:40]]),
        "enhancement": sample_packet(PacketKind.ENHANCEMENT, Reference(seq, 0x89ABCDEF), [payload * 2]),
        "features": sample_packet(PacketKind.FEATURES, None, [payload, b"", payload[:7]]),
    }


def sample_frames() -> list[SlimFrame]:
    """Frames of a file that uses all of the container: several layers, a capture time, a missing seq."""
    first, second, third = (sample_packets(seq) for seq in (7, 8, 300))
    return [
        SlimFrame(7, (first["intra"],)),
        SlimFrame(8, (second["predicted"], second["enhancement"]), capture_ns=1_790_000_000_000_000_000),
        SlimFrame(300, (third["intra"], third["enhancement"], third["features"])),
    ]
