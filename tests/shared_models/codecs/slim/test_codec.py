"""The `slim` codec at run time, on a package that needs no training."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared_models.bitstream.limits import Limits
from shared_models.bitstream.packet import Packet, PacketKind
from shared_models.codecs.backend import BackendOptions, Optimisation
from shared_models.codecs.codec import CodedLayer
from shared_models.codecs.slim.codec import SlimCodec
from shared_models.errors import (
    BitstreamError,
    ChecksumError,
    InputError,
    LimitError,
    MissingReferenceError,
    PackageError,
    UnsupportedError,
)
from shared_models.frames import Pixels, psnr_db
from shared_models.packages.package import ModelPackage


@pytest.fixture(scope="module")
def codec(dct_package: ModelPackage) -> SlimCodec:
    return SlimCodec.load(dct_package)


@pytest.fixture(scope="module")
def base(codec: SlimCodec) -> CodedLayer:
    return codec.encode_base(picture(64, 48), quality=50, width=0.5)


def picture(width: int, height: int, seed: int = 0) -> Pixels:
    """Make something smooth with an edge, as pictures are."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x / a + b) * np.cos(y / c) for a, b, c in random.uniform(3, 30, (3, 3))]
    pixels = 128 + 60 * np.stack(waves, axis=2) + 40 * (x > width / 3)[:, :, np.newaxis]
    clipped: Pixels = np.clip(pixels, 0, 255).astype(np.uint8)
    return clipped


@settings(max_examples=20)
@given(
    width=st.integers(16, 80), height=st.integers(16, 80), quality=st.floats(0, 100), seed=st.integers(0, 9)
)
def test_any_size_and_quality_decodes_to_the_encoders_symbols(
    codec: SlimCodec, width: int, height: int, quality: float, seed: int
) -> None:
    pixels = picture(width, height, seed)
    base = codec.encode_base(pixels, quality=quality, width=0.5)
    assert np.array_equal(codec.decode_base(base.packet, Limits()), base.symbols)
    enhancement = codec.encode_enhancement(pixels, base, quality=quality)
    symbols = codec.decode_enhancement(enhancement.packet, base, Limits())
    assert np.array_equal(symbols, enhancement.symbols)
    assert codec.reconstruct(base, enhancement).shape == pixels.shape


def test_better_quality_costs_more_and_looks_better(codec: SlimCodec) -> None:
    pixels = picture(160, 120)
    sizes, previews, pictures = [], [], []
    for quality in (0, 30, 60, 100):
        base = codec.encode_base(pixels, quality=quality, width=1.0)
        enhancement = codec.encode_enhancement(pixels, base, quality=quality)
        latents = codec.latents(base.symbols, base.packet.quality_code)
        sizes.append(base.packet.payload_bytes + enhancement.packet.payload_bytes)
        previews.append(psnr_db(codec.preview(latents, 160, 120), pixels))
        pictures.append(psnr_db(codec.reconstruct(base, enhancement), pixels))
    assert sizes == sorted(sizes)
    assert previews == sorted(previews)
    assert pictures == sorted(pictures)
    assert pictures[-1] > 35


def test_the_header_says_how_the_frame_was_coded(codec: SlimCodec) -> None:
    packet = codec.encode_base(picture(33, 47), quality=12.5, width=0.75).packet
    assert (packet.frame_width, packet.frame_height) == (33, 47)
    assert (packet.quality_code, packet.width_id) == (400, 2)
    assert packet.fingerprint == codec.fingerprint


