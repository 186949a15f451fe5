import os
from itertools import pairwise

import numpy as np
import pytest

from shared_models.errors import InputError
from shared_models.evaluation.peers.intra import lack
from shared_models.evaluation.video.low_delay import VIDEO_ENCODERS, CodedClip, LowDelayEncoder
from shared_models.frames import Pixels, psnr_db

SIZE = (81, 67)  # odd on purpose


def moving_square(count: int) -> list[Pixels]:
    width, height = SIZE
    frames = []
    for index in range(count):
        pixels = np.tile(np.linspace(0, 200, width).astype(np.uint8)[:, np.newaxis], (height, 1, 3))
        pixels[20:40, 5 + 4 * index : 25 + 4 * index] = (200, 40, 40)
        frames.append(pixels)
    return frames


@pytest.fixture(params=VIDEO_ENCODERS)
def encoder(request: pytest.FixtureRequest) -> LowDelayEncoder:
    made = VIDEO_ENCODERS[request.param](4)
    if lacking := lack(made.encoder, made.decoder):
        pytest.skip(lacking.reason)
    return made


def test_every_frame_gives_one_packet_and_comes_back(encoder: LowDelayEncoder) -> None:
    frames = moving_square(8)
    coded = encoder.encode(frames, 10.0, 30)
    decoded = list(encoder.decode(coded, *SIZE))
    assert len(coded.packets) == len(coded.encode_ms) == len(decoded) == 8
    assert min(psnr_db(made, frame) for made, frame in zip(decoded, frames, strict=True)) > 25


def test_key_frames_come_no_later_than_the_interval(encoder: LowDelayEncoder) -> None:
    keys = encoder.encode(moving_square(9), 10.0, 30).key_frames
    assert keys[0] == 0
    assert all(later - earlier <= 4 for earlier, later in pairwise([*keys, 9]))


def test_a_frame_s_packet_owes_nothing_to_later_frames(encoder: LowDelayEncoder) -> None:
    frames = moving_square(8)
    whole, half = encoder.encode(frames, 10.0, 35), encoder.encode(frames[:4], 10.0, 35)
    assert whole.packets[:4] == half.packets


def test_a_higher_crf_takes_fewer_bytes(encoder: LowDelayEncoder) -> None:
    frames = moving_square(6)
    sizes = [sum(map(len, encoder.encode(frames, 10.0, crf).packets)) for crf in encoder.qualities]
    assert sizes[0] < sizes[-1]


def test_an_encoder_says_nothing_about_itself_in_its_bytes(encoder: LowDelayEncoder) -> None:
    stream = b"".join(encoder.encode(moving_square(2), 10.0, 30).packets)
    assert b"x264" not in stream
    assert b"x265" not in stream


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="a system without scheduling policies")
def test_an_encoder_leaves_its_caller_s_priority_alone(encoder: LowDelayEncoder) -> None:
    before = os.sched_getscheduler(0)
    encoder.encode(moving_square(2), 10.0, 40)
    assert os.sched_getscheduler(0) == before


def test_settings_name_preset_and_key_frames(encoder: LowDelayEncoder) -> None:
    assert "preset" in encoder.settings
    assert "a key frame every 4 frames" in encoder.settings


def test_a_crf_out_of_range_is_refused(encoder: LowDelayEncoder) -> None:
    with pytest.raises(InputError, match=f"{encoder.name} has no CRF 99"):
        encoder.encode(moving_square(1), 10.0, 99)


def test_a_coded_clip_survives_storage_and_nothing_else_does() -> None:
    coded = CodedClip((b"first\n", b"", b"third"), (0,), (1.5, 0.25, 2.0))
    assert CodedClip.from_bytes(coded.to_bytes()) == coded
    for data in (b"", b"{}\n", b"[1]\n", b"no JSON\n", coded.to_bytes()[:20]):
        assert CodedClip.from_bytes(data) is None
