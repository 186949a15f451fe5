from collections.abc import Callable

import pytest

from shared_models.bitstream import Limits
from shared_models.errors import LimitError


def test_the_defaults_admit_the_largest_picture_with_every_layer() -> None:
    limits = Limits()
    limits.check_pixels(4096, 4096)
    limits.check_symbols(192 * (4096 // 8) ** 2)


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (lambda limits: limits.check_pixels(10, 10, 3), r"10×10 pixels and at most 99 .* \(at byte 3\)"),
        (lambda limits: limits.check_symbols(6), "6 symbols and at most 5"),
        (lambda limits: limits.check_payload(7), "7 bytes and at most 6"),
        (lambda limits: limits.check_parts(8), "8 parts and at most 7"),
        (lambda limits: limits.check_frames(9), "9 frames and at most 8"),
    ],
)
def test_one_more_than_a_limit_is_refused_with_both_numbers(
    check: Callable[[Limits], None], message: str
) -> None:
    limits = Limits(pixels_max=99, symbols_max=5, payload_bytes_max=6, parts_max=7, frames_max=8)
    with pytest.raises(LimitError, match=message):
        check(limits)
