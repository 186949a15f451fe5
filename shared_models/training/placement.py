"""Where and how a network's weights lie while it trains."""

import torch
from torch import nn


def placed(network: nn.Module, device: str) -> None:
    """Move a network to `device`, channels last: the layout that convolutions in bfloat16 are fastest in."""
    network.to(device)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch types leave it out
