"""Average precision of one class from matches that are there already, for many weightings of the pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

RECALLS = np.linspace(0, 1, 101)  # where COCO samples precision


@dataclass(frozen=True, slots=True)
class Matches:
    """The D detections of one class, best score first, and what each is at T overlaps."""

    picture: NDArray[np.int64]
    """(D,): the picture's place."""
    hit: NDArray[np.int8]
    """(T, D): 1 hits an object, 0 is false, -1 does not count."""
    objects: NDArray[np.int64]
    """(pictures,): objects to be found."""

    @classmethod
    def of(cls, evaluated: Sequence[dict[str, Any] | None], overlaps: int, detections_max: int) -> "Matches":
        """Read pycocotools' `evalImgs` of one class and area, by picture, at `overlaps` thresholds."""
        objects = np.array(
            [0 if e is None else int(np.sum(np.asarray(e["gtIgnore"]) == 0)) for e in evaluated]
        )
        held = [(i, e) for i, e in enumerate(evaluated) if e is not None]
        if not held:
            return cls(np.zeros(0, np.int64), np.zeros((overlaps, 0), np.int8), objects)
        scores = np.concatenate([e["dtScores"][:detections_max] for _, e in held])
        order = np.argsort(-scores, kind="mergesort")  # as pycocotools does, so that ties agree
        picture = np.concatenate([np.full(len(e["dtScores"][:detections_max]), i) for i, e in held])
        matched = np.concatenate([np.asarray(e["dtMatches"])[:, :detections_max] for _, e in held], axis=1)
        ignored = np.concatenate([np.asarray(e["dtIgnore"])[:, :detections_max] for _, e in held], axis=1)
        hit = np.where(ignored.astype(bool), -1, matched.astype(bool)).astype(np.int8)
        return cls(picture[order].astype(np.int64), np.ascontiguousarray(hit[:, order]), objects)


def average_precision(matches: Matches, draws: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return AP (draws, T) with each picture counted as often as a draw (draws, pictures) holds it.

    NaN where a draw holds no object of the class.
    """
    found: NDArray[np.float64] = _average_precision(
        matches.picture, matches.hit, draws @ matches.objects, draws, RECALLS
    )
    return found


@njit(cache=True, nogil=True, error_model="numpy")
def _average_precision(
    picture: NDArray[np.int64],
    hit: NDArray[np.int8],
    objects: NDArray[np.int64],
    draws: NDArray[np.int64],
    recalls: NDArray[np.float64],
) -> NDArray[np.float64]:
    overlaps, detections = hit.shape
    AP = np.zeros((len(draws), overlaps))
    precision = np.zeros(detections)
    recall = np.zeros(detections)
    for b in range(len(draws)):
        for t in range(overlaps):
            if objects[b] == 0:
                AP[b, t] = np.nan
                continue
            hits = false = 0
            for d in range(detections):
                weight = draws[b, picture[d]]
                if hit[t, d] == 1:
                    hits += weight
                elif hit[t, d] == 0:
                    false += weight
                recall[d] = hits / objects[b]
                precision[d] = hits / (hits + false + np.spacing(1.0))
            # the best precision at this recall or a higher one, sampled from the highest recall down
            best = 0.0
            d = detections - 1
            for r in range(len(recalls) - 1, -1, -1):
                while d >= 0 and recall[d] >= recalls[r]:
                    best = max(best, precision[d])
                    d -= 1
                AP[b, t] += best
            AP[b, t] /= len(recalls)
    return AP
