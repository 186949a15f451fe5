"""The entropy models of `slim`, trained on the symbols of frozen encoders at every quality and width.

The base is coded in four passes over the positions of 2x2 cells; the enhancement in bands, low frequencies
first, given the base. Training counts the bits of the integer networks themselves; the tables are then
fitted to what those leave, and the result is measured in real bytes against a model without context.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from safetensors.numpy import save_file
from torch import Tensor, nn

from shared_models.codecs.slim.enhancement import SlimEnhancement
from shared_models.codecs.slim.model import load_slim_base
from shared_models.entropy.context import QUALITY_ROWS, QUALITY_STEPS, ContextModel, StoredContext
from shared_models.entropy.context_coding import Condition, decode_symbols, encode_symbols
from shared_models.entropy.context_export import count_residuals, store_context
from shared_models.entropy.context_training import ContextDesign, PassDesign, TrainedContext
from shared_models.entropy.group_map import GroupMap
from shared_models.entropy.integer_network import OnnxRuntime
from shared_models.entropy.table_fitting import ResidualCounts, fitted_ladder, fitted_table
from shared_models.entropy.tables import Table
from shared_models.errors import InputError, ModelError
from shared_models.module_commands import told_in_a_sentence
from shared_models.training.checkpoints import start_from
from shared_models.training.datasets import CropSampler
from shared_models.training.picture_cache import PictureCache, build_cache, picture_paths
from shared_models.training.symbol_pool import SymbolPool
from shared_models.training.trainer import Trainer, TrainerConfig

LEADERS: Final = 5  # base channels that are coded first at every position
SEEN_CHANNELS: Final = 32  # base channels that later passes look at
STATIC_QUALITIES: Final = tuple(range(0, QUALITY_ROWS, 5))  # that a pass without a network has tables for
STATIC_BATCH: Final = 64
HELD_OUT_CROPS: Final = 64
BAND_ENDS: Final = (3, 18, 48, 108, 192)  # channels are 3 * frequency + plane, in zigzag order
SPLIT_BANDS: Final = 4  # the last one is nearly empty
PASSES_SEEN: Final = 5
NOISY_SHARE: Final = 1 / 16  # of an enhancement's crops: photographs alone teach that high bands are empty
MEASURED: Final = (10, 30, 50, 70, 90)


class Layer(StrEnum):
    """Which layer of the codec."""

    BASE = "base"
    ENHANCEMENT = "enhancement"

    @property
    def context_name(self) -> str:
        """What a package calls the layer's entropy model."""
        return "base_context" if self is Layer.BASE else "enh_context"


@dataclass(frozen=True, slots=True)
class SlimContextConfig:
    """What the stage is made of."""

    batch: int = 8
    fitting_batches: int = 120
    static_batches: int = 16  # of 64 crops, counted for each quality that has static tables
    seed: int = 0


def base_design(order: NDArray[np.intp]) -> ContextDesign:
    """Passes by position, at each one the loudest channels first; 0.5 kMAC per pixel in all.

    order (C,) are the channels, loudest first. Every pass but the first looks at what was coded of the
    loudest ones: most others are nearly always zero and say nothing.
    """
    group_map = GroupMap.by_position(len(order), np.sort(order[:LEADERS]))
    passes = group_map.passes.reshape(-1)
    is_seen = np.zeros(len(order), np.bool_)
    is_seen[order[:SEEN_CHANNELS]] = True
    networks = [
        PassDesign(np.flatnonzero((passes < number) & np.repeat(is_seen, 4)), ((3, 96), (1, 96)))
        for number in range(1, group_map.pass_count)
    ]
    return ContextDesign(group_map, (None, *networks))


def loudest_first(pool: SymbolPool, start: Path | None) -> NDArray[np.intp]:
    """Order the channels by their deviations, or as the run did whose checkpoint is the `start`."""
    if start is not None:
        try:
            passed_on = torch.load(start, map_location="cpu", weights_only=True)["recipe"]["order"]
        except (OSError, KeyError, RuntimeError) as error:
            raise InputError(f"{start} is not a checkpoint of this recipe: train one first") from error
        return np.array(passed_on, np.intp)
    return np.argsort(-pool.coded_scales().mean(axis=0))


