"""Operators that rearrange numbers, and the arithmetic of shapes."""

import math
from collections.abc import Mapping
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from shared_models.bridges.operators.elementwise import helper_array
from shared_models.bridges.operators.node import Builder, Function, Node, plain


def _reshape(node: Node) -> Function:
    keeps_zero = bool(node.attribute("allowzero", 0))

    def run(x: Tensor, shape: Tensor | None = None) -> Tensor:
        target = node.whole(1, shape)
        target = list(node.attribute("shape", [])) if target is None else target
        sides = [x.shape[i] if n == 0 and not keeps_zero else n for i, n in enumerate(target)]
        if -1 not in sides and math.prod(sides) != x.numel() and sides[:1] == [1]:
            sides[0] = x.shape[0]  # a batch of one was written into the file: any batch will do
        return x.reshape(sides)

    return run


def _transpose(node: Node) -> Function:
    order = node.attribute("perm", None)
    return lambda x: x.permute(*(order or range(x.dim() - 1, -1, -1)))


def _flatten(node: Node) -> Function:
    axis = node.attribute("axis", 1)

    def run(x: Tensor) -> Tensor:
        first = axis % x.dim() if axis < 0 else axis
        return x.reshape(math.prod(x.shape[:first]), -1)

    return run


def _squeeze(node: Node) -> Function:
    def run(x: Tensor, axes: Tensor | None = None) -> Tensor:
        given = node.whole(1, axes) or node.attribute("axes", None)
        return x.squeeze(tuple(given)) if given else x.squeeze()

    return run


def _unsqueeze(node: Node) -> Function:
    def run(x: Tensor, axes: Tensor | None = None) -> Tensor:
        given = node.whole(1, axes) or list(node.attribute("axes", []))
        rank = x.dim() + len(given)
        for axis in sorted(axis % rank for axis in given):
            x = x.unsqueeze(axis)
        return x

    return run


def _slice(node: Node) -> Function:
    def run(
        x: Tensor,
        starts: Tensor | None = None,
        ends: Tensor | None = None,
        axes: Tensor | None = None,
        steps: Tensor | None = None,
    ) -> Tensor:
        first = node.whole(1, starts) or list(node.attribute("starts", []))
        last = node.whole(2, ends) or list(node.attribute("ends", []))
        along = node.whole(3, axes) or list(node.attribute("axes", range(len(first))))
        pace = node.whole(4, steps) or [1] * len(first)
        for start, end, axis, step in zip(first, last, along, pace, strict=True):
            places = range(*_bounds(start, end, step, x.shape[axis]))
            if step > 0:
                part = slice(places.start, max(places.start, places.stop), step)
                x = x[(slice(None),) * (axis % x.dim()) + (part,)]
            else:
                x = x.index_select(axis, torch.tensor(list(places), dtype=torch.int64, device=x.device))
        return x

    return run


def _bounds(start: int, end: int, step: int, side: int) -> tuple[int, int, int]:
    """Clamp as ONNX does, which differs from Python's slices for a backward start before the first."""
    start, end = (n + side if n < 0 else n for n in (start, end))
    low, high = (0, side) if step > 0 else (-1, side - 1)
    return min(max(start, 0), high), min(max(end, low), high), step


