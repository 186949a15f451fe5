"""A COCO instances file, checked: the fields that detection needs, and nothing else of it."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared_models.errors import InputError

Side = Annotated[int, Field(ge=1)]
Length = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Coordinate = Annotated[float, Field(allow_inf_nan=False)]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class CocoImage(_Entry):
    """A picture; without a size, boxes are in its own pixels."""

    id: int
    file_name: str
    width: Side | None = None
    height: Side | None = None


class CocoAnnotation(_Entry):
    """An object."""

    image_id: int
    category_id: int
    bbox: tuple[Coordinate, Coordinate, Length, Length]
    """Left, top, width, height in pixels."""
    area: Length | None = None
    iscrowd: int = 0


class CocoCategory(_Entry):
    """A class of objects."""

    id: int
    name: str


class CocoInstances(_Entry):
    """The file."""

    images: tuple[CocoImage, ...]
    annotations: tuple[CocoAnnotation, ...]
    categories: Annotated[tuple[CocoCategory, ...], Field(min_length=1)]


def read_instances(path: Path) -> CocoInstances:
    """Read a file; raise InputError that names the first thing in it that does not fit."""
    try:
        instances = CocoInstances.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}; name a COCO instances file") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the document"
        raise InputError(f"{path} is no COCO instances file: {place}: {first['msg']}") from None
    if not instances.images:
        raise InputError(f"{path} names no picture, so there is nothing to evaluate")
    return instances
