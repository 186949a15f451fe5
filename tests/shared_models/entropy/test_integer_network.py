import sys

import numpy as np
import pytest

from shared_models.entropy.integer_network import IntegerNetwork, OnnxRuntime
from shared_models.entropy.integer_onnx import to_onnx
from shared_models.entropy.known_answers import KnownAnswers
from shared_models.errors import ModelError
from tests.shared_models.entropy.networks import random_inputs, random_network

LAYERS = random_network()
MODEL = to_onnx(LAYERS, "test")
ANSWERS = KnownAnswers.of(LAYERS)


@pytest.mark.parametrize("level", [0, 1, 2, 3])
@pytest.mark.parametrize("threads", [1, 2])
def test_onnx_runtime_gives_the_exact_integers(level: int, threads: int) -> None:
    backend = OnnxRuntime(optimisation_level=level, threads=threads)
    network = IntegerNetwork(LAYERS, MODEL, ANSWERS, backend)
    assert network.refused is None
    for shape in ((1, 9, 1, 1), (1, 9, 13, 13), (3, 9, 7, 20)):
        assert np.array_equal(network.run(random_inputs(shape)), LAYERS.run(random_inputs(shape)))


def test_a_backend_that_misses_a_known_answer_is_refused_by_name_and_the_exact_path_runs() -> None:
    inputs, outputs = ANSWERS.pairs[1]
    wrong = outputs.copy()
    wrong.flat[-1] += 1
    answers = KnownAnswers((ANSWERS.pairs[0], (inputs, wrong)))
    network = IntegerNetwork(LAYERS, MODEL, answers, OnnxRuntime(), "base_context_1")
    assert "CPUExecutionProvider" in str(network.refused)
    assert "known answer 1 of base_context_1" in str(network.refused)
    assert np.array_equal(network.run(inputs), outputs)


@pytest.mark.parametrize(
    ("model", "backend", "message"),
    [
        (b"not a model", OnnxRuntime(), "refuses"),
        (MODEL, OnnxRuntime(("NoSuchProvider",)), "NoSuchProvider"),
        (to_onnx(random_network(1), "other"), OnnxRuntime(), "misses known answer 0"),
    ],
)
def test_a_backend_that_cannot_run_the_network_is_refused(
    model: bytes, backend: OnnxRuntime, message: str
) -> None:
    network = IntegerNetwork(LAYERS, model, ANSWERS, backend)
    assert message in str(network.refused)
    assert np.array_equal(network.run(ANSWERS.pairs[0][0]), ANSWERS.pairs[0][1])


def test_without_onnx_runtime_the_exact_path_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    network = IntegerNetwork(LAYERS, MODEL, ANSWERS, OnnxRuntime())
    assert "not installed" in str(network.refused)
    assert np.array_equal(network.run(ANSWERS.pairs[0][0]), ANSWERS.pairs[0][1])


def test_known_answers_come_back_from_arrays() -> None:
    again = KnownAnswers.from_arrays(ANSWERS.to_arrays())
    assert len(again.pairs) == len(ANSWERS.pairs)
    with pytest.raises(ModelError, match="pairs"):
        KnownAnswers.from_arrays({"inputs_0": ANSWERS.pairs[0][0]})


def test_known_answers_drive_the_first_sums_to_their_bound() -> None:
    """A backend that rounds large sums must not pass by luck."""
    first = LAYERS.layers[0]
    weight, bound = first.weight.astype(np.int64).sum(axis=(2, 3)), first.accumulator_bounds(127)
    largest = max(
        float((np.abs(np.einsum("oc,bchw->bohw", weight, inputs)).max(axis=(0, 2, 3)) / bound).max())
        for inputs, _ in ANSWERS.pairs
        if inputs.shape[2] > 3 and (inputs == inputs[:, :, :1, :1]).all()
    )
    assert largest > 0.2