@pytest.mark.parametrize(
    ("backend", "said"),
    [
        (BackendOptions(optimisation=Optimisation.NONE), "no optimisation"),
        (BackendOptions(optimisation=Optimisation.BASIC, threads=2), "two threads"),
        (BackendOptions(optimisation=Optimisation.EXTENDED, keeps_arena=True), "with an arena"),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_what_one_backend_coded_another_decodes_bit_for_bit(
    codec: SlimCodec, dct_package: ModelPackage, backend: BackendOptions, said: str
) -> None:
    other = SlimCodec.load(dct_package, parts=["base", "enhancement"], backend=backend)
    pixels = picture(90, 70)
    for encoder, decoder in ((codec, other), (other, codec)):
        base = encoder.encode_base(pixels, quality=40, width=0.25)
        enhancement = encoder.encode_enhancement(pixels, base, quality=40)
        assert np.array_equal(decoder.decode_base(base.packet, Limits()), base.symbols)
        symbols = decoder.decode_enhancement(enhancement.packet, base, Limits())
        assert np.array_equal(symbols, enhancement.symbols)


def test_a_codec_names_the_part_that_is_missing_when_it_is_made(dct_package: ModelPackage) -> None:
    with pytest.raises(PackageError, match="encoder_w033"):
        SlimCodec.load(dct_package, parts=["encoder_w033"])


@pytest.mark.parametrize(
    ("size", "quality", "width"),
    [
        ((15, 16), 50, 0.5),
        ((16, 4097), 50, 0.5),
        ((32, 32), 101, 0.5),
        ((32, 32), -1, 0.5),
        ((32, 32), 50, 0.4),
    ],
)
def test_what_the_model_does_not_take_is_the_users_mistake(
    codec: SlimCodec, size: tuple[int, int], quality: float, width: float
) -> None:
    with pytest.raises(InputError):
        codec.encode_base(np.zeros((size[1], size[0], 3), np.uint8), quality=quality, width=width)


class TestHostilePackets:
    """Whatever comes in, the answer is symbols with the right sum or one BitstreamError."""

    @settings(max_examples=100)
    @given(data=st.data())
    def test_a_changed_payload_is_never_taken_for_the_frame(
        self, codec: SlimCodec, base: CodedLayer, data: st.DataObject
    ) -> None:
        payload = bytearray(base.packet.parts[0])
        position = data.draw(st.integers(0, len(payload) - 1))
        payload[position] ^= data.draw(st.integers(1, 255))
        cut = data.draw(st.integers(0, len(payload)))
        forged = replace(base.packet, parts=(bytes(payload[:cut]),))
        with pytest.raises(BitstreamError):
            codec.decode_base(forged, Limits())

    def test_a_wrong_sum_is_said(self, codec: SlimCodec, base: CodedLayer) -> None:
        with pytest.raises(ChecksumError, match="CRC-32C 00000001"):
            codec.decode_base(replace(base.packet, symbols_crc32c=1), Limits())

    def test_another_models_packet_is_refused(self, codec: SlimCodec, base: CodedLayer) -> None:
        with pytest.raises(UnsupportedError, match="0101010101010101"):
            codec.decode_base(replace(base.packet, fingerprint=b"\1" * 8), Limits())

    @pytest.mark.parametrize(
        "limits", [Limits(pixels_max=9), Limits(symbols_max=9), Limits(payload_bytes_max=9)]
    )
    def test_limits_hold_before_anything_is_decoded(
        self, codec: SlimCodec, base: CodedLayer, limits: Limits
    ) -> None:
        with pytest.raises(LimitError):
            codec.decode_base(base.packet, limits)

    def test_a_frame_beyond_the_models_sides_is_refused(self, codec: SlimCodec, base: CodedLayer) -> None:
        with pytest.raises(LimitError, match="4097"):
            codec.decode_base(replace(base.packet, frame_width=4097), Limits())

    def test_a_kind_that_is_not_ours_is_refused(self, codec: SlimCodec, base: CodedLayer) -> None:
        features: Packet = replace(base.packet, kind=PacketKind.FEATURES)
        with pytest.raises(UnsupportedError, match="FEATURES"):
            codec.decode_base(features, Limits())

    def test_an_enhancement_of_another_base_is_refused(self, codec: SlimCodec, base: CodedLayer) -> None:
        other = codec.encode_base(picture(64, 48, seed=1), quality=50, width=0.5)
        enhancement = codec.encode_enhancement(picture(64, 48), base, quality=50)
        with pytest.raises(MissingReferenceError):
            codec.decode_enhancement(enhancement.packet, other, Limits())


def test_the_largest_picture_is_coded_and_shown(codec: SlimCodec) -> None:
    pixels = np.full((4096, 64, 3), 77, np.uint8)
    base = codec.encode_base(pixels, quality=50, width=0.25)
    symbols = codec.decode_base(base.packet, Limits())
    shown = codec.preview(codec.latents(symbols, base.packet.quality_code), 64, 4096)
    assert psnr_db(shown, pixels) > 40
