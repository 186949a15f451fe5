"""An input convention as a person types it: `640x640,rgb,0..1,letterbox-centred`."""

import re
from typing import Final

from shared_models.errors import InputError
from shared_models.tasks.input_convention import Channels, Fit, InputConvention
from shared_models.tasks.known_conventions import (
    IMAGENET,
    RAW,
    SIGNED,
    UNIT,
    Numbers,
    convention_of,
)

NUMBERS: Final[dict[str, Numbers]] = {"0..255": RAW, "0..1": UNIT, "-1..1": SIGNED, "imagenet": IMAGENET}
EXAMPLE: Final = "640x640,rgb,0..1,letterbox-centred"
_SIDE: Final = re.compile(r"(\d{1,4})[x×](\d{1,4})")


def parse_convention(text: str) -> InputConvention:
    """Read side, channels, numbers and fit, in any order; raise InputError for what is unknown or missing."""
    side: tuple[int, int] | None = None
    channels: Channels | None = None
    numbers: Numbers | None = None
    fit: Fit | None = None
    for word in (word.strip().lower() for word in text.split(",")):
        if match := _SIDE.fullmatch(word):
            side = int(match[1]), int(match[2])
        elif word in NUMBERS:
            numbers = NUMBERS[word]
        elif word in set(Channels):
            channels = Channels(word)
        elif word in set(Fit):
            fit = Fit(word)
        else:
            known = ", ".join(["WIDTHxHEIGHT", *Channels, *NUMBERS, *Fit])
            raise InputError(f"{word!r} says nothing about an input; known words are {known}")
    if side is None or 0 in side or channels is None or numbers is None or fit is None:
        raise InputError(f"{text!r} does not say side, channels, numbers and fit; write e.g. {EXAMPLE}")
    return convention_of(side, numbers, channels, fit)
