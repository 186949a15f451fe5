"""Load a layer's entropy model from a package, on a backend that has proved itself exact."""

from dataclasses import dataclass
from typing import Final

from shared_models.codecs.backend import (
    CPU,
    BackendOptions,
    Optimisation,
    available_providers,
    wanted_providers,
)
from shared_models.entropy.context import ContextModel
from shared_models.entropy.integer_network import OnnxRuntime
from shared_models.errors import BackendError
from shared_models.packages.package import ModelPackage

_LEVELS: Final = {level: number for number, level in enumerate(Optimisation)}


@dataclass(frozen=True, slots=True)
class LoadedContext:
    """An entropy model, and the backends that missed its known answers on the way to the one in use."""

    model: ContextModel
    refused: tuple[BackendError, ...]


def load_context(package: ModelPackage, name: str, options: BackendOptions) -> LoadedContext:
    """Read model `name`; raise ModelError where the package is damaged or incomplete.

    The wanted provider is tried first, then ONNX Runtime on the CPU; what is refused by both runs as exact
    integer arithmetic. All of them give the same integers.
    """
    wanted = tuple(wanted_providers(options.providers, available_providers()))
    refused: list[BackendError] = []
    for providers in dict.fromkeys((wanted, (CPU,))):
        backend = OnnxRuntime(providers, _LEVELS[options.optimisation], options.threads)
        model = read_context(package, name, backend)
        refused += model.refused
        if not model.refused:
            break
    return LoadedContext(model, tuple(refused))


def read_context(package: ModelPackage, name: str, backend: OnnxRuntime | None) -> ContextModel:
    """Read model `name` to run on `backend`, or without one as exact integer arithmetic; raise ModelError."""
    networks = {
        info.file: package.read(part)
        for part, info in package.manifest.parts.items()
        if part.startswith(f"{name}_")
    }
    known_answers = package.tensors("known_answers") if "known_answers" in package else {}
    return ContextModel.load(name, package.tensors("tables"), networks, known_answers, backend)
