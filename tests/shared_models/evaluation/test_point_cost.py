from dataclasses import dataclass

from shared_models.evaluation.coded_pictures import CodedPicture
from shared_models.evaluation.point_cost import PictureCost, PointCost, by_point


def cost(size: int, *, quality: float = 50, live: int | None = None, area: int = 100) -> PictureCost:
    coded = CodedPicture("key", size, live, encode_ms=size / 10, is_kept=False)
    return PictureCost("slim", quality, "latents", coded, area)


@dataclass(frozen=True)
class Result:
    cost: PictureCost


def test_bytes_are_means_over_pictures_and_bits_are_over_all_their_pixels() -> None:
    point = PointCost.of([cost(10, area=100), cost(20, area=300), cost(60, area=200)])
    assert (point.pictures, point.bytes_mean, point.bpp, point.encode_ms_median) == (3, 30, 8 * 90 / 600, 2)
    assert point.live_bytes_mean is None


def test_a_live_form_is_counted_where_the_codec_has_one() -> None:
    assert PointCost.of([cost(10, live=4), cost(20, live=8)]).live_bytes_mean == 6


def test_results_are_grouped_by_codec_and_quality_in_their_order() -> None:
    sizes = ((10, 50), (20, 90), (30, 50))
    points = by_point(Result(cost(size, quality=quality)) for size, quality in sizes)
    assert {key: [r.cost.coded.bytes for r in held] for key, held in points.items()} == {
        ("slim", 50): [10, 30],
        ("slim", 90): [20],
    }
