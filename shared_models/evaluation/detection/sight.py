"""What a detector saw in one coded picture, and as what a cache keeps it."""

import json
from dataclasses import dataclass
from typing import Self

import numpy as np

from shared_models.tasks.results import Detection

_COLUMNS = 6  # four corners, score, index of the class among those of this picture


@dataclass(frozen=True, slots=True)
class Sight:
    """The detections of a picture, and the processor time it took to decode what they were found in."""

    decode_ms: float
    detections: tuple[Detection, ...]

    def to_bytes(self) -> bytes:
        """Return a line of JSON, then the boxes as float32."""
        classes = sorted({(found.category_id, found.label) for found in self.detections})
        place = {name: index for index, name in enumerate(classes)}
        rows = [
            (*_corners(found), found.score, place[found.category_id, found.label])
            for found in self.detections
        ]
        head = json.dumps({"decode_ms": self.decode_ms, "classes": classes})
        return head.encode() + b"\n" + np.array(rows, np.float32).tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote."""
        line, _, rows = data.partition(b"\n")
        head = json.loads(line)
        detections = []
        for x_min, y_min, x_max, y_max, score, index in (
            np.frombuffer(rows, np.float32).reshape(-1, _COLUMNS).tolist()
        ):
            category_id, label = head["classes"][int(index)]
            detections.append(Detection(x_min, y_min, x_max, y_max, score, label, category_id))
        return cls(head["decode_ms"], tuple(detections))


def decode_ms_of(data: bytes) -> float:
    """Read only the time from what `to_bytes` wrote."""
    return float(json.loads(data.partition(b"\n")[0])["decode_ms"])


def _corners(found: Detection) -> tuple[float, float, float, float]:
    return found.x_min, found.y_min, found.x_max, found.y_max
