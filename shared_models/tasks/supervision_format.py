"""Detections as `supervision.Detections`, for the tools of that library."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from shared_models.errors import ModelError
from shared_models.tasks.results import Detection

if TYPE_CHECKING:
    import supervision


def to_supervision(detections: Sequence[Detection]) -> "supervision.Detections":
    """Convert the detections of one picture; raise ModelError where supervision is not installed.

    `class_id` is COCO's category id, or the model's own number from 1; `data["class_name"]` has the labels.
    """
    try:
        from supervision import Detections
    except ImportError:
        raise ModelError("supervision is not installed; pip install supervision") from None
    return Detections(
        xyxy=np.array([(d.x_min, d.y_min, d.x_max, d.y_max) for d in detections], np.float32).reshape(-1, 4),
        confidence=np.array([d.score for d in detections], np.float32),
        class_id=np.array([d.category_id for d in detections], int),
        data={"class_name": np.array([d.label for d in detections], str)},
    )
