"""How far a bridged model's outputs are from the model's own, whatever they mean: one value a picture.

Channels that never leave [0, 1] are read as probabilities and compared by their divergence, all others by
absolute difference in units of their own spread. A detector's boxes count where it sees something.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

_EPSILON: Final = 1e-6
_PIXELS_MAX: Final = 96  # a side; segmenters enlarge their answers eight times and more
_SIGHT_MIN: Final = 0.05  # of a cell where the teacher sees something

Scores: TypeAlias = slice | Tensor


@dataclass(frozen=True, slots=True)
class OutputScale:
    """What is known of one output from a few pictures, cells by channels."""

    is_transposed: bool
    """Whether channels come before cells, as in (B, 84, 8400)."""
    probabilities: Tensor
    """(C,) bool: the channels that are probabilities."""
    spread: Tensor
    """(C,): standard deviation of each channel, where the model sees something."""

    @property
    def scores(self) -> Scores:
        """The probabilities as an index, of neighbours where they are: a view costs nothing."""
        at = torch.nonzero(self.probabilities).flatten()
        first, last = int(at[0]), int(at[-1])
        return slice(first, last + 1) if last + 1 - first == len(at) else at


def cells_first(output: Tensor, is_transposed: bool) -> Tensor:
    """(B, cells, C), (B, C, cells) or (B, C, H, W) -> (B, cells, C)."""
    flat = output.flatten(2) if output.dim() == 4 else output
    if flat.dim() == 2:
        flat = flat[:, None]  # (B, C): a single cell
    return flat.transpose(1, 2) if is_transposed else flat


def measure_outputs(lessons: Sequence[Sequence[Tensor]]) -> list[OutputScale]:
    """Learn the scale of each output (B, ...) from lessons on a few pictures, on canvases of any size."""
    scales = []
    for column in zip(*lessons, strict=True):
        largest = max(column, key=Tensor.numel)
        is_transposed = largest.dim() == 4 or (largest.dim() == 3 and largest.shape[1] < largest.shape[2])
        cells = torch.cat([cells_first(output, is_transposed).flatten(0, 1) for output in column])
        probabilities = (cells.amin(0) >= 0) & (cells.amax(0) <= 1)
        confident = cells[:, probabilities].amax(1) if probabilities.any() else torch.ones(len(cells))
        weight = (confident / confident.sum().clamp(min=_EPSILON))[:, None]
        mean = (weight * cells).sum(0)
        spread = (weight * (cells - mean).square()).sum(0).sqrt()
        scales.append(OutputScale(is_transposed, probabilities, spread.clamp(min=1e-3)))
    return scales


def detection_distance(
    student: Sequence[Tensor],
    teacher: Sequence[Tensor],
    scales: Sequence[OutputScale],
    objectness: int | None,
    background: float = 1.0,
) -> Tensor:
    """Scores everywhere, boxes where the teacher sees objects, for each object it sees: (B,).

    Where a channel is the `objectness`, classes count by it, too: elsewhere they mean nothing. Of the cells
    where the teacher sees next to nothing only a share, `background`, is compared, drawn at random, and
    stands for all of them: most of a detector's cells show nothing, and comparing them all costs as much
    as the tail.
    """
    pairs = [
        (cells_first(s, k.is_transposed), cells_first(t, k.is_transposed), k)
        for s, t, k in zip(student, teacher, scales, strict=True)
    ]
    seen = _seen([(t, k) for _, t, k in pairs], objectness)
    chosen = {cells: _chosen(sight, background) for cells, sight in seen.items()}
    errors = torch.zeros(len(pairs[0][0]))
    for s, t, k in pairs:
        at = chosen[t.shape[1]]
        sight = seen[t.shape[1]][at.pictures, at.cells]
        rows_s, rows_t = s[at.pictures, at.cells].float(), t[at.pictures, at.cells]
        found = at.weights * _cell_errors(rows_s, rows_t, k, sight, objectness)
        errors = errors.index_add(0, at.pictures, found)
    is_scored = {t.shape[1] for _, t, k in pairs if k.probabilities.any()}
    objects = sum((seen[cells].sum(1) for cells in is_scored), torch.zeros(()))
    return errors / (objects + 1)


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Cells of a batch: (n,) each; a weight says for how many cells one stands."""

    pictures: Tensor
    cells: Tensor
    weights: Tensor


