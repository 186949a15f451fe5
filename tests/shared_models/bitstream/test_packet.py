from dataclasses import replace
from typing import Any

import pytest

from shared_models.bitstream import PacketKind, Reference, StreamFormat, quality_code_of
from tests.shared_models.bitstream.strategies import FINGERPRINT, sample_packets

INTRA = sample_packets(9)["intra"]


@pytest.mark.parametrize(
    "field",
    [
        {"kind": 0},
        {"fingerprint": b"short"},
        {"frame_width": 0},
        {"frame_height": 2**16},
        {"quality_code": 3201},
        {"width_id": 8},
        {"reference": Reference(1, 2)},
        {"symbols_crc32c": 2**32},
        {"parts": ()},
        {"parts": (b"a", b"b")},
        {"kind": PacketKind.BASE_PREDICTED},
        {"kind": PacketKind.ENHANCEMENT, "parts": (b"a", b"b")},
    ],
    ids=str,
)
def test_a_packet_that_the_format_cannot_hold_cannot_be_made(field: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="a packet cannot have"):
        replace(INTRA, **field)


def test_a_reference_is_a_64_bit_seq_and_a_32_bit_sum() -> None:
    for seq, crc in ((-1, 0), (2**64, 0), (0, -1), (0, 2**32)):
        with pytest.raises(ValueError, match="a packet cannot have"):
            Reference(seq, crc)


def test_quality_is_coded_in_steps_of_a_32nd() -> None:
    assert [quality_code_of(q) for q in (0, 0.5 / 32, 1, 50.5, 100)] == [0, 0, 32, 1616, 3200]
    assert replace(INTRA, quality_code=1616).quality == 50.5
    for quality in (-0.1, 100.1, float("nan")):
        with pytest.raises(ValueError, match="quality"):
            quality_code_of(quality)


def test_a_packet_knows_its_stream_and_its_payload() -> None:
    assert INTRA.format == StreamFormat(FINGERPRINT, 416, 312)
    assert INTRA.payload_bytes == 200
