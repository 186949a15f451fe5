"""Run the ONNX parts of a package through ONNX Runtime, and say what they really run on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import ModuleType
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from shared_models.errors import BackendError

if TYPE_CHECKING:
    import onnxruntime

CPU: Final = "CPUExecutionProvider"
PROVIDERS: Final = {
    "cpu": CPU,
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
"""What people write, and what ONNX Runtime calls it."""
_PROVIDER_OPTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "CUDAExecutionProvider": {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"},
}


class Optimisation(StrEnum):
    """How far ONNX Runtime rewrites a graph before it runs."""

    NONE = "none"
    BASIC = "basic"
    EXTENDED = "extended"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class BackendOptions:
    """How networks run: on what, with how many threads, rewritten how far."""

    providers: tuple[str, ...] = (CPU,)
    """Wanted execution providers, best first, by ONNX Runtime's names or as `cpu`, `cuda`, `tensorrt`."""
    threads: int = 1
    optimisation: Optimisation = Optimisation.ALL
    keeps_arena: bool = False
    """Keep freed tensors for the next call: a little faster, and memory stays at its peak."""

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise BackendError(f"a backend cannot run on {self.threads} threads; ask for one or more")
        if not self.providers:
            raise BackendError(f"a backend needs a provider; known names are {', '.join(PROVIDERS)}")


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """An input or output as the file declares it; an axis that is free is 0."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]


class Network:
    """One ONNX network, ready to run. Safe to call from several threads."""

    def __init__(self, model: bytes, name: str, options: BackendOptions) -> None:
        """Take the bytes of an ONNX file; raise BackendError where ONNX Runtime is absent or refuses them."""
        self.name = name
        self._session = _open_session(model, name, options)
        self._inputs = tuple(node.name for node in self._session.get_inputs())
        self.outputs: tuple[str, ...] = tuple(node.name for node in self._session.get_outputs())

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """What the network takes, in order."""
        return tuple(
            TensorSpec(
                node.name,
                tuple(axis if isinstance(axis, int) and axis > 0 else 0 for axis in node.shape),
                _dtype(node.type),
            )
            for node in self._session.get_inputs()
        )

    @property
    def metadata(self) -> dict[str, str]:
        """What the exporter wrote into the file for people and programs."""
        return dict(self._session.get_modelmeta().custom_metadata_map)

    @property
    def provider(self) -> str:
        """The execution provider in use, which may be less than was asked for."""
        return str(self._session.get_providers()[0])

    def run(self, *inputs: NDArray[np.generic]) -> list[NDArray[np.float32]]:
        """Give the inputs in the network's order and get all outputs; raise BackendError."""
        try:
            outputs: list[NDArray[np.float32]] = self._session.run(
                None, dict(zip(self._inputs, inputs, strict=True))
            )
        except Exception as error:  # ONNX Runtime's own classes share no root but Exception
            raise BackendError(
                f"the network {self.name} failed on {self.provider}: {_first_line(error)}"
            ) from error
        return outputs


def wanted_providers(providers: Sequence[str], available: Sequence[str]) -> list[str]:
    """Return the ONNX Runtime names of `providers` that are available, and the CPU last.

    Raises BackendError for a name nobody knows; one that is known but absent is left out, and
    `Network.provider` tells.
    """
    names = []
    for provider in providers:
        name = PROVIDERS.get(provider.lower(), provider)
        if name not in PROVIDERS.values() and name not in available:
            raise BackendError(f"there is no provider {provider!r}; known names are {', '.join(PROVIDERS)}")
        if name in available and name not in names:
            names.append(name)
    return [*names, *([] if CPU in names else [CPU])]


def available_providers() -> list[str]:
    """Return what this build of ONNX Runtime lists; a listed one may still fail to start."""
    providers: list[str] = _onnxruntime().get_available_providers()
    return providers


def _onnxruntime() -> ModuleType:
    try:
        import onnxruntime
    except ImportError:
        raise BackendError(
            "ONNX Runtime is not installed; pip install 'slimstream[edge]' or 'slimstream[cloud]'"
        ) from None
    module: ModuleType = onnxruntime
    return module


def _open_session(model: bytes, name: str, options: BackendOptions) -> "onnxruntime.InferenceSession":
    onnxruntime = _onnxruntime()
    levels = {
        Optimisation.NONE: onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
        Optimisation.BASIC: onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC,
        Optimisation.EXTENDED: onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
        Optimisation.ALL: onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
    }
    session_options = onnxruntime.SessionOptions()
    session_options.intra_op_num_threads = options.threads
    session_options.inter_op_num_threads = 1
    session_options.graph_optimization_level = levels[options.optimisation]
    session_options.enable_cpu_mem_arena = options.keeps_arena
    session_options.log_severity_level = 3  # fallbacks are reported by `provider`, not by stderr
    session_options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    providers = wanted_providers(options.providers, available_providers())
    try:
        return onnxruntime.InferenceSession(
            model,
            session_options,
            providers=providers,
            provider_options=[dict(_PROVIDER_OPTIONS.get(provider, {})) for provider in providers],
        )
    except Exception as error:  # as in `run`
        raise BackendError(
            f"ONNX Runtime refuses the network {name}: {_first_line(error).rstrip('.')}; check that it is a "
            "whole ONNX file and that this onnxruntime is new enough for it"
        ) from error


def _dtype(name: str) -> np.dtype[np.generic]:
    """Translate ONNX Runtime's name of a type, such as `tensor(float16)`."""
    inner = name.removeprefix("tensor(").removesuffix(")")
    return np.dtype({"float": "float32", "double": "float64"}.get(inner, inner))


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
