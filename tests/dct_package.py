"""A whole `slim` package without training: block cosine transforms for networks, fixed random task heads.

Everything at run time can be exercised with it: packets, exactness, commands, agent and cloud. It is about
as good a codec as JPEG's transform, and its detections mean nothing.
"""

import io
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import safetensors.numpy
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from shared_models.codecs.slim.config import QUALITY_MAX, WIDTH_NAMES
from shared_models.codecs.slim.profile import encoder_part
from shared_models.entropy.factorised_context import factorised_context
from shared_models.packages.manifest import FrameLimits
from shared_models.packages.package import ModelPackage
from shared_models.packages.writer import PartFile, write_package

Array = NDArray[np.float32]

# ITU-R BT.601, full range, as in JPEG; rows Y, Cb, Cr; made orthonormal enough by the gains.
YCBCR = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
BASE_PLANES = (44, 10, 10)  # coefficients of Y, Cb and Cr among the 64 latent channels
ENHANCEMENT_PLANES = (64, 64, 64)


def write_dct_package(directory: Path, name: str = "dct") -> ModelPackage:
    """Write the package; equal calls write equal bytes."""
    base, enhancement = _bases(16, BASE_PLANES), _bases(8, ENHANCEMENT_PLANES)
    networks = {encoder_part(float(width)): _analysis(base, "y") for width in WIDTH_NAMES}
    networks |= {
        "enh_encoder": _analysis(enhancement, "e"),
        "preview": _preview_decoder(base),
        "full": _full_decoder(enhancement),
        "detect": _detector(),
        "classify": _classifier(),
    }
    parts = {part: PartFile(f"{part}.onnx", model) for part, model in networks.items()}
    gains = {"base_log_gain": _log_gain(64, 1.0, 20.0), "enhancement_log_gain": _log_gain(192, 2.0, 60.0)}
    parts["gains"] = PartFile("gains.safetensors", safetensors.numpy.save(gains), is_decoding=True)
    tables = _tables("base", gains) | _tables("enhancement", gains)
    parts["tables"] = PartFile("tables.safetensors", safetensors.numpy.save(tables), is_decoding=True)
    labels = json.dumps([f"class {index}" for index in range(1000)]).encode()
    parts["imagenet"] = PartFile("imagenet.json", labels)
    return write_package(
        directory,
        name=name,
        family="slim",
        config={"base": {"channels": 64, "stride": 16}, "enhancement": {"channels": 192, "stride": 8}},
        runtime={"widths": [float(width) for width in WIDTH_NAMES], "width_default": 0.5},
        limits=FrameLimits(side_px_min=16, side_px_max=4096),
        parts=parts,
        card={"description": "Block cosine transforms and random task heads, for tests."},
    )


def _tables(layer: str, gains: dict[str, Array]) -> dict[str, NDArray[np.generic]]:
    """Factorised tables: the standard deviation of natural pictures falls with frequency."""
    name, size, planes = {
        "base": ("base_context", 16, BASE_PLANES),
        "enhancement": ("enh_context", 8, ENHANCEMENT_PLANES),
    }[layer]
    scales = (0.25, 0.05, 0.05)  # of Y, Cb and Cr
    spread = [scale * size / (1 + np.arange(count)) for count, scale in zip(planes, scales, strict=True)]
    return factorised_context(name, np.exp(gains[f"{layer}_log_gain"]) * np.concatenate(spread)).tables


def _log_gain(channels: int, low: float, high: float) -> Array:
    quality = np.linspace(np.log(low), np.log(high), QUALITY_MAX + 1)
    return np.repeat(quality[:, np.newaxis], channels, axis=1).astype(np.float32)


def _bases(size: int, planes: tuple[int, int, int]) -> Array:
    """Return the first two-dimensional DCT-II functions of each plane over RGB, (C, 3, size, size)."""
    n = np.arange(size)
    one = np.sqrt(2 / size) * np.cos(np.pi * np.outer(n, n + 0.5) / size)
    one[0] /= np.sqrt(2)
    order = sorted(((u, v) for u in n for v in n), key=lambda uv: (uv[0] + uv[1], uv))
    kernels = [
        color[:, np.newaxis, np.newaxis] * np.outer(one[u], one[v])
        for color, count in zip(YCBCR, planes, strict=True)
        for u, v in order[:count]
    ]
    return np.stack(kernels).astype(np.float32)


