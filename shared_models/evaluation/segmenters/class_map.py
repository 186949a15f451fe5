"""Which class of a model is which class of a labelled set: the file behind `--classes`."""

from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared_models.errors import InputError
from shared_models.evaluation.segmenters.confusion import LabelMap

CLASSES_MAX = 256


class ClassMap(BaseModel):
    """The scored classes of the labels, and where each class of the model goes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    classes: Annotated[tuple[str, ...], Field(min_length=1, max_length=CLASSES_MAX)]
    """Names of the scored classes, by the value that the label files have; higher values are not scored."""
    model_to_class: dict[Annotated[int, Field(ge=0, le=65535)], Annotated[int, Field(ge=0, lt=CLASSES_MAX)]]
    """Class of the labels by class index of the model; what is not named counts as wrong."""

    @model_validator(mode="after")
    def _targets_exist(self) -> "ClassMap":
        for source, target in self.model_to_class.items():
            if target >= len(self.classes):
                raise ValueError(f"model class {source} goes to {target} and there are {len(self.classes)}")
        return self

    def translate(self, found: LabelMap) -> LabelMap:
        """Turn a model's class indices (H, W) into those of the labels; −1 where there is none."""
        table = np.full(max([*self.model_to_class, int(found.max(initial=0))]) + 1, -1, np.int32)
        for source, target in self.model_to_class.items():
            table[source] = target
        translated: LabelMap = table[found]
        return translated


def read_class_map(path: Path) -> ClassMap:
    """Read a JSON class map; raise InputError that names what is wrong with it."""
    try:
        return ClassMap.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(f"{path} is no class map: {where + ': ' if where else ''}{first['msg']}") from None
