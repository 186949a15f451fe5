"""`IntegerNetwork`: integer layers on a backend that has proved, when it was loaded, that it is exact."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shared_models.entropy.integer_layers import IntegerLayers
from shared_models.entropy.known_answers import KnownAnswers
from shared_models.errors import BackendError

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]

_OPTIMISATION: Final = ("ORT_DISABLE_ALL", "ORT_ENABLE_BASIC", "ORT_ENABLE_EXTENDED", "ORT_ENABLE_ALL")


@dataclass(frozen=True, slots=True)
class OnnxRuntime:
    """How ONNX Runtime runs a network: providers by preference, optimisation level 0 to 3, threads."""

    providers: tuple[str, ...] = ("CPUExecutionProvider",)
    optimisation_level: int = 3
    threads: int = 1

    def open(self, model: bytes) -> Run:
        """Load an ONNX model; raise BackendError if ONNX Runtime is not here or does not take it."""
        try:
            import onnxruntime
        except ImportError as missing:
            raise BackendError(
                "onnxruntime is not installed: install the `edge` or `cloud` extra"
            ) from missing
        absent = set(self.providers) - set(onnxruntime.get_available_providers())
        if absent:
            raise BackendError(
                f"this onnxruntime has no {', '.join(sorted(absent))}: choose another provider"
            )
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = getattr(
            onnxruntime.GraphOptimizationLevel, _OPTIMISATION[self.optimisation_level]
        )
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # an arena a pass would keep what the largest picture took
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            session = onnxruntime.InferenceSession(model, options, providers=list(self.providers))
        except Exception as error:  # onnxruntime's errors share no base class but this one
            raise BackendError(f"onnxruntime refuses the integer network: {error}") from error
        running = tuple(session.get_providers())
        if running[0] != self.providers[0]:  # it falls back without an error when a driver is missing
            raise BackendError(
                f"onnxruntime cannot start {self.providers[0]} here and would run {running[0]}"
            )
        name = session.get_inputs()[0].name

        def run(inputs: NDArray[np.float32]) -> NDArray[np.float32]:
            outputs: NDArray[np.float32] = session.run(None, {name: inputs})[0]
            return outputs

        return run

    def __str__(self) -> str:
        return f"onnxruntime ({', '.join(self.providers)}, optimisation level {self.optimisation_level})"


class IntegerNetwork:
    """An integer network that is ready to run; `refused` says why its backend was not trusted."""

    def __init__(
        self,
        layers: IntegerLayers,
        model: bytes | None = None,
        answers: KnownAnswers | None = None,
        backend: OnnxRuntime | None = None,
        name: str = "integer network",
    ) -> None:
        """Run `layers` exactly here, or as the ONNX `model` on a `backend` that gives the `answers`."""
        self.layers = layers
        self.refused: BackendError | None = None
        self._run: Run | None = None
        if backend is not None and model is not None and answers is not None:
            try:
                self._run = _trusted(backend, model, answers, name)
            except BackendError as error:
                self.refused = error

    def run(self, inputs: NDArray[np.integer[Any]] | NDArray[np.float32]) -> NDArray[np.int32]:
        """(B, C_in, H, W) integers, of any type -> (B, C_out, H, W) int32, the same on every machine."""
        if self._run is None or not inputs.size:
            return self.layers.run(inputs)
        return self._run(inputs.astype(np.float32, copy=False)).astype(np.int32)


def _trusted(backend: OnnxRuntime, model: bytes, answers: KnownAnswers, name: str) -> Run:
    run = backend.open(model)
    for number, (inputs, expected) in enumerate(answers.pairs):
        try:
            outputs = run(inputs.astype(np.float32))
        except Exception as error:  # onnxruntime's errors share no base class but this one
            raise BackendError(f"{backend} cannot run {name}: {error}") from error
        if outputs.shape != expected.shape or not np.array_equal(outputs, expected.astype(np.float32)):
            raise BackendError(
                f"{backend} misses known answer {number} of {name}: the exact CPU path is used instead"
            )
    return run
