"""Normalisation, softmax, and matrix products."""

from collections.abc import Mapping
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from shared_models.bridges.operators.node import Builder, Function, Node, plain


def _batch_normalise(node: Node) -> Function:
    epsilon = node.attribute("epsilon", 1e-5)
    return lambda x, scale, bias, mean, var: F.batch_norm(x, mean, var, scale, bias, eps=epsilon)


def _instance_normalise(node: Node) -> Function:
    epsilon = node.attribute("epsilon", 1e-5)
    return lambda x, scale, bias: F.instance_norm(x, weight=scale, bias=bias, eps=epsilon)


def _layer_normalise(node: Node) -> Function:
    if node.outputs > 1:
        raise node.refuse("its mean and deviation are asked for")
    axis, epsilon = node.attribute("axis", -1), node.attribute("epsilon", 1e-5)

    def run(x: Tensor, scale: Tensor, bias: Tensor | None = None) -> Tensor:
        return F.layer_norm(x, x.shape[axis % x.dim() :], eps=epsilon) * scale + (0 if bias is None else bias)

    return run


def _group_normalise(node: Node) -> Function:
    groups, epsilon = node.attribute("num_groups", 1), node.attribute("epsilon", 1e-5)

    def run(x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
        if scale.numel() == groups != x.shape[1]:  # opset 18 scales groups, later ones channels
            scale, bias = (t.repeat_interleave(x.shape[1] // groups) for t in (scale, bias))
        return F.group_norm(x, groups, scale, bias, epsilon)

    return run


def _lp_normalise(node: Node) -> Function:
    axis, p = node.attribute("axis", -1), node.attribute("p", 2)
    return lambda x: x / x.norm(p=p, dim=axis, keepdim=True).clamp_min(1e-30)


def _local_response(node: Node) -> Function:
    size, alpha = node.attribute("size", 1), node.attribute("alpha", 1e-4)
    beta, bias = node.attribute("beta", 0.75), node.attribute("bias", 1.0)
    return lambda x: F.local_response_norm(x, size, alpha, beta, bias)


def _softmax(node: Node, *, is_log: bool = False) -> Function:
    flattens = node.opset < 13  # from `axis` on, all axes were one
    axis = node.attribute("axis", 1 if flattens else -1)
    function = F.log_softmax if is_log else F.softmax

    def run(x: Tensor) -> Tensor:
        if flattens:
            return function(x.flatten(axis % x.dim()), dim=-1).reshape(x.shape)
        return function(x, dim=axis)

    return run


def _gemm(node: Node) -> Function:
    alpha, beta = node.attribute("alpha", 1.0), node.attribute("beta", 1.0)
    turns = node.attribute("transA", 0), node.attribute("transB", 0)

    def run(a: Tensor, b: Tensor, c: Tensor | None = None) -> Tensor:
        a, b = (m.T if turn else m for m, turn in zip((a, b), turns, strict=True))
        product = a @ b if alpha == 1.0 else alpha * (a @ b)
        return product if c is None else product + (c if beta == 1.0 else beta * c)

    return run


def _einsum(node: Node) -> Function:
    equation = node.attribute("equation", "").replace(" ", "")
    return lambda *tensors: torch.einsum(equation, *tensors)


NORMALISATION: Final[Mapping[str, Builder]] = {
    "BatchNormalization": _batch_normalise,
    "Einsum": _einsum,
    "Gemm": _gemm,
    "GroupNormalization": _group_normalise,
    "InstanceNormalization": _instance_normalise,
    "LRN": _local_response,
    "LayerNormalization": _layer_normalise,
    "LogSoftmax": lambda node: _softmax(node, is_log=True),
    "LpNormalization": _lp_normalise,
    "MatMul": plain(torch.matmul),
    "Softmax": _softmax,
}
