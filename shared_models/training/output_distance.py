"""How far a bridged model's outputs are from the model's own, whatever they mean: one value a picture.

Channels that never leave [0, 1] are read as probabilities and compared by their divergence, all others by
absolute difference in units of their own spread. A detector's boxes count where it sees something.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

_EPSILON = 1e-6
_PIXELS_MAX = 96  # a side; segmenters enlarge their answers eight times and more


@dataclass(frozen=True, slots=True)
class OutputScale:
    """What is known of one output from a few pictures, cells by channels."""

    is_transposed: bool
    """Whether channels come before cells, as in (B, 84, 8400)."""
    probabilities: Tensor
    """(C,) bool: the channels that are probabilities."""
    spread: Tensor
    """(C,): standard deviation of each channel, where the model sees something."""


def cells_first(output: Tensor, is_transposed: bool) -> Tensor:
    """(B, cells, C), (B, C, cells) or (B, C, H, W) -> (B, cells, C) float32."""
    flat = output.float().flatten(2) if output.dim() == 4 else output.float()
    if flat.dim() == 2:
        flat = flat[:, None]  # (B, C): a single cell
    return flat.transpose(1, 2) if is_transposed else flat


def measure_outputs(outputs: Sequence[Tensor]) -> list[OutputScale]:
    """Learn the scale of each output (B, ...) from a few pictures."""
    scales = []
    for output in outputs:
        is_transposed = output.dim() == 4 or (output.dim() == 3 and output.shape[1] < output.shape[2])
        cells = cells_first(output, is_transposed).flatten(0, 1)  # (B * cells, C)
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
) -> Tensor:
    """Scores everywhere, boxes where the teacher sees objects, for each object it sees: (B,).

    Where a channel is the `objectness`, classes count by it, too: elsewhere they mean nothing.
    """
    triples = [
        (cells_first(s, k.is_transposed), cells_first(t, k.is_transposed), k)
        for s, t, k in zip(student, teacher, scales, strict=True)
    ]
    seen: dict[int, Tensor] = {}  # what the model sees in each cell, by how many cells there are
    for _, t, k in triples:
        if k.probabilities.any():
            sight = t[..., objectness] if objectness is not None else t[..., k.probabilities].amax(2)
            seen[t.shape[1]] = torch.maximum(seen.get(t.shape[1], torch.zeros_like(sight)), sight)
    errors = torch.stack([_cell_errors(s, t, k, seen, objectness) for s, t, k in triples]).sum(0)
    objects = torch.stack([sight.sum(1) for sight in seen.values()]).sum(0) if seen else torch.zeros(())
    return errors / (objects + 1)


def _cell_errors(
    s: Tensor, t: Tensor, scale: OutputScale, seen: dict[int, Tensor], objectness: int | None
) -> Tensor:
    chosen, rest = scale.probabilities, ~scale.probabilities
    sight = seen.get(t.shape[1], torch.ones_like(t[..., 0]) / t.shape[1])
    error = torch.zeros_like(t[:, 0, 0])
    if chosen.any():
        divergence = _divergence(s[..., chosen], t[..., chosen])  # (B, cells, classes)
        if objectness is None:
            error = error + divergence.sum((1, 2))
        else:
            is_objectness = torch.nonzero(chosen).flatten() == objectness
            weight = torch.where(is_objectness, torch.ones_like(t[..., :1]), sight[..., None])
            error = error + (weight * divergence).sum((1, 2))
    if rest.any():
        apart = ((s - t).abs() / scale.spread)[..., rest].mean(2)
        error = error + 4 * (sight * apart).sum(1)  # as four sides of a box
    return error


def class_distance(student: Sequence[Tensor], teacher: Sequence[Tensor]) -> Tensor:
    """Divergence of class distributions, a mean over pixels where there are many: (B,).

    Outputs (B, C, ...) are logits, or probabilities where each of them sums to one already.
    """
    parts = []
    for s, t in ((_thinned(s), _thinned(t)) for s, t in zip(student, teacher, strict=True)):
        is_normalised = _is_distribution(t)
        logs_s, logs_t = (_log_distribution(values.float(), is_normalised) for values in (s, t))
        divergence = (logs_t.exp() * (logs_t - logs_s)).sum(1)  # (B, ...)
        parts.append(divergence.reshape(len(divergence), -1).mean(1))
    return torch.stack(parts).sum(0)


def _thinned(maps: Tensor) -> Tensor:
    """Take one pixel of several where there are far more than a segmenter's own cells."""
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
