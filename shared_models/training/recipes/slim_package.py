"""Assemble a `slim` package from what the other recipes left behind."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import safetensors.numpy
import torch
import typer
from numpy.typing import NDArray
from pydantic import JsonValue

from shared_models.codecs.slim.config import QUALITY_DEFAULT, SlimConfig
from shared_models.codecs.slim.enhancement import load_enhancement
from shared_models.codecs.slim.enhancement_config import (
    ENHANCEMENT_CHANNELS,
    ENHANCEMENT_QUALITY_DEFAULT,
    ENHANCEMENT_STRIDE,
)
from shared_models.codecs.slim.model import SlimModel, load_slim_base
from shared_models.codecs.slim.narrow_encoder import encoder_part
from shared_models.codecs.slim.onnx_parts import export_part
from shared_models.codecs.slim.profile import FAMILY, DecodingConfig, LayerShape, RuntimeConfig
from shared_models.errors import InputError
from shared_models.module_commands import told_in_a_sentence
from shared_models.packages.manifest import FrameLimits
from shared_models.packages.package import ModelPackage
from shared_models.packages.writer import PartFile, write_package
from shared_models.training.compact_weights import with_byte_weights, with_half_weights, with_integer_weights

SIDES: Final = FrameLimits(side_px_min=16, side_px_max=4096)
FLOAT_NETWORKS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "enh_encoder": bytes,  # a transform: its coefficients are worth their bytes
    "full": with_half_weights,  # it holds an exact inverse transform, too
    "preview": with_byte_weights,
    "detect": with_byte_weights,
    "classify": with_byte_weights,
}
"""The networks that other recipes export, and how their weights are stored."""
LABELS_FILE: Final = "imagenet.json"

Parts = dict[str, PartFile]
Arrays = dict[str, NDArray[np.generic]]


def float_networks(base: SlimModel, exports: Path) -> Parts:
    """Export the encoder of every width beside the other networks, and take them all."""
    encoders = [
        export_part(encoder_part(base.encoder, index, width), exports)
        for index, width in enumerate(base.config.width_names)
    ]
    parts = {path.stem: PartFile(path.name, with_half_weights(_read(path))) for path in encoders}
    for name, compact in FLOAT_NETWORKS.items():
        file = f"{name}.onnx"
        parts[name] = PartFile(file, compact(_read(exports / file)))
    return parts | {"imagenet": PartFile(LABELS_FILE, _read(exports / LABELS_FILE))}


def gain_parts(base: SlimModel, enhancement: Path, dead_zone: float) -> Parts:
    """Take the gains of both layers, and the dead zones of their quantisers."""
    full = load_enhancement(enhancement)
    gains = {
        "base_log_gain": base.gains.table().numpy(),
        "enhancement_log_gain": full.log_gain.numpy(),
    }
    rounding = {
        "base_dead_zone": np.full(base.config.latent_channels, dead_zone, np.float32),
        "enhancement_dead_zone": full.dead_zone.numpy(),
    }
    return {
        "gains": PartFile("gains.safetensors", _tensors(gains), is_decoding=True),
        "rounding": PartFile("rounding.safetensors", _tensors(rounding)),
    }


def entropy_parts(contexts: list[Path]) -> Parts:
    """Merge the entropy models of the layers: tables decide what bits mean, networks follow from them."""
    tables: Arrays = {}
    known_answers: Arrays = {}
    parts = {}
    for folder in contexts:
        tables |= safetensors.numpy.load(_read(folder / "tables.safetensors"))
        known_answers |= safetensors.numpy.load(_read(folder / "known_answers.safetensors"))
        for path in sorted(folder.glob("*_context_*.onnx")):
            parts[path.stem] = PartFile(path.name, with_integer_weights(path.read_bytes()))
    parts["tables"] = PartFile("tables.safetensors", _tensors(tables), is_decoding=True)
    parts["known_answers"] = PartFile("known_answers.safetensors", _tensors(known_answers))
    return parts


def training_weights(base: SlimModel) -> Parts:
    """Keep the weights of encoder and gains themselves, as float16, to train on and to fit bridges with."""
    weights = {
        name: tensor.to(torch.float16).numpy()
        for name, tensor in base.state_dict().items()
        if name.startswith(("encoder.", "gains."))
    }
    return {"weights": PartFile("weights.safetensors", _tensors(weights))}


def assemble(
    *,
    base: Annotated[Path, typer.Option(help="Checkpoint of the base.")],
    enhancement: Annotated[Path, typer.Option(help="Checkpoint of the enhancement layer.")],
    exports: Annotated[
        Path, typer.Option(help=f"Folder of {', '.join(FLOAT_NETWORKS)} (.onnx) and {LABELS_FILE}.")
    ],
    context: Annotated[list[Path], typer.Option(help="Folder of a layer's entropy model; once a layer.")],
    output: Annotated[Path, typer.Option(help="Directory of the package.")],
    card: Annotated[
        Path | None, typer.Option(help="The card: data, recipe, measured figures, as JSON.")
    ] = None,
    name: Annotated[str, typer.Option(help="The package's name.")] = "slim-1",
    quality: Annotated[float, typer.Option(help="Default quality of the base.")] = QUALITY_DEFAULT,
    dead_zone: Annotated[
        float, typer.Option(help="By how much of a step the base rounds towards zero: fewer bytes.")
    ] = 0.0,
    enhancement_quality: Annotated[
        float, typer.Option(help="Default quality of the enhancement.")
    ] = ENHANCEMENT_QUALITY_DEFAULT,
) -> None:
    """Write the package, with sums and fingerprint."""
    model = load_slim_base(base)
    parts = (
        float_networks(model, exports) | gain_parts(model, enhancement, dead_zone) | entropy_parts(context)
    )
    parts |= training_weights(model)
    runtime = RuntimeConfig(
        widths=tuple(map(float, model.config.width_names)),
        width_default=float(model.config.width_names[-1]),
        quality_default=quality,
        enhancement_quality_default=enhancement_quality,
    )
    package = write_slim_package(output, name, runtime, parts, json.loads(_read(card)) if card else {})
    size_bytes = sum(part.size_bytes for part in package.manifest.parts.values())
    typer.echo(f"{output}: fingerprint {package.manifest.fingerprint}, {size_bytes / 2**20:.1f} MiB")


def write_slim_package(
    output: Path, name: str, runtime: RuntimeConfig, parts: Parts, card: dict[str, JsonValue]
) -> ModelPackage:
    """Write `parts` with the manifest of the shipped configuration."""
    config = SlimConfig()
    decoding = DecodingConfig(
        base=LayerShape(channels=config.latent_channels, stride=config.stride),
        enhancement=LayerShape(channels=ENHANCEMENT_CHANNELS, stride=ENHANCEMENT_STRIDE),
    )
    return write_package(
        output,
        name=name,
        family=FAMILY,
        config=decoding.model_dump(mode="json"),
        runtime=runtime.model_dump(mode="json"),
        limits=SIDES,
        parts=parts,
        card=card,
    )


def _tensors(arrays: Arrays) -> bytes:
    return safetensors.numpy.save({name: np.ascontiguousarray(arrays[name]) for name in sorted(arrays)})


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror}; the recipe before this one writes it"
        ) from None


if __name__ == "__main__":
    with told_in_a_sentence():
        typer.run(assemble)
