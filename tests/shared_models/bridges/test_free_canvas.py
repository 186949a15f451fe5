"""A whole model for canvases of any size."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from shared_models.bridges.free_canvas import free_model
from shared_models.bridges.free_shapes import run
from shared_models.bridges.model_graph import inspect_model
from tests.tiny_models import CLASSES, SIDE, write_detector


def test_a_freed_model_gives_the_same_on_its_canvas_and_runs_on_others(tmp_path: Path) -> None:
    graph = inspect_model(write_detector(tmp_path / "d.onnx"))
    free = free_model(graph)
    assert free is not None
    random = np.random.default_rng(0)
    own = random.random((1, 3, SIDE, SIDE), np.float32)
    (expected,), (made,) = run(graph.exported, [own]), run(free, [own])
    assert np.array_equal(made, expected)
    (rows,) = run(free, [random.random((2, 3, 96, 32), np.float32)])
    cells = sum((96 // stride) * (32 // stride) for stride in (8, 16, 32))
    assert rows.shape == (2, cells, 5 + CLASSES)


@pytest.mark.parametrize("rows", [84, 1])
def test_a_model_with_numbers_for_each_cell_belongs_to_one_canvas(tmp_path: Path, rows: int) -> None:
    model = onnx.load(write_detector(tmp_path / "d.onnx"))
    grid = np.ones((1, rows, 1), np.float32)  # for every cell, or one for all of them
    model.graph.initializer.append(numpy_helper.from_array(grid, "grid"))
    model.graph.node[-1].output[0] = "cells"
    model.graph.node.append(onnx.helper.make_node("Add", ["cells", "grid"], ["output"]))
    onnx.save(model, tmp_path / "g.onnx")
    free = free_model(inspect_model(tmp_path / "g.onnx"))
    assert (free is None) == (rows > 1)
