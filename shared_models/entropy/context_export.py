"""From a trained context model to what a package stores: tables, networks and known answers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from shared_models.entropy.context import FORMAT_VERSION, StoredContext
from shared_models.entropy.context_training import ContextBatch, TrainedContext
from shared_models.entropy.integer_onnx import to_onnx
from shared_models.entropy.known_answers import KnownAnswers
from shared_models.entropy.table_fitting import ResidualCounts
from shared_models.entropy.tables import Table, TableSet


@torch.no_grad()
def count_residuals(trained: TrainedContext, counts: ResidualCounts, batch: ContextBatch) -> None:
    """Add to `counts`, by index in the ladder's tables, what the networks of `trained` leave of a batch."""
    ladder = trained.design.ladder
    phases = 1 << ladder.mean_bits
    for number, coding in enumerate(trained.design.passes):
        if coding is None:
            continue
        levels, means = trained.parameters_of(number, batch)
        whole = torch.floor(means)
        indices = levels * phases + (means - whole) * phases
        residuals = batch.cells[:, trained.design.group_map.members(number)] - whole
        counts.add(indices.cpu().numpy().astype(np.int64), residuals.cpu().numpy().astype(np.int64))


def store_context(
    name: str,
    trained: TrainedContext,
    ladder_tables: Sequence[Table],
    static_tables: Sequence[Table],
    static_index: Mapping[int, NDArray[np.integer[Any]]],
) -> StoredContext:
    """Freeze `trained`; raise ModelError, naming layer and channel, if a network is not provably exact.

    ladder_tables are the tables of `trained.design.ladder`; static_index gives each pass without a network
    its (101, members) indices into static_tables.
    """
    design, units = trained.design, trained.units
    table_set = TableSet.from_tables([*ladder_tables, *static_tables])
    own: dict[str, NDArray[Any]] = {
        "group_map": design.group_map.passes,
        "settings": np.array([FORMAT_VERSION, design.ladder.levels, design.ladder.mean_bits, 0], np.int32),
        "into": units.into,
        "out_of": units.out_of,
        "level_offset": units.level_offset,
        "condition": units.condition,
    }
    stored = StoredContext({f"{name}/{key}": array for key, array in own.items()}, {}, {})
    stored.tables.update({f"{name}/tables/{key}": array for key, array in table_set.to_arrays().items()})
    for number, coding in enumerate(design.passes):
        label = f"{name}_{number}"
        network = trained.network(number)
        if coding is None or network is None:
            index = static_index[number] + len(ladder_tables)
            stored.tables[f"{label}/static_index"] = index.astype(np.uint16)
            continue
        layers = network.freeze()
        answers = KnownAnswers.of(layers, seed=number)
        stored.tables[f"{label}/inputs"] = coding.inputs.astype(np.uint16)
        stored.tables.update({f"{label}/network/{key}": array for key, array in layers.to_arrays().items()})
        stored.known_answers.update({f"{label}/{key}": array for key, array in answers.to_arrays().items()})
        stored.networks[f"{label}.onnx"] = to_onnx(layers, label)
    return stored
