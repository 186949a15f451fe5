"""Operators that reduce axes, and those that choose along one."""

from collections.abc import Callable, Mapping
from typing import Final

import torch
from torch import Tensor

from shared_models.bridges.operators.node import Builder, Function, Node

Reduce = Callable[[Tensor, list[int], bool], Tensor]


def _product(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    for axis in sorted((axis % x.dim() for axis in axes), reverse=True):
        x = x.prod(dim=axis, keepdim=keep)
    return x


def _reduce(function: Reduce) -> Builder:
    def build(node: Node) -> Function:
        keep = bool(node.attribute("keepdims", 1))

        def run(x: Tensor, axes: Tensor | None = None) -> Tensor:
            given = node.whole(1, axes) or list(node.attribute("axes", []))
            if not given and node.attribute("noop_with_empty_axes", 0):
                return x
            return function(x, given or list(range(x.dim())), keep)

        return run

    return build


def _choose(function: Callable[..., Tensor]) -> Builder:
    def build(node: Node) -> Function:
        if node.attribute("select_last_index", 0):
            raise node.refuse("it takes the last of equals")
        axis, keep = node.attribute("axis", 0), bool(node.attribute("keepdims", 1))
        return lambda x: function(x, dim=axis, keepdim=keep)

    return build


def _top(node: Node) -> Function:
    axis, is_largest = node.attribute("axis", -1), bool(node.attribute("largest", 1))

    def run(x: Tensor, count: Tensor | None = None) -> tuple[Tensor, Tensor]:
        wanted = node.whole(1, count) or [node.attribute("k", 1)]
        # equal ones come by place, as in ONNX; torch's topk leaves their order open
        order = x.argsort(dim=axis, descending=is_largest, stable=True).narrow(axis, 0, wanted[0])
        return x.gather(axis, order), order

    return run


def _running_sum(node: Node) -> Function:
    if node.attribute("exclusive", 0) or node.attribute("reverse", 0):
        raise node.refuse("it is exclusive or reversed")

    def run(x: Tensor, axis: Tensor | None = None) -> Tensor:
        (along,) = node.whole(1, axis) or [0]
        return x.cumsum(along).to(x.dtype)

    return run


REDUCTION: Final[Mapping[str, Builder]] = {
    "ArgMax": _choose(torch.argmax),
    "ArgMin": _choose(torch.argmin),
    "CumSum": _running_sum,
    "ReduceL1": _reduce(lambda x, axes, keep: x.abs().sum(axes, keep)),
    "ReduceL2": _reduce(lambda x, axes, keep: x.square().sum(axes, keep).sqrt()),
    "ReduceLogSum": _reduce(lambda x, axes, keep: x.sum(axes, keep).log()),
    "ReduceLogSumExp": _reduce(lambda x, axes, keep: x.logsumexp(axes, keep)),
    "ReduceMax": _reduce(lambda x, axes, keep: x.amax(axes, keep)),
    "ReduceMean": _reduce(lambda x, axes, keep: x.mean(axes, keep)),
    "ReduceMin": _reduce(lambda x, axes, keep: x.amin(axes, keep)),
    "ReduceProd": _reduce(_product),
    "ReduceSum": _reduce(lambda x, axes, keep: x.sum(axes, keep).to(x.dtype)),
    "ReduceSumSquare": _reduce(lambda x, axes, keep: x.square().sum(axes, keep)),
    "TopK": _top,
}