def _seen(teacher: Sequence[tuple[Tensor, OutputScale]], objectness: int | None) -> dict[int, Tensor]:
    """Return how sure the model is of something in each cell, (B, cells), by how many cells there are."""
    seen: dict[int, Tensor] = {}
    for t, k in teacher:
        if k.probabilities.any():
            sight = t[..., objectness] if objectness is not None else t[..., k.scores].amax(2)
            seen[t.shape[1]] = torch.maximum(seen.get(t.shape[1], torch.zeros_like(sight)), sight)
    for t, _ in teacher:  # boxes without scores of their own: all count the same
        seen.setdefault(t.shape[1], torch.ones_like(t[..., 0]) / t.shape[1])
    return seen


def _chosen(sight: Tensor, background: float) -> _Chosen:
    is_sure = sight > _SIGHT_MIN
    is_kept = is_sure | (torch.rand(sight.shape) < background)
    pictures, cells = torch.nonzero(is_kept, as_tuple=True)
    weights = torch.where(is_sure[pictures, cells], 1.0, 1 / background)
    return _Chosen(pictures, cells, weights)


def _cell_errors(s: Tensor, t: Tensor, scale: OutputScale, sight: Tensor, objectness: int | None) -> Tensor:
    """(n, C) rows of student and teacher, (n,) sight -> (n,)."""
    chosen, rest = scale.probabilities, ~scale.probabilities
    error = torch.zeros_like(sight)
    if chosen.any():
        divergence = _divergence(s[:, chosen], t[:, chosen])  # (n, classes)
        if objectness is not None:
            is_objectness = torch.nonzero(chosen).flatten() == objectness
            divergence = divergence * torch.where(is_objectness, torch.ones(()), sight[:, None])
        error = error + divergence.sum(1)
    if rest.any():
        apart = ((s - t).abs() / scale.spread)[:, rest].mean(1)
        error = error + 4 * sight * apart  # as four sides of a box
    return error


def class_distance(student: Sequence[Tensor], teacher: Sequence[Tensor]) -> Tensor:
    """Divergence of class distributions, a mean over pixels where there are many: (B,).

    Outputs (B, C, ...) are logits, or probabilities where each of them sums to one already.
    """
    parts = []
    for s, t in ((thinned(s), thinned(t)) for s, t in zip(student, teacher, strict=True)):
        is_normalised = _is_distribution(t)
        logs_s, logs_t = (_log_distribution(values.float(), is_normalised) for values in (s, t))
        divergence = (logs_t.exp() * (logs_t - logs_s)).sum(1)  # (B, ...)
        parts.append(divergence.reshape(len(divergence), -1).mean(1))
    return torch.stack(parts).sum(0)


def thinned(maps: Tensor) -> Tensor:
    """Take one pixel of several where there are far more than a segmenter's own cells; once is enough."""
    if maps.dim() != 4:
        return maps
    step = max(1, min(maps.shape[2:]) // _PIXELS_MAX)
    return maps[:, :, step // 2 :: step, step // 2 :: step]


def _is_distribution(values: Tensor) -> bool:
    return bool((values >= 0).all() and ((values.sum(1) - 1).abs() < 1e-2).all())


def _log_distribution(values: Tensor, is_normalised: bool) -> Tensor:
    return values.clamp(min=_EPSILON).log() if is_normalised else values.log_softmax(1)


def _divergence(s: Tensor, t: Tensor) -> Tensor:
    """Kullback-Leibler divergence of independent yes-or-no probabilities; its gradient is cross entropy's."""
    t = t.clamp(0, 1)
    own = F.binary_cross_entropy(t, t, reduction="none")
    return F.binary_cross_entropy(s.clamp(0, 1), t, reduction="none") - own
