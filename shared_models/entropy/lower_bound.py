"""A maximum whose gradient still pulls a value up that has fallen below its bound."""

from typing import Any

import torch
from torch import Tensor


class _LowerBound(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, bound: float) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(x)
        ctx.bound = bound
        return x.clamp(min=bound)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        (x,) = ctx.saved_tensors
        is_kept = (x >= ctx.bound) | (gradient < 0)  # a negative gradient raises x
        return torch.where(is_kept, gradient, torch.zeros_like(gradient)), None


def lower_bound(x: Tensor, bound: float) -> Tensor:
    """Give max(x, bound); below the bound only gradients that would raise x pass."""
    result: Tensor = _LowerBound.apply(x, bound)  # type: ignore[no-untyped-call]
    return result
