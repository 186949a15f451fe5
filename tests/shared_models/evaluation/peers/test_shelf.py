import pytest

from shared_models.evaluation.peers.catalogue import CodecOptions
from shared_models.evaluation.peers.jpeg import jpeg
from shared_models.evaluation.peers.shelf import CodecShelf, qualities_of


def test_a_codec_is_made_once() -> None:
    shelf = CodecShelf(CodecOptions())
    assert shelf.take("jpeg") is shelf.take("jpeg")


@pytest.mark.parametrize(
    ("points", "qualities"),
    [(None, (5, 8, 12, 20, 30, 50, 75)), (1, (20,)), (2, (5, 75)), (3, (5, 20, 75)), (99, jpeg().qualities)],
)
def test_fewer_points_are_spread_over_the_usual_range(points: int | None, qualities: tuple[float]) -> None:
    assert qualities_of(jpeg(), {}, points) == qualities


def test_given_qualities_win_over_the_usual_ones() -> None:
    assert qualities_of(jpeg(), {"jpeg": (1, 2)}, 5) == (1, 2)
