import pytest

from shared_models.errors import InputError
from shared_models.evaluation.peers.catalogue import CodecOptions
from shared_models.evaluation.peers.codec import Missing
from shared_models.evaluation.video import video_codecs
from shared_models.evaluation.video.video_codecs import find_video_codecs, make_video_codec


def test_codecs_come_in_the_order_they_were_asked_for_and_pixels_are_none_of_them() -> None:
    found = find_video_codecs(["x265", "pixels", "slim", "x264", "x265"], CodecOptions(), 250)
    assert [codec.name for codec in found.codecs] == ["x265", "slim", "x264"]


def test_an_unknown_codec_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="there is no video codec 'jpeg'; known are slim, x264"):
        make_video_codec("jpeg", CodecOptions(), 250)


def test_an_encoder_that_is_not_installed_is_missing_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_codecs, "lack", lambda encoder, _: Missing(f"no {encoder} here"))
    found = find_video_codecs(["svtav1", "slim"], CodecOptions(), 250)
    assert found.missing == {"svtav1": "no libsvtav1 here"}
    assert [codec.name for codec in found.codecs] == ["slim"]