def enhancement_design() -> ContextDesign:
    """Bands of channels, low frequencies first; a pass sees the bands below and what is coded of its own.

    About 3 kMAC per pixel in all, spent only when a frame is pulled.
    """
    group_map = GroupMap.by_band(BAND_ENDS, SPLIT_BANDS)
    passes = group_map.passes.reshape(-1)
    networks = [
        PassDesign(np.flatnonzero((passes < number) & (passes >= number - PASSES_SEEN)), ((1, 64), (3, 64)))
        for number in range(group_map.pass_count)
    ]
    return ContextDesign(group_map, tuple(networks))


class SlimContextRecipe:
    """Minimises the bits of a layer's symbols, those of each crop relative to what it costs anyway."""

    def __init__(self, pool: SymbolPool, order: NDArray[np.intp], config: SlimContextConfig) -> None:
        """Begin with networks that say what the deviations of the channels say."""
        torch.manual_seed(config.seed)
        self.pool, self.order, self.config = pool, order, config
        given = None if pool.coefficients is None else pool.base_scales()
        design = base_design(order) if pool.coefficients is None else enhancement_design()
        self.model = TrainedContext(design, pool.coded_scales(), given)
        self.networks = nn.ModuleDict({"context": self.model}).to(pool.device)

    def loss(self, progress: float) -> tuple[Tensor, dict[str, float]]:
        """Mean over the batch of bits / what the bits are now."""
        estimates = self.model(self.pool.batch(self.config.batch))
        bits = torch.stack([each.sum(dim=(1, 2, 3)) for each in estimates.values()]).sum(dim=0)  # (B,)
        figures = {f"bits_{number}": each.detach().mean().item() for number, each in estimates.items()}
        return (bits / (bits.detach() + 1.0)).mean(), figures

    def state_dict(self) -> dict[str, Any]:
        """Return the order of the channels; the trainer keeps the generator, which decides the crops."""
        return {"order": self.order.tolist()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Refuse a checkpoint whose networks stand for other channels."""
        if state["order"] != self.order.tolist():
            raise InputError("the checkpoint orders the channels differently: pass it as --start instead")

    def export(self, name: str) -> StoredContext:
        """Fit the tables to the pool's symbols and freeze the networks."""
        design = self.model.design
        counts = ResidualCounts(design.ladder.levels << design.ladder.mean_bits)
        for _ in range(self.config.fitting_batches):
            count_residuals(self.model, counts, self.pool.batch(self.config.batch))
        tables: list[Table] = []
        index: dict[int, NDArray[np.int64]] = {}
        if design.passes[0] is None:
            tables, index[0] = static_tables(
                self.pool, design.group_map.members(0) // 4, STATIC_QUALITIES, self.config.static_batches
            )
        return store_context(name, self.model, fitted_ladder(design.ladder, counts), tables, index)


def static_tables(
    pool: SymbolPool, channels: NDArray[np.intp], qualities: tuple[int, ...], batches: int
) -> tuple[list[Table], NDArray[np.int64]]:
    """Fit a table to each of `channels` at `qualities`; give (101, channels) numbers of the nearest ones."""
    scales, N = pool.coded_scales(), len(channels)
    tables: list[Table] = []
    for quality in qualities:
        counts = ResidualCounts(N)
        for picked in torch.randint(len(pool), (batches, STATIC_BATCH)):
            symbols = pool.coded_symbols(picked, torch.full((STATIC_BATCH,), float(quality))).symbols
            chosen = symbols[:, channels].cpu().numpy().astype(np.int64)
            counts.add(np.broadcast_to(np.arange(N)[:, None, None], chosen.shape), chosen)
        tables += [
            fitted_table(row, scales[quality, c]) for row, c in zip(counts.counts, channels, strict=True)
        ]
    nearest = np.abs(np.arange(QUALITY_ROWS)[:, None] - np.array(qualities)).argmin(axis=1)
    return tables, nearest[:, None] * N + np.arange(N)


def factorised(name: str, pool: SymbolPool, batches: int) -> StoredContext:
    """Give the model without any context, fitted to the same symbols where it is measured: the yardstick."""
    group_map = GroupMap(np.zeros((pool.channels, 2, 2), np.uint8))
    trained = TrainedContext(ContextDesign(group_map, (None,)), pool.coded_scales(), None)
    tables, index = static_tables(pool, np.arange(pool.channels), MEASURED, batches)
    ladder = trained.design.ladder.tables()
    return store_context(name, trained, ladder, tables, {0: np.repeat(index, 4, axis=1)})


def measure(
    stored: StoredContext, name: str, pool: SymbolPool, qualities: tuple[int, ...]
) -> dict[int, float]:
    """Give the mean payload bytes of a crop at each quality, each payload decoded again and compared."""
    model = ContextModel.load(name, stored.tables, stored.networks, stored.known_answers, OnnxRuntime())
    means: dict[int, float] = {}
    for quality in qualities:
        sizes: list[int] = []
        for number in range(len(pool)):
            picked, at = torch.tensor([number]), torch.tensor([float(quality)])
            symbols = _whole(pool.coded_symbols(picked, at).symbols)
            given = _whole(pool.base_symbols(picked, torch.tensor([50.0])).symbols)
            condition = Condition(given, 50 * QUALITY_STEPS) if model.condition_channels else None
            coded = encode_symbols(model, symbols, condition, quality * QUALITY_STEPS)
            code = (coded.payload, symbols.shape, condition, quality * QUALITY_STEPS)
            if not np.array_equal(decode_symbols(model, *code, symbols_max=symbols.size), coded.symbols):
                raise ModelError(f"{name} does not decode what it encodes at quality {quality}")
            sizes.append(len(coded.payload))
        means[quality] = float(np.mean(sizes))
    return means


def _whole(symbols: Tensor) -> NDArray[np.int16]:
    return symbols[0].cpu().numpy().astype(np.int16)


def save(stored: StoredContext, folder: Path) -> None:
    """Write what a package takes over: tables.safetensors, known_answers.safetensors and ONNX files."""
    save_file(stored.tables, folder / "tables.safetensors")
    save_file(stored.known_answers, folder / "known_answers.safetensors")
    for file_name, model in stored.networks.items():
        (folder / file_name).write_bytes(model)


def train(
    *,
    layer: Annotated[Layer, typer.Option(help="Which layer's symbols are to be coded.")],
    base: Annotated[Path, typer.Option(help="Checkpoint of the base layer, frozen.")],
    pictures: Annotated[Path, typer.Option(help="Picture cache to train on.")],
    held_out: Annotated[Path, typer.Option(help="Folder of other pictures, to measure bytes on.")],
    folder: Annotated[Path, typer.Option(help="Where checkpoint, log and the finished model go.")],
    start: Annotated[Path | None, typer.Option(help="A checkpoint of this recipe to begin from.")] = None,
    minutes: Annotated[float, typer.Option(help="Training time; the schedule ends with it.")] = 12.0,
    crops: Annotated[int, typer.Option(help="Crops whose latents are kept in memory.")] = 3000,
    crop: Annotated[int, typer.Option(help="Height and width of a crop, a multiple of 32.")] = 320,
    lr: Annotated[float, typer.Option(help="Highest learning rate.")] = 2e-3,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Train a layer's entropy model, or go on with folder/latest.pt; then fit its tables and write it."""
    torch.manual_seed(0)
    torch.backends.cudnn.allow_tf32 = False  # sums of integers must come out exact
    frozen = load_slim_base(base).to(device)
    # The enhancement needs no checkpoint: its transform and its gains are fixed.
    full = SlimEnhancement().to(device) if layer is Layer.ENHANCEMENT else None
    noisy = NOISY_SHARE if layer is Layer.ENHANCEMENT else 0.0
    pool = SymbolPool(frozen, full, CropSampler(PictureCache(pictures), crop, 0), crops, noisy)
    recipe = SlimContextRecipe(pool, loudest_first(pool, start), SlimContextConfig())
    if start is not None:
        start_from(recipe.networks, start)
    trainer = Trainer(recipe, TrainerConfig(folder, minutes, lr=lr, optimiser="adamw", device=device))
    trainer.run()
    if trainer.stopped:
        return
    name = layer.context_name
    stored, yardstick = recipe.export(name), factorised(name, pool, recipe.config.static_batches)
    save(stored, folder)
    unseen = build_cache(picture_paths([held_out]), folder / "held-out")
    test = SymbolPool(frozen, full, CropSampler(unseen, crop, 1), HELD_OUT_CROPS)
    report = {
        "context_bytes": measure(stored, name, test, MEASURED),
        "factorised_bytes": measure(yardstick, name, test, MEASURED),
    }
    (folder / "measured.json").write_text(json.dumps(report, indent=1))
    typer.echo(json.dumps(report))


if __name__ == "__main__":
    with told_in_a_sentence():
        typer.run(train)