def _split(node: Node) -> Function:
    axis = node.attribute("axis", 0)

    def run(x: Tensor, sizes: Tensor | None = None) -> tuple[Tensor, ...]:
        given = node.whole(1, sizes) or node.attribute("split", None)
        whole = -(-x.shape[axis] // node.outputs)
        return torch.split(x, list(given) if given else whole, axis)

    return run


def _pad(node: Node) -> Function:
    mode = {"constant": "constant", "edge": "replicate", "reflect": "reflect", "wrap": "circular"}.get(
        node.attribute("mode", "constant")
    )
    if mode is None:
        raise node.refuse(f"its mode is {node.attribute('mode', '')}")

    def run(
        x: Tensor, pads: Tensor | None = None, value: Tensor | None = None, axes: Tensor | None = None
    ) -> Tensor:
        given = node.whole(1, pads) or list(node.attribute("pads", []))
        rank = len(given) // 2
        along = node.whole(3, axes) or list(range(rank))
        pairs = [(0, 0)] * x.dim()
        for i, axis in enumerate(along):
            pairs[axis % x.dim()] = (given[i], given[i + rank])
        fill = (node.real(2, value) or [node.attribute("value", 0.0)])[0]
        flat = [side for pair in reversed(pairs) for side in pair]
        if mode == "constant":
            return F.pad(x, flat, value=fill)
        while flat[-2:] == [0, 0] and len(flat) > 2 * (x.dim() - 2):
            del flat[-2:]
        return F.pad(x, flat, mode=mode)

    return run


def _expand(node: Node) -> Function:
    def run(x: Tensor, shape: Tensor | None = None) -> Tensor:
        target = np.broadcast_shapes(tuple(x.shape), tuple(node.whole(1, shape) or ()))
        return x.expand(target)

    return run


def _shape(node: Node) -> Function:
    start, end = node.attribute("start", 0), node.attribute("end", None)
    return lambda x: torch.tensor(list(x.shape)[start:end], dtype=torch.int64)


def _constant_of_shape(node: Node) -> Function:
    stored = node.attribute("value", None)
    fill = torch.zeros(1) if stored is None else torch.from_numpy(helper_array(stored).copy())

    def run(shape: Tensor | None = None) -> Tensor:
        return fill.reshape(-1)[0].expand(node.whole(0, shape) or []).clone()

    return run


def _gather(node: Node) -> Function:
    axis = node.attribute("axis", 0)

    def run(x: Tensor, indices: Tensor) -> Tensor:
        along = axis % x.dim()
        flat = indices.reshape(-1).to(torch.int64)
        chosen = x.index_select(along, torch.where(flat < 0, flat + x.shape[along], flat))
        return chosen.reshape(*x.shape[:along], *indices.shape, *x.shape[along + 1 :])

    return run


def _gather_elements(node: Node) -> Function:
    axis = node.attribute("axis", 0)

    def run(x: Tensor, indices: Tensor) -> Tensor:
        places = indices.to(torch.int64)
        return x.gather(axis, torch.where(places < 0, places + x.shape[axis], places))

    return run


def _gather_places(node: Node) -> Function:
    batch = node.attribute("batch_dims", 0)

    def run(x: Tensor, indices: Tensor) -> Tensor:
        places = indices.to(torch.int64)
        if batch == 0:
            return x[tuple(places.unbind(-1))]
        flat_x = x.reshape(-1, *x.shape[batch:])
        flat_places = places.reshape(-1, *places.shape[batch:])
        rows = [part[tuple(at.unbind(-1))] for part, at in zip(flat_x, flat_places, strict=True)]
        return torch.stack(rows).reshape(*x.shape[:batch], *rows[0].shape)

    return run


def _scatter_places(node: Node) -> Function:
    if node.attribute("reduction", "none") != "none":
        raise node.refuse("it adds up where it writes")

    def run(x: Tensor, indices: Tensor, updates: Tensor) -> Tensor:
        return x.index_put(tuple(indices.to(torch.int64).unbind(-1)), updates)

    return run


def _scatter_elements(node: Node) -> Function:
    if node.attribute("reduction", "none") != "none":
        raise node.refuse("it adds up where it writes")
    axis = node.attribute("axis", 0)
    return lambda x, indices, updates: x.scatter(axis, indices.to(torch.int64), updates)


def _depth_to_space(node: Node) -> Function:
    block, mode = node.attribute("blocksize", 1), node.attribute("mode", "DCR")

    def run(x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        left = channels // block**2
        if mode == "CRD":
            return F.pixel_shuffle(x, block)
        parts = x.reshape(batch, block, block, left, height, width).permute(0, 3, 4, 1, 5, 2)
        return parts.reshape(batch, left, height * block, width * block)

    return run


def _space_to_depth(node: Node) -> Function:
    block = node.attribute("blocksize", 1)

    def run(x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        parts = x.reshape(batch, channels, height // block, block, width // block, block)
        return parts.permute(0, 3, 5, 1, 2, 4).reshape(batch, -1, height // block, width // block)

    return run


def _one_hot(node: Node) -> Function:
    axis = node.attribute("axis", -1)

    def run(indices: Tensor, depth: Tensor, values: Tensor) -> Tensor:
        (count,) = node.whole(1, depth) or [1]
        places = indices.to(torch.int64) % count
        hot = F.one_hot(places, count).movedim(-1, axis)
        return torch.where(hot.bool(), values[1], values[0])

    return run


def _triangle(node: Node) -> Function:
    function = torch.triu if node.attribute("upper", 1) else torch.tril

    def run(x: Tensor, k: Tensor | None = None) -> Tensor:
        return function(x, (node.whole(1, k) or [0])[0])

    return run


def _concatenate(node: Node) -> Function:
    axis = node.attribute("axis", 0)
    return lambda *tensors: torch.cat(tensors, axis)


def _tile(node: Node) -> Function:
    return lambda x, repeats=None: x.repeat(*(node.whole(1, repeats) or ()))


def _range(start: Tensor, limit: Tensor, delta: Tensor) -> Tensor:
    return torch.arange(start.item(), limit.item(), delta.item(), dtype=start.dtype)


def _grid_sample(node: Node) -> Function:
    mode = {"linear": "bilinear", "cubic": "bicubic"}.get(m := node.attribute("mode", "bilinear"), m)
    padding, aligned = node.attribute("padding_mode", "zeros"), bool(node.attribute("align_corners", 0))
    return lambda x, grid: F.grid_sample(x, grid, mode, padding, aligned)


def _non_zero(x: Tensor) -> Tensor:
    return x.nonzero().T


SHAPES: Final[Mapping[str, Builder]] = {
    "Concat": _concatenate,
    "ConstantOfShape": _constant_of_shape,
    "DepthToSpace": _depth_to_space,
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "GatherND": _gather_places,
    "GridSample": _grid_sample,
    "NonZero": plain(_non_zero),
    "OneHot": _one_hot,
    "Pad": _pad,
    "Range": plain(_range),
    "Reshape": _reshape,
    "ScatterElements": _scatter_elements,
    "ScatterND": _scatter_places,
    "Shape": _shape,
    "Size": plain(lambda x: torch.tensor(x.numel())),
    "Slice": _slice,
    "SpaceToDepth": _space_to_depth,
    "Split": _split,
    "Squeeze": _squeeze,
    "Tile": _tile,
    "Transpose": _transpose,
    "Trilu": _triangle,
    "Unsqueeze": _unsqueeze,
}
