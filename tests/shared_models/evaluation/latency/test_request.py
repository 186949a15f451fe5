from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shared_models.errors import InputError
from shared_models.evaluation.latency.request import LatencyRequest, parse_numbers, parse_size

REQUEST = LatencyRequest(
    command="slimstream eval latency",
    model="slim-1",
    sizes=((64, 48),),
    widths=(),
    qualities=(),
    backends=("fp32",),
    threads=(1,),
    frames=1,
    rounds=1,
    source=None,
    bridge=None,
    detector=None,
)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"backends": ("bf16",)}, "no backend bf16"),
        ({"backends": ()}, "no backend"),
        ({"frames": 0}, "0 frames"),
        ({"rounds": 100_000}, "rounds"),
        ({"threads": (0,)}, "threads"),
        ({"bridge": Path("bridge")}, "--detector"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(change: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        replace(REQUEST, **change)


def test_a_size_is_read_with_either_sign() -> None:
    assert parse_size("640x480") == parse_size("640×480") == (640, 480)


@pytest.mark.parametrize("text", ["640", "x480", "640x480x3", "-1x5", "wide"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="no size"):
        parse_size(text)


def test_what_is_no_number_is_refused() -> None:
    assert parse_numbers("0.25,1", "width") == (0.25, 1.0)
    with pytest.raises(InputError, match="no width"):
        parse_numbers("wide", "width")
