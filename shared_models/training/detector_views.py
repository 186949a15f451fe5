"""Views of training pictures for a detector: nearly whole, enlarged, mirrored, recoloured, or four in one."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from shared_models.frames import Pixels
from shared_models.training.classifier_views import recoloured
from shared_models.training.picture_cache import PictureCache


@dataclass(frozen=True, slots=True)
class ViewConfig:
    """Canvases (H, W) with their shares, and how pictures are brought onto them."""

    canvases: tuple[tuple[int, int], ...] = ((320, 416), (288, 416), (416, 416), (416, 320), (416, 288))
    shares: tuple[float, ...] = (0.45, 0.25, 0.08, 0.14, 0.08)
    whole: float = 0.7  # share of pictures shown (nearly) whole; the others are enlarged
    zoom_max: float = 1.7
    mosaics: float = 0.15
    recoloured: float = 0.5


class DetectorViews:
    """Endless batches of views, every picture as often in an epoch of its orientation as it is told to be."""

    def __init__(
        self,
        pictures: PictureCache,
        config: ViewConfig | None = None,
        seed: int = 0,
        repeats: NDArray[np.float64] | None = None,
    ) -> None:
        """Take the pictures and how often to show each (once by default), on a mean over epochs.

        Portraits are shown on portrait canvases.
        """
        self.pictures, self.config = pictures, config or ViewConfig()
        self.repeats = np.ones(len(pictures)) if repeats is None else repeats
        self.random = np.random.default_rng(seed)
        upright = [place.height > place.width for place in pictures.places]
        self.members = [[i for i, u in enumerate(upright) if u == kind] for kind in (False, True)]
        self.members = [chosen or list(range(len(pictures))) for chosen in self.members]
        self.orders: list[list[int]] = [[], []]

    def batch(self, size: int) -> Tensor:
        """Draw `size` views on one canvas: (B, 3, H, W) RGB in [0, 1], channels last in memory."""
        config = self.config
        canvas = config.canvases[self.random.choice(len(config.canvases), p=config.shares)]
        views = [self._view(canvas) for _ in range(size)]
        x = torch.from_numpy(np.stack(views)).permute(0, 3, 1, 2)
        return x.to(torch.float32, memory_format=torch.channels_last) / 255

    def state_dict(self) -> dict[str, Any]:
        """Return what is needed to go on with the same views."""
        return {"random": self.random.bit_generator.state, "orders": [list(order) for order in self.orders]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken."""
        self.random.bit_generator.state = state["random"]
        self.orders = [list(order) for order in state["orders"]]

    def _view(self, canvas: tuple[int, int]) -> Pixels:
        if self.random.random() >= self.config.mosaics:
            return self._shown(canvas, self._next(canvas))
        half = (canvas[0] // 2, canvas[1] // 2)
        four = [self._shown(half, self._next(canvas)) for _ in range(4)]
        return np.concatenate([np.concatenate(four[:2], axis=1), np.concatenate(four[2:], axis=1)])

    def _shown(self, canvas: tuple[int, int], pixels: Pixels) -> Pixels:
        ratios = [side / have for side, have in zip(canvas, pixels.shape[:2], strict=True)]
        fit, cover = min(ratios), max(ratios)
        if self.random.random() < self.config.whole:
            scale = self.random.uniform(fit, min(cover, fit * self.config.zoom_max))
        else:
            scale = cover * self.random.uniform(1, self.config.zoom_max)
        view = place(pixels, canvas, scale, self.random.random(2))
        if self.random.random() < self.config.recoloured:
            view = recoloured(view, self.random)
        return view[:, ::-1] if self.random.random() < 0.5 else view

    def _next(self, canvas: tuple[int, int]) -> Pixels:
        kind = int(canvas[0] > canvas[1])
        if not self.orders[kind]:
            members = np.array(self.members[kind])
            times = np.floor(self.repeats[members] + self.random.random(len(members))).astype(int)
            self.orders[kind] = self.random.permutation(np.repeat(members, times)).tolist()
        return self.pictures[self.orders[kind].pop()]


def place(pixels: Pixels, canvas: tuple[int, int], scale: float, where: NDArray[np.float64]) -> Pixels:
    """Bring (h, w, 3) at `scale` onto a canvas (H, W).

    What is too large is cut at `where` (0..1 down and across), what is too small begins at the top left
    and is continued by its edge, as pictures are whose sides are no multiples of the stride.
    """
    sides = [round(side * scale) for side in pixels.shape[:2]]
    shown = [min(side, room) for side, room in zip(sides, canvas, strict=True)]
    spare = [(side - part) / scale for side, part in zip(sides, shown, strict=True)]
    top, left = (float(w) * s for w, s in zip(where, spare, strict=True))
    bottom, right = (
        min(begin + part / scale, side)
        for begin, part, side in zip((top, left), shown, pixels.shape, strict=False)
    )
    image = Image.fromarray(pixels).resize(
        (shown[1], shown[0]), Image.Resampling.BILINEAR, box=(left, top, right, bottom)
    )
    margins = [(0, room - part) for room, part in zip(canvas, shown, strict=True)]
    return np.pad(np.asarray(image), [*margins, (0, 0)], mode="edge")
