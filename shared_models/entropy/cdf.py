"""From probabilities to integers: the one place where a float becomes something that a decoder reads.

A table is a row of cumulative counts from 0 to 2^16, strictly increasing, so that every slot can be coded.
It is computed once, when a model is exported, and stored; no decoder ever computes one.
"""

import numpy as np
from numpy.typing import NDArray

PRECISION_BITS = 16
TOTAL = 1 << PRECISION_BITS


def cumulative_counts(probabilities: NDArray[np.float64]) -> NDArray[np.uint32]:
    """Turn `probabilities` (n,), n from 2 to 2^16 and not all zero, into n + 1 counts from 0 to 2^16.

    Every slot gets at least one count; the rest is shared in proportion, and what rounding leaves over goes
    where it saves the most bits.
    """
    slots = len(probabilities)
    if not 2 <= slots <= TOTAL:
        raise ValueError(f"a table of {slots} slots cannot be coded: give it from 2 to {TOTAL}")
    weights = np.maximum(np.asarray(probabilities, np.float64), 0.0)
    if not np.isfinite(weights).all() or weights.sum() <= 0.0:
        raise ValueError("the probabilities of a table must be finite and not all zero")
    ideal = weights / weights.sum() * TOTAL
    counts = np.maximum(np.floor(ideal), 1.0).astype(np.int64)
    _settle(counts, ideal)
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.uint32)


def _settle(counts: NDArray[np.int64], ideal: NDArray[np.float64]) -> None:
    """Change `counts` in place until they sum to 2^16, at the least cost in bits."""
    while (missing := TOTAL - int(counts.sum())) > 0:
        gain = ideal * np.log2((counts + 1) / counts)
        best = np.argsort(-gain, kind="stable")[: min(missing, len(counts))]
        counts[best] += 1
    while (surplus := int(counts.sum()) - TOTAL) > 0:
        # A slot of one count stays: an empty slot could not be coded.
        loss = np.where(counts > 1, ideal * np.log2(counts / np.maximum(counts - 1, 1)), np.inf)
        spare = int((counts > 1).sum())
        best = np.argsort(loss, kind="stable")[: min(surplus, spare)]
        counts[best] -= 1


def expected_bits(probabilities: NDArray[np.float64], cumulative: NDArray[np.uint32]) -> float:
    """Give the mean bits per symbol when symbols drawn from `probabilities` are coded by `cumulative`."""
    weights = np.asarray(probabilities, np.float64)
    counts = np.diff(cumulative.astype(np.int64))
    return float(np.sum(weights / weights.sum() * (PRECISION_BITS - np.log2(counts))))
