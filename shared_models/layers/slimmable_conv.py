"""A convolution that holds every narrower convolution in its first channels."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn


class SlimmableConv2d(nn.Module):
    """A convolution whose first channels are every narrower convolution."""

    def __init__(self, widths: Sequence[tuple[int, int]], kernel_size: int, stride: int = 1) -> None:
        """Take `widths` as (input, output) channels, narrowest first."""
        super().__init__()
        self.widths = tuple(widths)
        self.widest = nn.Conv2d(*self.widths[-1], kernel_size, stride, padding=kernel_size // 2)
        nn.init.kaiming_normal_(self.widest.weight, nonlinearity="relu")
        assert self.widest.bias is not None
        nn.init.zeros_(self.widest.bias)

    def forward(self, x: Tensor, width_index: int) -> Tensor:
        """(B, C_in, H, W) -> (B, C_out, H/stride, W/stride), with C as in widths[width_index]."""
        weight, bias = self.sliced(width_index)
        return F.conv2d(x, weight, bias, self.widest.stride, self.widest.padding)

    def sliced(self, width_index: int) -> tuple[Tensor, Tensor | None]:
        """Return the weight and the bias of one width, as views of the widest."""
        C_in, C_out = self.widths[width_index]
        bias = self.widest.bias
        return self.widest.weight[:C_out, :C_in], None if bias is None else bias[:C_out]
