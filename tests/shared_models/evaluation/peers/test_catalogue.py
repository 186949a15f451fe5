import io
import sys

import numpy as np
import pytest
from PIL import Image

from shared_models.errors import InputError, PackageError
from shared_models.evaluation.peers.catalogue import CodecOptions, find_codecs, make_codec
from shared_models.evaluation.peers.codec import Missing, PictureCodec
from shared_models.evaluation.peers.intra import lack
from shared_models.evaluation.peers.slim import Slim
from shared_models.frames import Pixels, psnr_db
from shared_models.packages.package import ModelPackage

PEERS = ("jpeg", "webp", "avif", "jxl", "x264", "x265", "svtav1")


def made(name: str, model: str = "slim-1") -> PictureCodec:
    codec = make_codec(name, CodecOptions(model))
    if isinstance(codec, Missing):
        pytest.skip(f"{name}: {codec.reason}")
    return codec


@pytest.fixture(scope="module")
def photograph() -> Pixels:
    """Return a smooth picture with sides that no codec likes."""
    y, x = np.mgrid[0:75, 0:97]
    waves = [127 + 120 * np.sin(x / a + y / b) for a, b in ((9, 17), (21, 8), (13, 29))]
    return np.stack(waves, axis=2).astype(np.uint8)


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_gives_the_picture_back_and_spends_bytes_on_fidelity(name: str, photograph: Pixels) -> None:
    codec = made(name)
    least, best = (codec.encode(photograph, q) for q in (codec.qualities[0], codec.qualities[-1]))
    assert len(least) < len(best)
    decoded = [codec.decode(data, 97, 75) for data in (least, best)]
    assert {picture.shape for picture in decoded} == {photograph.shape}
    assert psnr_db(decoded[0], photograph) < psnr_db(decoded[1], photograph)
    assert psnr_db(decoded[1], photograph) > 30


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_says_which_libraries_and_options_it_is(name: str) -> None:
    assert any(digit in made(name).settings for digit in "0123456789")


@pytest.mark.parametrize("name", PEERS)
def test_a_quality_that_a_peer_does_not_have_is_one_sentence(name: str, photograph: Pixels) -> None:
    with pytest.raises(InputError, match=f"{name} has no"):
        made(name).encode(photograph, 1000)


@pytest.mark.parametrize("name", ["x264", "x265", "svtav1"])
def test_pictures_below_an_encoders_least_size_are_coded_and_cut_again(name: str) -> None:
    codec = made(name)
    pixels = np.full((17, 16, 3), 90, np.uint8)
    assert codec.decode(codec.encode(pixels, codec.qualities[-1]), 16, 17).shape == pixels.shape


def test_files_are_whole(photograph: Pixels) -> None:
    data = made("jpeg").encode(photograph, 50)
    assert Image.open(io.BytesIO(data)).size == (97, 75)


def test_an_encoders_advertisement_of_itself_is_not_counted(photograph: Pixels) -> None:
    for name in ("x264", "x265"):
        assert name.encode() not in made(name).encode(photograph, 40)


def test_pixels_cost_three_bytes_each_and_come_back_exactly(photograph: Pixels) -> None:
    codec = made("pixels")
    data = codec.encode(photograph, 100)
    assert len(data) == photograph.size
    assert (codec.decode(data, 97, 75) == photograph).all()


def test_ours_has_a_width_in_its_name_and_a_shorter_live_form(
    dct_package: ModelPackage, photograph: Pixels
) -> None:
    codec = made("slim@0.25", str(dct_package.path))
    assert isinstance(codec, Slim)
    assert codec.width == 0.25
    data = codec.encode(photograph, 50)
    assert codec.live_bytes(data) < len(data)
    assert codec.latents(data).shape[0] == 1
    assert codec.fingerprint.hex() in codec.settings


def test_a_width_that_the_model_does_not_have_is_named(dct_package: ModelPackage) -> None:
    with pytest.raises(InputError, match=r"slim@0\.3.*has the widths 0\.25"):
        make_codec("slim@0.3", CodecOptions(str(dct_package.path)))


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(InputError, match=r"'gif'; known are slim, .*jpeg"):
        find_codecs(["jpeg", "gif"], CodecOptions())


def test_an_unknown_model_is_an_error_and_not_a_missing_codec() -> None:
    with pytest.raises(PackageError, match="nowhere"):
        find_codecs(["slim"], CodecOptions("nowhere"))


def test_a_codec_that_is_not_installed_is_missing_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    found = find_codecs(["jxl", "jpeg", "jxl"], CodecOptions())
    assert [codec.name for codec in found.codecs] == ["jpeg"]
    assert "pip install" in found.missing["jxl"]


def test_an_encoder_that_this_build_lacks_is_named() -> None:
    missing = lack("libnowhere", "h264")
    assert missing is not None
    assert "libnowhere" in missing.reason
