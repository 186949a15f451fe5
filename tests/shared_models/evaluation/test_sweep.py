from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from shared_models.evaluation.peers.jpeg import jpeg
from shared_models.evaluation.sweep import Sweep


@dataclass(frozen=True)
class At:
    name: str
    qualities: tuple[float, ...] = (50,)


def sweep(**changes: Any) -> Sweep:
    return Sweep(command="slimstream eval", cache=Path("cache"), codecs=("jpeg",), **changes)


@pytest.mark.parametrize(
    ("points", "qualities"),
    [(None, (5, 8, 12, 20, 30, 50, 75)), (1, (20,)), (2, (5, 75)), (3, (5, 20, 75)), (99, jpeg().qualities)],
)
def test_fewer_points_are_spread_over_the_usual_range(points: int | None, qualities: tuple[float]) -> None:
    assert sweep(points=points).qualities_of(jpeg()) == qualities


def test_given_qualities_win_over_the_usual_ones() -> None:
    assert sweep(qualities={"jpeg": (1, 2)}, points=5).qualities_of(jpeg()) == (1, 2)


def test_qualities_of_a_family_hold_for_each_of_its_widths() -> None:
    given = sweep(qualities={"slim": (10,), "slim@0.5": (20,)})
    assert [given.qualities_of(At(name)) for name in ("slim@0.25", "slim@0.5")] == [(10,), (20,)]
