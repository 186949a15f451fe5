"""Rounding as training sees it: additive uniform noise, and as coding does it."""

import torch
from torch import Tensor


def quantise(y: Tensor, means: Tensor | None, *, is_training: bool) -> Tensor:
    """Add noise from U(-1/2, 1/2) in training; else round y about its means, like `y` in shape."""
    if is_training:
        return y + torch.rand_like(y) - 0.5
    if means is None:
        return y.round()
    return (y - means).round() + means
