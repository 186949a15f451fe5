"""Bridge directories of random weights: what they find means nothing, and they run as fitted ones do."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from shared_models.bridges.bridge_files import write_bridge
from shared_models.bridges.bridge_network import BridgeNetwork, BridgeTrunk, FeatureMap, TrunkConfig
from shared_models.bridges.model_graph import inspect_model
from shared_models.bridges.split import CANVAS_MULTIPLE, split
from shared_models.packages.package import ModelPackage
from shared_models.tasks.bridge_info import BridgeInfo, CutTensor
from shared_models.tasks.pixel_model import PixelModel


def write_tiny_bridge(
    directory: Path, write_model: Callable[[Path], Path], package: ModelPackage, *, with_tail: bool = True
) -> BridgeInfo:
    """Cut a tiny model and write a bridge into it; return what it says of itself."""
    directory.mkdir(parents=True, exist_ok=True)
    model = write_model(directory / "model.onnx")
    pixel, graph = PixelModel.open(model), inspect_model(model)
    cut = graph.best()
    parts = split(graph, cut)
    trunk = BridgeTrunk(TrunkConfig(hidden_channels=8, inner_channels=8, blocks=1))
    network = BridgeNetwork([FeatureMap(level.stride, level.channels) for level in cut.levels], trunk).eval()
    for k in range(len(cut.levels)):
        network.head(k).leave.weight.data.normal_(std=0.2)
    info = BridgeInfo(
        task=pixel.task,
        model="tiny",
        model_sha256=hashlib.sha256(model.read_bytes()).hexdigest(),
        latents=package.fingerprint.hex(),
        convention=pixel.convention,
        layout=pixel.layout,
        cut=tuple(CutTensor(name=f.name, stride=f.stride, channels=f.channels) for f in cut.levels),
        canvas_multiple=None if parts.tail_is_static else CANVAS_MULTIPLE,
        long_side_px=64,
    )
    pad = [np.zeros((f.channels, f.height, f.width), np.float32) for f in cut.levels]
    write_bridge(directory, network, pad, info, tail=parts.tail if with_tail else None)
    return info
