"""What one codec cost at one quality, over all pictures."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, median
from typing import Any, Protocol, Self, TypeVar

from shared_models.evaluation.coded_pictures import CodedPicture
from shared_models.evaluation.curve_summary import Sees
from shared_models.evaluation.peers.slim import Slim
from shared_models.evaluation.picture_coder import PictureTask, Shown


@dataclass(frozen=True, slots=True)
class PictureCost:
    """What one picture cost."""

    codec: str
    quality: float
    sees: Sees
    coded: CodedPicture
    area: int
    """Pixels of the picture."""

    @classmethod
    def of(cls, task: PictureTask, shown: Shown) -> Self:
        """Sum up a task that was done."""
        sees: Sees = "latents" if isinstance(shown.codec, Slim) else "pixels"
        area = shown.picture.width * shown.picture.height
        return cls(task.codec, task.quality, sees, shown.coded, area)


@dataclass(frozen=True, slots=True)
class PointCost:
    """The columns on cost that the rows of reports have in common."""

    codec: str
    quality: float
    sees: Sees
    pictures: int
    bytes_mean: float
    live_bytes_mean: float | None
    bpp: float
    encode_ms_median: float

    @classmethod
    def of(cls, costs: Sequence[PictureCost]) -> Self:
        """Take the mean over the pictures of one codec at one quality."""
        first, coded = costs[0], [cost.coded for cost in costs]
        live = [one.live_bytes for one in coded if one.live_bytes is not None]
        return cls(
            first.codec,
            first.quality,
            first.sees,
            len(costs),
            fmean(one.bytes for one in coded),
            fmean(live) if live else None,
            8 * sum(one.bytes for one in coded) / sum(cost.area for cost in costs),
            median(one.encode_ms for one in coded),
        )

    def columns(self) -> dict[str, Any]:
        """Return them by name, for a row."""
        return asdict(self)


class HasCost(Protocol):
    """What became of one picture."""

    @property
    def cost(self) -> PictureCost:
        """What it cost."""
        ...


Result = TypeVar("Result", bound=HasCost)


def by_point(results: Iterable[Result]) -> dict[tuple[str, float], list[Result]]:
    """Group what became of the pictures by codec and quality, in their order."""
    points: dict[tuple[str, float], list[Result]] = {}
    for result in results:
        points.setdefault((result.cost.codec, result.cost.quality), []).append(result)
    return points
