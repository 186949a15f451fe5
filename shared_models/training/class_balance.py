"""How often a picture is shown, so that classes that are seldom seen are learnt, too.

Half of all photographs show people and one in a hundred a given kind of animal, while mean average precision
counts each class alike. Pictures are repeated by the rarest class in them, by the square root of how rare it
is (repeat factor sampling, Gupta et al. 2019, arXiv:1908.03195); here the teacher says what is in them.
"""

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from shared_models.bridges.yolox_stages import YoloxStages
from shared_models.training.detector_views import place
from shared_models.training.picture_cache import PictureCache

LONG_SIDE_PX: Final = 416
SIDE_MULTIPLE_PX: Final = 32
SCORE_MIN: Final = 0.3
COMMON_SHARE: Final = 0.1
"""Classes in at least this share of the pictures are common enough."""
REPEATS_MAX: Final = 4.0


@torch.no_grad()
def seen_classes(pictures: PictureCache, teacher: YoloxStages) -> NDArray[np.bool_]:
    """Tell which classes the teacher sees in each whole picture: (pictures, classes)."""
    seen = []
    for pixels in pictures:
        scale = LONG_SIDE_PX / max(pixels.shape)
        height, width = (
            -(-round(side * scale) // SIDE_MULTIPLE_PX) * SIDE_MULTIPLE_PX for side in pixels.shape[:2]
        )
        view = torch.from_numpy(place(pixels, (height, width), scale, np.zeros(2)))
        x = view.permute(2, 0, 1)[np.newaxis].float() / 255
        _, answers = teacher(teacher.features(x))
        scores = [(a.objectness.float().sigmoid() * a.classes.float().sigmoid()).flatten(2) for a in answers]
        seen.append((torch.cat(scores, dim=2).amax(dim=2)[0] >= SCORE_MIN).numpy())
    return np.stack(seen)


def repeat_factors(seen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(pictures, classes) -> how often to show each picture, 1 to REPEATS_MAX: (pictures,)."""
    share = seen.mean(axis=0)
    wanted = np.sqrt(COMMON_SHARE / np.maximum(share, 1 / len(seen)))
    return np.asarray(np.where(seen, np.clip(wanted, 1, REPEATS_MAX), 1.0).max(axis=1))
