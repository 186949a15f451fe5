"""Examples to fit a bridge with: the truly rounded latents of a picture, and what the teacher makes of it.

Making them costs a part of a step, and another thread does it while the step runs. Which pictures,
qualities and widths a step sees follows from its number alone, so that a run can go on where it stopped.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np

from shared_models.frames import Pixels
from shared_models.tasks.feature_placement import Array, FeaturePlacement
from shared_models.training.bridge_plan import BridgePlan
from shared_models.training.bridge_teacher import BridgeTeacher, Lesson

QUALITIES: Final = (20.0, 90.0)
"""The qualities that a bridge has to live with."""
_AHEAD: Final = 2  # batches made before they are wanted


@dataclass(frozen=True, slots=True)
class Example:
    """One picture: the bridge's input (1, C + 2, h, w) and where its features go."""

    framed: Array
    placement: FeaturePlacement


@dataclass(frozen=True, slots=True)
class Batch:
    """Examples and the lesson that the teacher gives on all of them."""

    examples: Sequence[Example]
    lesson: Lesson


class ExampleMaker:
    """Makes batches of pictures by their index, of all qualities and widths at once."""

    def __init__(self, plan: BridgePlan, teacher: BridgeTeacher) -> None:
        """Take pictures and latents from `plan`, targets from `teacher`."""
        self.plan, self.teacher = plan, teacher

    def batch(self, indices: Sequence[int], random: np.random.Generator) -> Batch | None:
        """Make examples of those of the pictures `indices` that can be read; None if there is none.

        Pictures are flipped half the time; qualities and widths are drawn for each.
        """
        examples, canvases = [], []
        for index in indices:
            pixels = self.plan.pictures.read(index)
            if pixels is None:
                continue
            if random.random() < 0.5:
                pixels = np.ascontiguousarray(pixels[:, ::-1])
            quality, width = float(random.uniform(*QUALITIES)), float(random.choice(self.plan.codec.widths))
            examples.append(self.example(pixels, quality, width))
            canvases.append(self.plan.canvas(pixels))
        if not examples:
            return None
        return Batch(examples, self.teacher.teach(canvases))

    def example(self, pixels: Pixels, quality: float, width: float) -> Example:
        """Code a picture as the edge would, and frame its latents for the bridge."""
        latents = self.plan.codec.coded_latents(pixels, quality=quality, width=width)
        placement = self.plan.placement(pixels.shape[1], pixels.shape[0])
        return Example(placement.frame(latents), placement)


class EndlessBatches:
    """Batches of step 0, 1, 2, ...: every picture once an epoch, made ahead in another thread."""

    def __init__(self, maker: ExampleMaker, indices: Sequence[int], size: int, seed: int = 0) -> None:
        """Draw `size` pictures a step from `indices`."""
        self.maker, self.indices, self.size, self.seed = maker, np.asarray(indices), size, seed
        self.step = 0

    def __iter__(self) -> Iterator[Batch]:
        """Yield batches from `step` on, for ever."""
        with ThreadPoolExecutor(1, thread_name_prefix="examples") as pool:
            ahead = [pool.submit(self._make, step) for step in range(self.step, self.step + _AHEAD)]
            try:
                while True:
                    batch = ahead.pop(0).result()
                    ahead.append(pool.submit(self._make, self.step + _AHEAD))
                    self.step += 1
                    if batch is not None:
                        yield batch
            finally:
                _cancel(ahead)

    def _make(self, step: int) -> Batch | None:
        first = step * self.size
        chosen = [self._picture(position) for position in range(first, first + self.size)]
        return self.maker.batch(chosen, np.random.default_rng((self.seed, 1, step)))

    def _picture(self, position: int) -> int:
        epoch, place = divmod(position, len(self.indices))
        order = np.random.default_rng((self.seed, 0, epoch)).permutation(len(self.indices))
        return int(self.indices[order[place]])


def _cancel(futures: Sequence[Future[Batch | None]]) -> None:
    for future in futures:
        future.cancel()
