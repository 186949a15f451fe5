"""Feature maps of every training picture, computed once and read by windows.

A frozen network need not run again for every step: its outputs lie in one memory-mapped file of float16 a
tensor name, picture after picture, and `features.json` says where each begins and how large it is.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shared_models.errors import InputError


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a picture, in pixels."""

    top: int
    left: int
    height: int
    width: int

    def on(self, stride: int) -> tuple[slice, slice]:
        """Return rows and columns of a feature map at `stride`, of which all four must be multiples."""
        top, left = self.top // stride, self.left // stride
        return slice(top, top + self.height // stride), slice(left, left + self.width // stride)


class FeatureCache:
    """Feature maps by tensor name and picture index."""

    def __init__(self, folder: Path) -> None:
        """Map the cache in `folder`; raise InputError where there is none."""
        try:
            index = json.loads((folder / "features.json").read_text())
            self.shapes: dict[str, list[tuple[int, int, int]]] = {
                n: [tuple(s) for s in v] for n, v in index.items()
            }
            self.data = {name: np.memmap(folder / f"{name}.bin", np.float16, "r") for name in self.shapes}
        except (OSError, ValueError, AttributeError) as error:
            raise InputError(f"{folder} holds no feature cache; build one with write_features") from error
        self.offsets = {
            name: np.concatenate([[0], np.cumsum([int(np.prod(s)) for s in shapes])])
            for name, shapes in self.shapes.items()
        }

    def __len__(self) -> int:
        return min(len(shapes) for shapes in self.shapes.values())

    def window(self, name: str, index: int, rows: slice, columns: slice) -> NDArray[np.float16]:
        """Return (C, rows, columns) of one picture's feature map."""
        begin, end = self.offsets[name][index : index + 2]
        whole = self.data[name][begin:end].reshape(self.shapes[name][index])
        return np.ascontiguousarray(whole[:, rows, columns])


def write_features(features: Iterable[Mapping[str, Tensor]], folder: Path) -> FeatureCache:
    """Write each picture's maps (1, C, h, w) by name; the index is written last."""
    folder.mkdir(parents=True, exist_ok=True)
    shapes: dict[str, list[list[int]]] = {}
    for maps in features:
        for name, tensor in maps.items():
            mode = "ab" if name in shapes else "wb"
            with (folder / f"{name}.bin").open(mode) as data:
                data.write(tensor[0].to(torch.float16).contiguous().numpy().tobytes())
            shapes.setdefault(name, []).append(list(tensor.shape[1:]))
    (folder / "features.json").write_text(json.dumps(shapes))
    return FeatureCache(folder)
