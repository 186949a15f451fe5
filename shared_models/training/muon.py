"""Muon: momentum whose step is made orthogonal, for the weights of convolutions.

Jordan et al. 2024; the step size follows Liu et al. 2025 (arXiv 2502.16982), so that its root mean square
is that of AdamW and both take the same learning rate.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # the quintic of Jordan et al.: steep at zero, near one after five
RMS_OF_ADAMW = 0.2


def orthogonalise(matrix: Tensor, steps: int = 5) -> Tensor:
    """Bring every singular value of (rows, columns) near one, in bfloat16."""
    a, b, c = NEWTON_SCHULZ
    X = matrix.bfloat16()
    tall = X.shape[0] > X.shape[1]
    X = X.T if tall else X
    X = X / (torch.linalg.vector_norm(X) + 1e-7)
    for _ in range(steps):
        A = X @ X.T
        X = a * X + (b * A + c * A @ A) @ X
    orthogonal: Tensor = X.T if tall else X
    return orthogonal.to(matrix.dtype)


class Muon(Optimizer):
    """Nesterov momentum, orthogonalised over (output channels, everything else)."""

    def __init__(
        self, params: Iterable[dict[str, Any]], lr: float, momentum: float = 0.95, weight_decay: float = 0.0
    ) -> None:
        """Take groups of weights of two dimensions or more."""
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Take one step along the gradients at hand."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._step(weight, weight.grad, self.state[weight], group)

    def _step(self, weight: Tensor, gradient: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(gradient)
        state["momentum"].lerp_(gradient, 1 - group["momentum"])
        direction = gradient.lerp(state["momentum"], group["momentum"]).flatten(1)
        size = RMS_OF_ADAMW * max(direction.shape) ** 0.5
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        weight.add_(orthogonalise(direction).view(weight.shape), alpha=-group["lr"] * size)
