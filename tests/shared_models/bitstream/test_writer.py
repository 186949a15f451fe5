from dataclasses import replace

import pytest

from shared_models.bitstream import PacketKind, Reference, StreamFormat, write_live, write_packet
from tests.shared_models.bitstream.strategies import FINGERPRINT, FORMAT, sample_packet, sample_packets

LIVE_HEADER_BYTES_MAX = 12


@pytest.mark.parametrize("distance", [1, 127])
def test_a_live_header_costs_at_most_twelve_bytes(distance: int) -> None:
    seq = 2**40
    payload = [bytes(1500)]
    predicted = sample_packet(PacketKind.BASE_PREDICTED, Reference(seq - distance, 7), payload)
    packets = [*(sample_packets(seq)[name] for name in ("intra", "enhancement")), predicted]
    headers = [len(write_live(packet, FORMAT, seq)) - packet.payload_bytes for packet in packets]
    assert headers == [7, 11, 12]
    assert max(headers) <= LIVE_HEADER_BYTES_MAX


def test_a_complete_header_adds_the_model_the_size_and_the_length() -> None:
    intra = sample_packets(9)["intra"]
    assert len(write_packet(intra)) - intra.payload_bytes == 7 + 8 + 4 + 2


def test_a_packet_of_another_stream_is_not_written_live() -> None:
    intra = sample_packets(9)["intra"]
    for other in (StreamFormat(bytes(8), 416, 312), StreamFormat(FINGERPRINT, 312, 416)):
        with pytest.raises(ValueError, match="the session agreed on"):
            write_live(intra, other, 9)


def test_a_reference_that_the_live_form_cannot_say_is_refused() -> None:
    packets = sample_packets(9)
    with pytest.raises(ValueError, match="cannot be predicted"):
        write_live(packets["predicted"], FORMAT, 6)
    with pytest.raises(ValueError, match="enhancement of frame 10"):
        write_live(packets["enhancement"], FORMAT, 10)


def test_the_fields_lie_where_the_document_says() -> None:
    predicted = replace(sample_packets(9)["predicted"], width_id=5, quality_code=0x321, parts=(b"rANS",))
    assert write_live(predicted, FORMAT, 9).hex(" ") == (
        "11"  # version 1, kind 1
        " 21 a3"  # width id 5, one part, quality code 0x321
        " ef cd ab 89"  # CRC-32C of the symbols
        " 03"  # three frames back
        " 04 03 02 01"  # CRC-32C of the reference
        " 72 41 4e 53"  # payload
    )
    assert write_packet(predicted).hex(" ") == (
        "11 01 23 45 67 89 ab cd ef"  # fingerprint
        " a0 01 38 01"  # 416×312
        " 21 a3 ef cd ab 89"
        " 06 04 03 02 01"  # frame 6
        " 04 72 41 4e 53"  # four bytes of payload
    )
