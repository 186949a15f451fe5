"""Pulls: the enhancement is made from the kept source against exactly the base that was sent."""

from pathlib import Path

import numpy as np
import pytest

from edge.config import Keep
from edge.encoder import CodingChoice, FrameEncoder, to_jpeg
from edge.pulls import PullAnswerer, PulledLayer, PullRequest, from_jpeg
from edge.ring import Ring
from edge.ring_records import KeptFrame
from runtime.clock import ManualClock
from runtime.segment_log.options import SegmentLogOptions
from shared_models.bitstream.limits import Limits
from shared_models.bitstream.reader import read_packet
from shared_models.codecs.codec import CodedLayer
from shared_models.codecs.slim.codec import SlimCodec
from shared_models.errors import InputError, NotHeldError
from shared_models.frames import CaptureTime, FrameId, Pixels, psnr_db
from shared_models.packages.package import ModelPackage

CHOICE = CodingChoice(quality=50.0, width=0.25, enhancement_quality=60.0)


@pytest.fixture(scope="module")
def codec(dct_package: ModelPackage) -> SlimCodec:
    return SlimCodec.load(dct_package)


def picture() -> Pixels:
    y, x = np.mgrid[0:96, 0:128]
    waves = 128 + 60 * np.sin(x / 9) + 40 * np.cos(y / 5)
    return np.stack([waves, waves[::-1], 255 - waves], axis=-1).clip(0, 255).astype(np.uint8)


def rig(tmp_path: Path, codec: SlimCodec, keep: Keep) -> tuple[PullAnswerer, FrameId, KeptFrame]:
    """A ring with one frame, as an encoder left it, and who answers for it."""
    ring = Ring.open(tmp_path / "ring", SegmentLogOptions(1 << 20, 16 << 20), ["cam"], ManualClock())
    encoded = FrameEncoder(codec, keep, 92).encode(picture(), ring.next_seq("cam"), CHOICE)
    moment = CaptureTime(1, 2, "0" * 16)
    frame = KeptFrame("cam", ring.epoch("cam"), 0, moment, encoded.encode_us, 0.0, encoded.packet)
    ring.append_frame(frame, encoded.kept)
    answerer = PullAnswerer(ring, lambda: codec, quality_default=60.0, reports_psnr=True)
    return answerer, FrameId("cam", ring.epoch("cam"), 0), frame


def test_an_enhancement_decodes_on_the_base_that_was_sent(tmp_path: Path, codec: SlimCodec) -> None:
    answerer, frame_id, frame = rig(tmp_path, codec, Keep.SOURCE)
    answer = answerer.answer(PullRequest(frame_id, PulledLayer.ENHANCEMENT, None))
    limits = Limits()
    sent, pulled = read_packet(frame.packet, limits), read_packet(answer.data, limits)
    assert pulled.reference is not None
    assert pulled.reference.seq == 0
    base = CodedLayer(sent, codec.decode_base(sent, limits))
    full = codec.reconstruct(base, CodedLayer(pulled, codec.decode_enhancement(pulled, base, limits)))
    source = from_jpeg(to_jpeg(picture(), 92))
    assert answer.psnr_db == pytest.approx(psnr_db(full, source))
    assert answer.preview_psnr_db is not None
    assert answer.psnr_db is not None
    assert answer.psnr_db > answer.preview_psnr_db


def test_a_better_quality_costs_more_and_is_nearer(tmp_path: Path, codec: SlimCodec) -> None:
    answerer, frame_id, _ = rig(tmp_path, codec, Keep.SOURCE)
    coarse, fine = (
        answerer.answer(PullRequest(frame_id, PulledLayer.ENHANCEMENT, quality)) for quality in (20.0, 80.0)
    )
    assert len(coarse.data) < len(fine.data)
    assert coarse.psnr_db is not None
    assert fine.psnr_db is not None
    assert coarse.psnr_db < fine.psnr_db


def test_the_source_is_the_kept_file_itself(tmp_path: Path, codec: SlimCodec) -> None:
    answerer, frame_id, _ = rig(tmp_path, codec, Keep.SOURCE)
    answer = answerer.answer(PullRequest(frame_id, PulledLayer.SOURCE, None))
    assert (answer.media_type, answer.data) == ("image/jpeg", to_jpeg(picture(), 92))


def test_a_ring_that_keeps_enhancements_has_no_sources(tmp_path: Path, codec: SlimCodec) -> None:
    answerer, frame_id, frame = rig(tmp_path, codec, Keep.ENHANCEMENT)
    packet = read_packet(answerer.answer(PullRequest(frame_id, PulledLayer.ENHANCEMENT, 99.0)).data, Limits())
    sent = read_packet(frame.packet, Limits())
    assert packet.quality == 60.0
    assert packet.reference is not None
    assert packet.reference.symbols_crc32c == sent.symbols_crc32c
    with pytest.raises(InputError, match=r"ring\.keep"):
        answerer.answer(PullRequest(frame_id, PulledLayer.SOURCE, None))


def test_a_frame_of_another_epoch_is_not_held(tmp_path: Path, codec: SlimCodec) -> None:
    answerer, frame_id, _ = rig(tmp_path, codec, Keep.SOURCE)
    with pytest.raises(NotHeldError):
        answerer.answer(PullRequest(FrameId("cam", frame_id.epoch + 1, 0), PulledLayer.SOURCE, None))
    with pytest.raises(NotHeldError):
        answerer.answer(PullRequest(FrameId("else", frame_id.epoch, 0), PulledLayer.BASE, None))