def _analysis(kernels: Array, output: str) -> bytes:
    size = kernels.shape[2]
    bias = -0.5 * kernels.sum(axis=(1, 2, 3))
    node = helper.make_node("Conv", ["x", "weight", "bias"], [output], strides=[size, size])
    return _model([node], {"weight": kernels, "bias": bias}, {"x": 3}, {output: len(kernels)})


def _synthesis(kernels: Array, source: str) -> tuple[list[onnx.NodeProto], dict[str, NDArray[np.generic]]]:
    """The inverse: kernels over RGB are dual to the analysis through the inverse colour matrix."""
    dual = np.linalg.inv(YCBCR).T / YCBCR  # (3 planes, 3 colours): ratio of dual to analysis colour weights
    size = kernels.shape[2]
    planes = BASE_PLANES if size == 16 else ENHANCEMENT_PLANES
    ratio = np.repeat(dual, planes, axis=0)[:, :, np.newaxis, np.newaxis]
    node = helper.make_node("ConvTranspose", [source, "weight", "bias"], ["x_hat"], strides=[size, size])
    return [node], {"weight": kernels * ratio, "bias": np.full(3, 0.5)}


def _preview_decoder(kernels: Array) -> bytes:
    nodes, weights = _synthesis(kernels, "y_hat")
    return _model(nodes, weights, {"y_hat": 64}, {"x_hat": 3})


def _full_decoder(kernels: Array) -> bytes:
    """The inverse transform of the enhancement alone; base latents and gains come in unused."""
    nodes, weights = _synthesis(kernels, "e_hat")
    return _model(nodes, weights, {"y_hat": 64, "e_hat": 192, "gain": None}, {"x_hat": 3})


def _detector() -> bytes:
    """Heads at strides 8, 16, 32 in the layout of `shared_models.tasks.detection`."""
    random = np.random.default_rng(0)
    weights, nodes = {}, []
    for stride, (operator, shape, attributes) in {
        8: ("ConvTranspose", (64, 85, 2, 2), {"strides": [2, 2]}),
        16: ("Conv", (85, 64, 1, 1), {}),
        32: ("Conv", (85, 64, 3, 3), {"strides": [2, 2], "pads": [1, 1, 1, 1]}),
    }.items():
        weights[f"weight_{stride}"] = (random.standard_normal(shape) * 0.05).astype(np.float32)
        names = ["y_hat", f"weight_{stride}", f"raw_{stride}"]
        nodes += [
            helper.make_node(operator, names[:2], names[2:], None, None, None, None, **attributes),
            helper.make_node(
                "Split", [f"raw_{stride}", "split"], [f"box_{stride}", f"logit_{stride}"], axis=1
            ),
            helper.make_node("Sigmoid", [f"logit_{stride}"], [f"score_{stride}"]),
            helper.make_node("Concat", [f"box_{stride}", f"score_{stride}"], [f"p{stride}"], axis=1),
        ]
    outputs = {f"p{stride}": 85 for stride in (8, 16, 32)}
    return _model(nodes, weights | {"split": np.array([4, 81])}, {"y_hat": 64}, outputs)


def _classifier() -> bytes:
    weight = np.random.default_rng(1).standard_normal((64, 1000)).astype(np.float32)
    nodes = [
        helper.make_node("GlobalAveragePool", ["y_hat"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weight"], ["logits"]),
    ]
    return _model(nodes, {"weight": weight}, {"y_hat": 64}, {"logits": None})


def _model(
    nodes: list[onnx.NodeProto],
    weights: dict[str, NDArray[np.generic]],
    inputs: Mapping[str, int | None],
    outputs: Mapping[str, int | None],
) -> bytes:
    def value(name: str, channels: int | None) -> onnx.ValueInfoProto:
        spatial = [f"{name}_h", f"{name}_w"]
        shape: list[str | int | None] = ["batch", f"{name}_channels"]
        if channels is not None:
            shape = ["batch", channels, *spatial]
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    graph = helper.make_graph(
        nodes,
        "dct",
        [value(*item) for item in inputs.items()],
        [value(*item) for item in outputs.items()],
        [
            numpy_helper.from_array(array if array.dtype == np.int64 else array.astype(np.float32), name)
            for name, array in weights.items()
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    buffer = io.BytesIO()
    onnx.save(model, buffer)
    return buffer.getvalue()


def identity_network(channels: int) -> bytes:
    """Return a network that hands (B, channels, h, w) on as it is."""
    node = helper.make_node("Identity", ["y_hat"], ["features"])
    return _model([node], {}, {"y_hat": channels}, {"features": channels})
