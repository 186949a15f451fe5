from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_models.bitstream import (
    Limits,
    Packet,
    PacketHeader,
    peek,
    peek_live,
    read_live,
    read_packet,
    write_live,
    write_packet,
)
from shared_models.errors import BitstreamError, LimitError, MalformedError, TruncatedError, UnsupportedError
from tests.shared_models.bitstream.strategies import FORMAT, LIMITS, packets_in_stream, sample_packets

SEQ = 9
LIVE = {name: write_live(packet, FORMAT, SEQ) for name, packet in sample_packets(SEQ).items()}
COMPLETE = {name: write_packet(packet) for name, packet in sample_packets(SEQ).items()}


def header_of(packet: Packet) -> PacketHeader:
    return PacketHeader(*(getattr(packet, field.name) for field in fields(PacketHeader)))


@given(sent=packets_in_stream())
def test_any_packet_comes_back_from_its_live_form(sent: tuple[int, Packet]) -> None:
    seq, packet = sent
    data = write_live(packet, packet.format, seq)
    assert read_live(data, packet.format, LIMITS, seq) == packet
    assert peek_live(data, packet.format, LIMITS, seq) == header_of(packet)


@given(sent=packets_in_stream())
def test_any_packet_comes_back_from_its_complete_form(sent: tuple[int, Packet]) -> None:
    _, packet = sent
    data = write_packet(packet)
    assert read_packet(data, LIMITS) == packet
    assert peek(data, LIMITS) == header_of(packet)


@given(sent=packets_in_stream(), data=st.data())
def test_any_cut_of_a_complete_packet_is_truncated(sent: tuple[int, Packet], data: st.DataObject) -> None:
    written = write_packet(sent[1])
    kept = data.draw(st.integers(0, len(written) - 1))
    with pytest.raises(TruncatedError):
        read_packet(written[:kept], LIMITS)


@given(sent=packets_in_stream(), data=st.data())
def test_any_cut_of_a_live_header_is_truncated(sent: tuple[int, Packet], data: st.DataObject) -> None:
    seq, packet = sent
    written = write_live(packet, packet.format, seq)
    sized_bytes = len(written) - len(packet.parts[-1])  # the last part ends where its message does
    with pytest.raises(TruncatedError):
        read_live(written[: data.draw(st.integers(0, sized_bytes - 1))], packet.format, LIMITS, seq)


@given(sent=packets_in_stream(), data=st.data())
def test_a_flipped_bit_is_refused_or_makes_another_packet(
    sent: tuple[int, Packet], data: st.DataObject
) -> None:
    packet = sent[1]
    written = bytearray(write_packet(packet))
    bit = data.draw(st.integers(0, 8 * len(written) - 1))
    written[bit // 8] ^= 1 << bit % 8
    try:
        read = read_packet(written, LIMITS)
    except BitstreamError:
        return
    assert read != packet
    assert write_packet(read) == written


@pytest.mark.parametrize("version", [0, 2, 15])
def test_another_version_is_refused_by_number(version: int) -> None:
    data = bytes([version << 4]) + COMPLETE["intra"][1:]
    with pytest.raises(UnsupportedError, match=rf"version {version} .* \(at byte 0\)"):
        read_packet(data, LIMITS)


@pytest.mark.parametrize("kind", [4, 9, 15])
def test_a_reserved_kind_is_refused_by_number(kind: int) -> None:
    data = bytes([0x10 | kind]) + LIVE["intra"][1:]
    with pytest.raises(UnsupportedError, match=f"kind {kind} is reserved"):
        read_live(data, FORMAT, LIMITS, SEQ)


def patched(data: bytes, offset: int, patch: bytes) -> bytes:
    return data[:offset] + patch + data[offset + len(patch) :]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (patched(COMPLETE["intra"], 9, bytes(2)), r"0×312 has no pixels \(at byte 9\)"),
        (patched(COMPLETE["intra"], 13, b"\x81\x4c"), r"quality code 3201 is beyond 3200 \(at byte 13\)"),
        (patched(COMPLETE["intra"], 13, b"\x00\x10"), r"one part .* several \(at byte 13\)"),
        (patched(COMPLETE["features"], 19, b"\x01"), r"not for 1 \(at byte 19\)"),
        (COMPLETE["intra"] + b"!", "1 bytes follow"),
    ],
    ids=["no pixels", "quality", "base in parts", "one part counted", "trailing"],
)
def test_a_forbidden_value_is_malformed_and_located(data: bytes, message: str) -> None:
    with pytest.raises(MalformedError, match=message):
        read_packet(data, LIMITS)
    with pytest.raises(MalformedError, match=message):
        peek(data, LIMITS)


@pytest.mark.parametrize("distance", [b"\x00", b"\x0a"])
def test_a_reference_to_no_earlier_frame_is_malformed(distance: bytes) -> None:
    with pytest.raises(MalformedError, match=r"frame 9 cannot lean on"):
        read_live(patched(LIVE["predicted"], 7, distance), FORMAT, LIMITS, SEQ)


@pytest.mark.parametrize(
    "limits",
    [Limits(pixels_max=416 * 312 - 1), Limits(payload_bytes_max=206), Limits(parts_max=2)],
    ids=["pixels", "payload", "parts"],
)
def test_sizes_beyond_the_limits_are_refused_in_both_forms(limits: Limits) -> None:
    with pytest.raises(LimitError):
        read_packet(COMPLETE["features"], limits)
    with pytest.raises(LimitError):
        read_live(LIVE["features"], FORMAT, limits, SEQ)


def test_a_claimed_payload_is_limited_before_its_bytes_are_looked_for() -> None:
    claims_4_gib = COMPLETE["intra"][:19] + b"\xff\xff\xff\xff\x0f"
    with pytest.raises(LimitError, match="4294967295 bytes"):
        read_packet(claims_4_gib, LIMITS)


def test_a_packet_is_read_from_any_kind_of_buffer_and_keeps_none_of_it() -> None:
    buffer = bytearray(COMPLETE["intra"])
    packet = read_packet(memoryview(buffer), LIMITS)
    buffer[-1] ^= 0xFF
    assert packet == sample_packets(SEQ)["intra"]
