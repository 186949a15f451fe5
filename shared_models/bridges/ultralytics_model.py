"""Ultralytics' YOLO models, from a checkpoint or a YAML: as ONNX, and as torch layers by name.

Ultralytics is AGPL-3.0, and so may be what is made with it: that is the user's choice, by installing the
`yolo` extra. Nothing of it is in Slimstream. A checkpoint is a pickle, and loading one runs what is in it.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from torch import Tensor, nn

from shared_models.codecs.pictures import padded
from shared_models.errors import ConfigError, InputError, ModelError

CHECKPOINT_SUFFIXES: Final = frozenset((".pt",))
YAML_SUFFIXES: Final = frozenset((".yaml", ".yml"))
IMAGE: Final = "images"
"""What a model's input is called, as in Ultralytics' own exports."""
_OPSET: Final = 17
_STRIDE_PX: Final = 32
_QUIET: Final[Mapping[str, str]] = {
    "YOLO_OFFLINE": "true",  # no look for newer releases, nothing fetched
    "YOLO_AUTOINSTALL": "false",  # no pip behind the user's back
    "YOLO_VERBOSE": "false",
}


def is_ultralytics(model: Path) -> bool:
    """Say whether a file name stands for such a model: yolo11n.pt, yolov8n.yaml."""
    return model.suffix.lower() in CHECKPOINT_SUFFIXES | YAML_SUFFIXES


def load_ultralytics(model: Path) -> Any:  # noqa: ANN401 - a class of a library that may be absent
    """Return Ultralytics' own object: a checkpoint's, or a YAML's with random weights.

    A YAML may be a file or the name of one that Ultralytics brings, such as yolo11n.yaml.

    Raises:
        ConfigError: Ultralytics is not installed, or cannot be imported.
        InputError: there is no such file, or it holds no model.
    """
    ultralytics = _ultralytics()
    if model.suffix.lower() in CHECKPOINT_SUFFIXES and not model.is_file():
        raise InputError(f"{model} does not exist; fetch the checkpoint with Ultralytics, and name the file")
    try:
        loaded = ultralytics.YOLO(str(model))
        if not isinstance(loaded.model, nn.Module):
            raise InputError(f"{model} holds no torch model; give a checkpoint (.pt) or a YAML")
    except InputError:
        raise
    except Exception as error:  # whatever a pickle or a YAML of somebody's raises
        first_line = str(error).strip().partition("\n")[0]
        raise InputError(f"{model} is no Ultralytics model: {type(error).__name__}: {first_line}") from error
    return loaded


def export_ultralytics(model: Path, target: Path, side_px: int) -> None:
    """Write a model as ONNX with a fixed square input, by Ultralytics' own export.

    Raises:
        ConfigError, InputError: see `load_ultralytics`.
        ModelError: the export fails.
    """
    loaded = load_ultralytics(model)
    target.parent.mkdir(parents=True, exist_ok=True)
    loaded.model.pt_path = str(target.with_suffix(".pt"))  # the export goes beside it, under its name
    try:
        written = Path(
            loaded.export(format="onnx", imgsz=side_px, opset=_OPSET, simplify=False, device="cpu")
        )
        written.replace(target)
    except Exception as error:  # exporters fail in many ways
        first_line = str(error).strip().partition("\n")[0]
        raise ModelError(f"Ultralytics cannot export {model.name} as ONNX: {first_line}") from error


def exported_once(model: Path, target: Path, side_px: int) -> Path:
    """Export a model unless `target` is newer than its file, since no two exports are alike; return `target`.

    `side_px` is rounded up to a multiple of the model's stride. Raises as `export_ultralytics` does.
    """
    is_made = target.is_file() and model.is_file() and target.stat().st_mtime >= model.stat().st_mtime
    if not is_made:
        export_ultralytics(model, target, padded(side_px, _STRIDE_PX))
    return target


class UltralyticsLayers(nn.Module):
    """The part of a model that leads from some of its layers to others, frozen.

    Layers are called as in the model's state dict, `model.0`, `model.1` and so on; its input is `images`.
    """

    def __init__(self, model: nn.Module, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        """Take the `model` attribute of Ultralytics' object; raise ModelError for names without a way."""
        super().__init__()
        layers: Any = model.get_submodule("model")
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)
        self._sources = {f"model.{i}": _sources(i, layer.f) for i, layer in enumerate(layers)}
        self._order = self._on_the_way()
        self.layers = nn.ModuleDict({_key(name): layers[_index(name)] for name in self._order})
        self.requires_grad_(False).eval()

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Tensors in the order of `inputs` -> tensors in the order of `outputs`; a head's first result."""
        values: dict[str, Any] = dict(zip(self.inputs, tensors, strict=True))
        for name in self._order:
            given = [values[source] for source in self._sources[name]]
            made = self.layers[_key(name)](given[0] if len(given) == 1 else given)
            values[name] = made[0] if isinstance(made, tuple) else made
        return tuple(values[name] for name in self.outputs)

    def _on_the_way(self) -> tuple[str, ...]:
        """Return the layers that have to run, in their order."""
        wanted, needed = list(self.outputs), set[str]()
        while wanted:
            name = wanted.pop()
            if name in self.inputs or name in needed:
                continue
            if name not in self._sources:
                known = f"{IMAGE}, model.0 to model.{len(self._sources) - 1}"
                raise ModelError(f"the way to {', '.join(self.outputs)} needs {name!r}; layers are {known}")
            needed.add(name)
            wanted += self._sources[name]
        return tuple(sorted(needed, key=_index))


def _sources(index: int, sources: int | Sequence[int]) -> tuple[str, ...]:
    """Return the names that a layer's `f` means: counted back from the layer where it is negative."""
    numbers = [sources] if isinstance(sources, int) else sources
    absolute = [index + number if number < 0 else number for number in numbers]
    return tuple(IMAGE if number < 0 else f"model.{number}" for number in absolute)


def _index(name: str) -> int:
    return int(name.removeprefix("model."))


def _key(name: str) -> str:
    return name.replace(".", "_")  # a ModuleDict's keys hold no dots


def _ultralytics() -> ModuleType:
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)  # read when it is imported
    try:
        import ultralytics
    except ImportError as error:  # also what importlib.metadata raises for a missing torchvision
        raise ConfigError(
            f"Ultralytics cannot be imported ({error}); docs/guide/fit-a-bridge.md, section YOLO, says how "
            "to install it (AGPL-3.0: your choice)"
        ) from error
    module: ModuleType = ultralytics
    return module
