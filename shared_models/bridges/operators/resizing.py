"""Resize and Upsample, in the ways of asking that ONNX has (operators.md, Resize)."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from shared_models.bridges.operators.node import Builder, Function, Node

Positions: TypeAlias = Callable[[NDArray[np.float64], int, int, float], NDArray[np.float64]]

CUBIC_DEFAULT: Final = -0.75


def _half_pixel(i: NDArray[np.float64], side: int, out: int, scale: float) -> NDArray[np.float64]:
    return (i + 0.5) / scale - 0.5


def _pytorch_half_pixel(i: NDArray[np.float64], side: int, out: int, scale: float) -> NDArray[np.float64]:
    return (i + 0.5) / scale - 0.5 if out > 1 else np.zeros_like(i)


def _align_corners(i: NDArray[np.float64], side: int, out: int, scale: float) -> NDArray[np.float64]:
    return i * (side - 1) / (out - 1) if out > 1 else np.zeros_like(i)


def _half_pixel_symmetric(i: NDArray[np.float64], side: int, out: int, scale: float) -> NDArray[np.float64]:
    adjustment = out / (scale * side)
    return side / 2 * (1 - adjustment) + (i + 0.5) / scale - 0.5


POSITIONS: Final[Mapping[str, Positions]] = {
    "half_pixel": _half_pixel,
    "half_pixel_symmetric": _half_pixel_symmetric,
    "pytorch_half_pixel": _pytorch_half_pixel,
    "align_corners": _align_corners,
    "asymmetric": lambda i, side, out, scale: i / scale,
    "tf_half_pixel_for_nn": lambda i, side, out, scale: (i + 0.5) / scale,
}
ROUND: Final[Mapping[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]]] = {
    "round_prefer_floor": lambda x: np.ceil(x - 0.5),
    "round_prefer_ceil": lambda x: np.floor(x + 0.5),
    "floor": np.floor,
    "ceil": np.ceil,
}


REPEATING: Final = frozenset(
    {
        ("asymmetric", "floor"),
        ("half_pixel", "round_prefer_floor"),
        ("pytorch_half_pixel", "round_prefer_floor"),
    }
)
"""Ways and roundings that make a whole number of copies of each value."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a node asks for."""

    mode: str
    way: str
    """Which place of the input a place of the output is."""
    rounding: str
    cubic: float


@lru_cache(maxsize=256)
def _weights(
    kind: "_Kind", side: int, out: int, scale: float
) -> tuple[tuple[NDArray[np.int64], NDArray[np.float32]], ...]:
    """Return, for each tap, the source index and the weight of every output along one axis."""
    # ORT computes positions in float32: rounding then falls the same way
    places = np.arange(out, dtype=np.float64)
    x = POSITIONS[kind.way](places, side, out, scale).astype(np.float32).astype(np.float64)
    if kind.mode == "nearest":
        taps = [(ROUND[kind.rounding](x), np.ones_like(x))]
    elif kind.mode == "linear":
        inner = np.clip(x, 0, side - 1)
        low = np.floor(inner)
        taps = [(low, 1 - (inner - low)), (low + 1, inner - low)]
    else:
        low = np.floor(x)
        taps = [(low + k, _cubic(np.abs(x - low - k), kind.cubic)) for k in range(-1, 3)]
    return tuple((np.clip(i, 0, side - 1).astype(np.int64), w.astype(np.float32)) for i, w in taps)


def _cubic(distance: NDArray[np.float64], a: float) -> NDArray[np.float64]:
    """Keys's kernel (1981) with the free parameter `a`."""
    near = (a + 2) * distance**3 - (a + 3) * distance**2 + 1
    far = a * distance**3 - 5 * a * distance**2 + 8 * a * distance - 4 * a
    return np.where(distance <= 1, near, far)


def _resize(node: Node) -> Function:
    mode = node.attribute("mode", "nearest")
    way = node.attribute("coordinate_transformation_mode", "half_pixel" if node.opset > 10 else "asymmetric")
    rounding = node.attribute("nearest_mode", "round_prefer_floor" if node.opset > 10 else "floor")
    if way not in POSITIONS or node.attribute("antialias", 0) or mode not in {"nearest", "linear", "cubic"}:
        raise node.refuse(
            f"mode {mode} with {way}{' and antialias' if node.attribute('antialias', 0) else ''}"
        )
    if node.attribute("exclude_outside", 0):
        raise node.refuse("it leaves out what lies outside")
    kind = _Kind(mode, way, rounding, node.attribute("cubic_coeff_a", CUBIC_DEFAULT))
    # opset 10 and Upsample have the scales as the second input, later ones as the third
    scales_at = 2 if node.kind == "Resize" and node.opset > 10 else 1

    def run(x: Tensor, *rest: Tensor | None) -> Tensor:
        given = dict(enumerate(rest, start=1))
        scales = node.real(scales_at, given.get(scales_at)) or list(node.attribute("scales", []))
        sizes = node.whole(3, given.get(3)) if scales_at == 2 else None
        axes = [axis % x.dim() for axis in node.attribute("axes", range(x.dim()))]
        plan = _plan(node, x.shape, axes, scales, sizes)
        quick = _quick(x, plan, kind)
        if quick is not None:
            return quick
        for axis, (out, scale) in plan.items():
            taps = _weights(kind, x.shape[axis], out, scale)
            x = _resample(x, axis, taps)
        return x

    return run


def _plan(
    node: Node, shape: Sequence[int], axes: Sequence[int], scales: Sequence[float], sizes: list[int] | None
) -> dict[int, tuple[int, float]]:
    """Return the new side and the scale of each axis that changes."""
    if sizes:
        if node.attribute("keep_aspect_ratio_policy", "stretch") != "stretch":
            raise node.refuse("it keeps the aspect ratio")
        found = {axis: (size, size / shape[axis]) for axis, size in zip(axes, sizes, strict=True)}
    else:
        found = {a: (math.floor(shape[a] * s), float(s)) for a, s in zip(axes, scales, strict=True)}
    return {axis: (out, scale) for axis, (out, scale) in found.items() if out != shape[axis] or scale != 1}


def _quick(x: Tensor, plan: Mapping[int, tuple[int, float]], kind: _Kind) -> Tensor | None:
    """Use torch's own interpolation where it is the same."""
    if x.dim() != 4 or set(plan) != {2, 3}:
        return None
    sides = [plan[axis][0] for axis in (2, 3)]
    is_exact = all(out == x.shape[axis] * scale for axis, (out, scale) in plan.items())
    if (
        kind.mode == "linear"
        and is_exact
        and kind.way in {"half_pixel", "pytorch_half_pixel", "align_corners"}
    ):
        return F.interpolate(x, sides, mode="bilinear", align_corners=kind.way == "align_corners")
    is_repeated = is_exact and all(scale == int(scale) for _, scale in plan.values())
    if kind.mode == "nearest" and is_repeated and (kind.way, kind.rounding) in REPEATING:
        return F.interpolate(x, sides, mode="nearest")
    return None


def _resample(x: Tensor, axis: int, taps: Sequence[tuple[NDArray[np.int64], NDArray[np.float32]]]) -> Tensor:
    shape = [-1 if i == axis else 1 for i in range(x.dim())]
    total: Tensor | None = None
    for places, weights in taps:
        part = x.index_select(axis, torch.from_numpy(places).to(x.device))
        if len(taps) > 1:
            part = part * torch.from_numpy(weights).to(x).reshape(shape)
        total = part if total is None else total + part
    assert total is not None
    return total


RESIZING: Final[Mapping[str, Builder]] = {"Resize": _resize, "Upsample": _resize}
