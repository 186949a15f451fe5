import pytest

from shared_models.bitstream import SlimFrame, slim_chunks, write_slim
from tests.shared_models.bitstream.strategies import sample_frames, sample_packets


def test_a_single_image_costs_at_most_32_bytes_over_its_payload() -> None:
    intra = sample_packets(3)["intra"]
    assert len(write_slim([SlimFrame(0, (intra,))])) - intra.payload_bytes == 31


def test_the_pieces_of_a_long_file_come_one_frame_at_a_time() -> None:
    frames = sample_frames()
    chunks = list(slim_chunks(iter(frames)))
    assert len(chunks) == 1 + len(frames) + 1
    assert b"".join(chunks) == write_slim(frames)


def test_frames_out_of_order_or_none_at_all_make_no_file() -> None:
    frames = sample_frames()
    with pytest.raises(ValueError, match="frame 7 cannot follow frame 7"):
        write_slim([frames[0], frames[0]])
    with pytest.raises(ValueError, match="at least one frame"):
        write_slim([])
