"""The package that Slimstream ships: whole, small, and exact on every way to run it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from shared_models.codecs.codec import CodedLayer
from shared_models.codecs.slim.codec import SlimCodec
from shared_models.codecs.slim.layer import LayerName
from shared_models.codecs.slim.profile import encoder_part
from shared_models.entropy.context import ContextModel
from shared_models.entropy.context_coding import Condition, decode_symbols
from shared_models.entropy.integer_layers import IntegerLayers
from shared_models.entropy.integer_network import IntegerNetwork, OnnxRuntime
from shared_models.frames import Pixels
from shared_models.packages.package import ModelPackage
from shared_models.packages.registry import builtin_package
from shared_models.tasks.classifier import read_labels

PACKAGE_BYTES_MAX = 25_000_000


@pytest.fixture(scope="module")
def package() -> ModelPackage:
    return builtin_package()


@pytest.fixture(scope="module")
def codec(package: ModelPackage) -> SlimCodec:
    return SlimCodec.load(package)


@pytest.fixture(scope="module")
def coded(codec: SlimCodec) -> tuple[CodedLayer, CodedLayer]:
    """Base and enhancement of an odd-sized picture."""
    y, x = np.mgrid[0:83, 0:109]
    waves = np.stack([np.sin(x / 5 + y / 9), np.cos(x * y / 300), np.sin(y / 4)], axis=2)
    noise = np.random.default_rng(0).normal(0, 12, (83, 109, 3))
    pixels: Pixels = np.clip(128 + 80 * waves + noise, 0, 255).astype(np.uint8)
    base = codec.encode_base(pixels, quality=61.3, width=codec.widths[0])
    return base, codec.encode_enhancement(pixels, base, quality=47.7)


def test_every_part_matches_its_sum(package: ModelPackage) -> None:
    package.verify()


def test_the_package_is_small_enough(package: ModelPackage) -> None:
    assert sum(part.size_bytes for part in package.manifest.parts.values()) <= PACKAGE_BYTES_MAX


def test_the_narrowest_encoder_fits_a_small_camera_and_the_widest_stays_affordable(
    package: ModelPackage, codec: SlimCodec
) -> None:
    pytest.importorskip("onnx", reason="onnx is not installed")
    from shared_models.bridges.graph_cost import cost_of

    x = np.zeros((1, 3, 64, 64), np.float32)
    macs = [cost_of(package.read(encoder_part(width)), [x]).macs / (64 * 64) for width in codec.widths]
    assert macs == sorted(macs)
    assert macs[0] <= 3_000
    assert macs[-1] <= 30_000


def test_the_card_states_data_recipe_and_figures(package: ModelPackage) -> None:
    assert {"data", "recipe", "licence", "measured"} <= set(package.manifest.card)


def test_labels_name_a_thousand_classes(package: ModelPackage) -> None:
    assert len(read_labels(package)) == 1000


def test_no_backend_is_refused_here(codec: SlimCodec) -> None:
    codec.load_layers()
    assert codec.refused == ()


def contexts(package: ModelPackage, backend: OnnxRuntime | None) -> dict[LayerName, ContextModel]:
    """Load the entropy model of each layer on one backend; None is exact integer arithmetic."""
    networks = {
        part.file: package.read(name) for name, part in package.manifest.parts.items() if "_context_" in name
    }
    tables, answers = package.tensors("tables"), package.tensors("known_answers")
    return {
        layer: ContextModel.load(layer.context, tables, networks, answers, backend) for layer in LayerName
    }


def assert_decodes(models: dict[LayerName, ContextModel], coded: tuple[CodedLayer, CodedLayer]) -> None:
    base, enhancement = coded
    given = Condition(base.symbols, base.packet.quality_code)
    for layer, name, condition in ((base, LayerName.BASE, None), (enhancement, LayerName.ENHANCEMENT, given)):
        model = models[name]
        symbols = decode_symbols(
            model,
            layer.packet.parts[0],
            (int(layer.symbols.shape[0]), int(layer.symbols.shape[1]), int(layer.symbols.shape[2])),
            condition if model.condition_channels else None,
            layer.packet.quality_code,
            symbols_max=layer.symbols.size,
        )
        assert np.array_equal(symbols, layer.symbols)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_every_optimisation_level_and_thread_count_decodes_it(
    package: ModelPackage, coded: tuple[CodedLayer, CodedLayer], level: int, threads: int
) -> None:
    models = contexts(package, OnnxRuntime(optimisation_level=level, threads=threads))
    assert all(not model.refused for model in models.values())
    assert_decodes(models, coded)


def test_exact_integers_decode_it(package: ModelPackage, coded: tuple[CodedLayer, CodedLayer]) -> None:
    assert_decodes(contexts(package, None), coded)


class InTorch(IntegerNetwork):
    """An integer network run by torch, as plain convolutions."""

    def __init__(self, layers: IntegerLayers, form: str) -> None:
        """Take the layers, and what to vary."""
        super().__init__(layers)
        self.form = form

    def run(self, inputs: NDArray[np.integer[Any]] | NDArray[np.float32]) -> NDArray[np.int32]:
        """(1, C_in, h, w) -> (1, C_out, h, w)."""
        import torch

        dtype = torch.float64 if self.form == "float64" else torch.float32
        x = torch.from_numpy(inputs.astype(np.float64)).to(dtype)
        if self.form == "batched":
            x = torch.cat([x, x.flip(3), x.flip(2)])
        if self.form == "channels_last":
            x = x.to(memory_format=torch.channels_last)
        for layer in self.layers.layers:
            weight = torch.from_numpy(layer.weight.astype(np.float64)).to(dtype)
            bias = torch.from_numpy(layer.bias.astype(np.float64)).to(dtype)
            x = torch.nn.functional.conv2d(x, weight, bias, padding=weight.shape[2] // 2)
            x = torch.floor(x * 2.0**-layer.shift).clamp(layer.lowest, layer.highest)
        answer: NDArray[np.int32] = x[:1].numpy().astype(np.int32)
        return answer


@pytest.mark.parametrize("form", ["float32", "float64", "channels_last", "batched"])
def test_torch_decodes_it_in_any_precision_layout_and_batch(
    package: ModelPackage, coded: tuple[CodedLayer, CodedLayer], form: str
) -> None:
    pytest.importorskip("torch", reason="torch is not installed")

    def moved(model: ContextModel) -> ContextModel:
        return replace(
            model,
            passes=tuple(
                replace(step, network=step.network and InTorch(step.network.layers, form))
                for step in model.passes
            ),
        )

    assert_decodes({name: moved(model) for name, model in contexts(package, None).items()}, coded)
