"""The 8x8 block DCT of a colour picture, as one strided convolution and its exact inverse.

Channel 3k + p holds frequency k of plane p: frequencies in JPEG's zigzag order, planes Y, Cb, Cr
(BT.601, full range, as JFIF). So channels run from low to high frequencies over all planes, and any
slice of them is a band.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BLOCK = 8
PLANES = 3
CHANNELS = PLANES * BLOCK * BLOCK
PIXEL_MIDDLE = 0.5  # what Y is centred on; Cb and Cr are centred on zero already

# ITU-R BT.601 luma weights; Cb and Cr span -0.5..0.5 for RGB in [0, 1] (ITU-T T.871).
YCBCR_FROM_RGB = (
    (0.299, 0.587, 0.114),
    (-0.168735892, -0.331264108, 0.5),
    (0.5, -0.418687589, -0.081312411),
)


def dct_matrix() -> Tensor:
    """Return the orthonormal DCT-II, (8 frequencies, 8 samples), float64."""
    frequency = torch.arange(BLOCK, dtype=torch.float64).unsqueeze(1)
    sample = torch.arange(BLOCK, dtype=torch.float64).unsqueeze(0)
    matrix = torch.cos((2 * sample + 1) * frequency * math.pi / (2 * BLOCK)) * math.sqrt(2 / BLOCK)
    matrix[0] /= math.sqrt(2)
    return matrix


def zigzag() -> list[tuple[int, int]]:
    """Return the 64 (vertical, horizontal) frequencies in the order of ITU-T T.81, figure 5."""

    def key(frequency: tuple[int, int]) -> tuple[int, int]:
        v, u = frequency
        return u + v, v if (u + v) % 2 else u  # odd diagonals run downwards, even ones upwards

    return sorted(((v, u) for v in range(BLOCK) for u in range(BLOCK)), key=key)


def dct_kernels() -> Tensor:
    """Return the 64 basis pictures in zigzag order, (64, 8, 8), float64, orthonormal."""
    matrix = dct_matrix()
    return torch.stack([torch.outer(matrix[v], matrix[u]) for v, u in zigzag()])


class BlockDct(nn.Module):
    """Pixels to DCT coefficients, as one strided convolution of constants."""

    weight: Tensor

    def __init__(self) -> None:
        """Lay the basis pictures out as kernels."""
        super().__init__()
        colour = torch.tensor(YCBCR_FROM_RGB, dtype=torch.float64)
        kernels = torch.einsum("kij,pc->kpcij", dct_kernels(), colour)
        weight = kernels.reshape(CHANNELS, PLANES, BLOCK, BLOCK).float()
        self.register_buffer("weight", weight, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in [0, 1], H and W multiples of 8 -> (B, 192, H/8, W/8)."""
        return F.conv2d(x - PIXEL_MIDDLE, self.weight, stride=BLOCK)


class InverseBlockDct(nn.Module):
    """DCT coefficients to pixels: the exact inverse of `BlockDct`."""

    weight: Tensor

    def __init__(self) -> None:
        """Lay the basis pictures out as one matrix, its rows as pixel_shuffle reads its channels."""
        super().__init__()
        colour = torch.linalg.inv(torch.tensor(YCBCR_FROM_RGB, dtype=torch.float64))
        kernels = torch.einsum("kij,cp->cijkp", dct_kernels(), colour)
        weight = kernels.reshape(CHANNELS, CHANNELS, 1, 1).float()
        self.register_buffer("weight", weight, persistent=False)

    def forward(self, coefficients: Tensor) -> Tensor:
        """(B, 192, h, w) -> (B, 3, 8h, 8w) RGB, about [0, 1] (not clipped)."""
        blocks = F.conv2d(coefficients, self.weight)
        return F.pixel_shuffle(blocks, BLOCK) + PIXEL_MIDDLE
