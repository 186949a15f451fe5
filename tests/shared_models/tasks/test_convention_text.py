"""Input conventions as people type them."""

import pytest

from shared_models.errors import InputError
from shared_models.tasks.convention_text import EXAMPLE, parse_convention
from shared_models.tasks.input_convention import Channels, Fit


def test_words_may_come_in_any_order() -> None:
    convention = parse_convention("bgr, letterbox,imagenet, 416x320")
    assert convention.side == (416, 320)
    assert convention.channels is Channels.BGR
    assert convention.fit is Fit.LETTERBOX
    assert convention.mean == (103.53, 116.28, 123.675)  # in the order of the channels
    assert parse_convention(EXAMPLE).std == (255, 255, 255)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("640x640,rgb,0..1", "does not say side"),
        ("0x640,rgb,0..1,stretch", "does not say side"),
        ("640x640,rgb,0..1,squeeze", "'squeeze' says nothing"),
        ("", "known words are WIDTHxHEIGHT, rgb, bgr"),
    ],
)
def test_what_is_unknown_or_missing_is_said_with_an_example(text: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        parse_convention(text)
