"""Writing a fitted bridge as the directory that a deployment loads."""

import io
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from shared_models.bridges.bridge_network import BridgeNetwork
from shared_models.bridges.quantised import quantised
from shared_models.errors import ModelError
from shared_models.tasks.bridge_info import BRIDGE_FILE, NETWORK_FILE, PAD_FILE, TAIL_FILE, BridgeInfo

OPSET = 18
ERROR_MAX = 1e-3  # of the largest value; float32 sums in another order


def write_bridge(
    directory: Path,
    network: BridgeNetwork,
    pad: Sequence[NDArray[np.float32]],
    info: BridgeInfo,
    *,
    tail: onnx.ModelProto | None,
    samples: Sequence[NDArray[np.float32]] = (),
) -> None:
    """Write bridge.onnx, pad.npz, tail.onnx (where there is one) and, last, bridge.json.

    With `samples` of framed latents (1, C + 2, h, w) the bridge is written in int8, else in float32; `pad`
    has one map (C, H, W) for each tensor of the cut. Raises ModelError if the export is not exact.
    """
    directory.mkdir(parents=True, exist_ok=True)
    example = {"framed": torch.randn(1, network.trunk.enter.in_channels, 8, 10)}
    exported = export_network(network, example, [f"features_{i}" for i in range(len(info.cut))])
    if samples:
        exported = quantised(exported, [[sample] for sample in samples])
    (directory / NETWORK_FILE).write_bytes(exported)
    halves: dict[str, Any] = {str(i): features.astype(np.float16) for i, features in enumerate(pad)}
    np.savez_compressed(directory / PAD_FILE, **halves)
    if tail is not None:
        (directory / TAIL_FILE).write_bytes(tail.SerializeToString())
    (directory / BRIDGE_FILE).write_text(info.model_dump_json(indent=2) + "\n")


def export_network(network: nn.Module, examples: Mapping[str, Tensor], outputs: Sequence[str]) -> bytes:
    """Export a network of pictures or latents, batch, height and width free; raise ModelError if inexact."""
    axes = {name: {0: "B", 2: f"{name}_h", 3: f"{name}_w"} for name in [*examples, *outputs]}
    target = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own notices of deprecation and tracing
        torch.onnx.export(
            network.eval(),
            tuple(examples.values()),
            target,  # type: ignore[arg-type]  # the tracing exporter writes to streams, too
            input_names=list(examples),
            output_names=list(outputs),
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )
    graph = target.getvalue()
    _verify(graph, network, [example.repeat(2, 1, 2, 3)[:, :, 1:, 1:] for example in examples.values()])
    return graph


@torch.no_grad()
def _verify(graph: bytes, network: nn.Module, inputs: Sequence[Tensor]) -> None:
    """Compare ONNX Runtime with torch on a batch of other, odd sides than those traced."""
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    names = [node.name for node in session.get_inputs()]
    results = session.run(None, {name: x.numpy() for name, x in zip(names, inputs, strict=True)})
    expected = network(*inputs)
    for actual, tensor in zip(results, [expected] if isinstance(expected, Tensor) else expected, strict=True):
        worst = float(np.abs(actual - tensor.numpy()).max())
        if worst > ERROR_MAX * max(1.0, float(tensor.abs().max())):
            raise ModelError(
                f"the exported network differs from its module by {worst:.3g}; export it in float32"
            )
