"""Examples to fit a bridge with: truly rounded latents of pictures, and what the teacher makes of them.

Teacher and encoder are frozen and cost as much as a step, so what they make of a few pictures, a study, is
used several times, at other qualities and some steps apart. Another thread makes studies while steps run.
What a step sees follows from its number alone, so that a run can go on where it stopped.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from shared_models.frames import Pixels
from shared_models.tasks.feature_placement import Array, FeaturePlacement, Side
from shared_models.training.bridge_plan import BridgePlan
from shared_models.training.bridge_teacher import BridgeTeacher, Lesson
from shared_models.training.output_distance import thinned

QUALITIES: Final = (20.0, 90.0)
"""The qualities that a bridge has to live with."""
USES: Final = 2
"""How often a study is used, each time at other qualities."""
_APART: Final = 8  # new studies between two uses of one
_SITTING: Final = 4  # studies made at a time, so that pictures of one shape come together


@dataclass(frozen=True, slots=True)
class Example:
    """One picture: the bridge's input (1, C + 2, h, w) and where its features go."""

    framed: Array
    placement: FeaturePlacement


@dataclass(frozen=True, slots=True)
class Batch:
    """Examples on canvases of one side (width, height), and the lesson that the teacher gives on all."""

    side: Side
    examples: Sequence[Example]
    lesson: Lesson


class ExampleMaker:
    """Makes studies of pictures by their index, of all qualities and widths at once."""

    def __init__(self, plan: BridgePlan, teacher: BridgeTeacher, size: int) -> None:
        """Take pictures and latents from `plan`, targets from `teacher`; a study has `size` pictures."""
        self.plan, self.teacher, self.size = plan, teacher, size

    def studies(
        self, indices: Sequence[int], uses: int, random: np.random.Generator
    ) -> list[Sequence[Batch]]:
        """Make studies of those of the pictures `indices` that can be read: `uses` batches of each.

        Pictures of one shape come together. They are flipped half the time; widths are drawn for each, and
        qualities for each use.
        """
        read = [pixels for pixels in map(self.plan.pictures.read, indices) if pixels is not None]
        flips = random.random(len(read)) < 0.5
        turned = [
            np.ascontiguousarray(p[:, ::-1]) if flip else p for p, flip in zip(read, flips, strict=True)
        ]
        turned.sort(key=lambda pixels: pixels.shape)
        groups = [turned[first : first + self.size] for first in range(0, len(turned), self.size)]
        return [self._study(group, uses, random) for group in groups]

    def _study(self, pictures: Sequence[Pixels], uses: int, random: np.random.Generator) -> Sequence[Batch]:
        sides = [self.plan.side(pixels.shape[1], pixels.shape[0]) for pixels in pictures]
        side = max(width for width, _ in sides), max(height for _, height in sides)
        lesson = self.teacher.teach([self.plan.canvas(pixels, side) for pixels in pictures])
        if self.plan.pixel.task == "segment":  # classes of every pixel would fill the memory
            lesson = replace(lesson, outputs=[thinned(output).clone() for output in lesson.outputs])
        columns = []
        for pixels in pictures:
            low, high = QUALITIES
            parts = (random.permutation(uses) + random.random(uses)) / uses  # spread over the range
            qualities = [low + (high - low) * float(part) for part in parts]
            width = float(random.choice(self.plan.codec.widths))
            columns.append(self.examples(pixels, side, qualities, width))
        return [Batch(side, examples, lesson) for examples in zip(*columns, strict=True)]

    def examples(self, pixels: Pixels, side: Side, qualities: Sequence[float], width: float) -> list[Example]:
        """Code a picture as the edge would, at each quality, and frame its latents for the bridge."""
        placement = self.plan.placement(pixels.shape[1], pixels.shape[0], side)
        coded = self.plan.codec.coded_latents_at(qualities, pixels, width=width)
        return [Example(placement.frame(latents), placement) for latents in coded]


class EndlessBatches:
    """Batches of step 0, 1, 2, ...: every picture once an epoch, made ahead in another thread."""

    def __init__(self, maker: ExampleMaker, indices: Sequence[int], seed: int = 0) -> None:
        """Draw pictures from `indices`."""
        self.maker, self.indices, self.seed = maker, np.asarray(indices), seed
        self.step = 0

    def __iter__(self) -> Iterator[Batch]:
        """Yield batches from `step` on, for ever."""
        sittings: dict[int, Future[list[Sequence[Batch]]]] = {}
        with ThreadPoolExecutor(1, thread_name_prefix="examples") as pool:
            try:
                while True:
                    newest, use = divmod(self.step, USES)
                    number, place = divmod(newest - use * _APART, _SITTING)
                    self.step += 1
                    if number < 0:
                        continue  # at the start there is nothing to use again
                    oldest = (newest - (USES - 1) * _APART) // _SITTING
                    for past in [key for key in sittings if key < oldest]:
                        del sittings[past]
                    for wanted in (number, newest // _SITTING + 1):
                        if wanted not in sittings:
                            sittings[wanted] = pool.submit(self._make, wanted)
                    studies = sittings[number].result()
                    if place < len(studies):
                        yield studies[place][use]
            finally:
                for future in sittings.values():
                    future.cancel()

    def _make(self, number: int) -> list[Sequence[Batch]]:
        count = _SITTING * self.maker.size
        chosen = [self._picture(position) for position in range(number * count, (number + 1) * count)]
        return self.maker.studies(chosen, USES, np.random.default_rng((self.seed, 1, number)))

    def _picture(self, position: int) -> int:
        epoch, place = divmod(position, len(self.indices))
        order = np.random.default_rng((self.seed, 0, epoch)).permutation(len(self.indices))
        return int(self.indices[order[place]])
