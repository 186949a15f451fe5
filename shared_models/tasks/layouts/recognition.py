"""Which layout a model's outputs have."""

from typing import Annotated, Final, TypeAlias

import numpy as np
from pydantic import Field, TypeAdapter

from shared_models.errors import ModelError
from shared_models.tasks.layouts.boxes_and_scores import BoxesAndScoresLayout
from shared_models.tasks.layouts.class_maps import ClassMapsLayout
from shared_models.tasks.layouts.class_scores import ClassScoresLayout
from shared_models.tasks.layouts.end_to_end import EndToEndListsLayout, EndToEndRowsLayout
from shared_models.tasks.layouts.gfl import GflLayout
from shared_models.tasks.layouts.head_maps import HeadMapsLayout
from shared_models.tasks.layouts.layout import Layout, Probe
from shared_models.tasks.layouts.yolo import YoloLayout
from shared_models.tasks.layouts.yolo_anchors import YoloAnchorsLayout
from shared_models.tasks.layouts.yolox import YoloxLayout

AnyDetectionLayout: TypeAlias = (
    GflLayout
    | YoloxLayout
    | YoloAnchorsLayout
    | YoloLayout
    | EndToEndRowsLayout
    | EndToEndListsLayout
    | BoxesAndScoresLayout
    | HeadMapsLayout
)
AnyLayout: TypeAlias = Annotated[
    AnyDetectionLayout | ClassScoresLayout | ClassMapsLayout, Field(discriminator="name")
]
"""A layout as a field of a pydantic model, told apart by its `name`."""

_ORDER: Final[tuple[type[Layout], ...]] = (
    EndToEndRowsLayout,
    HeadMapsLayout,
    GflLayout,
    YoloxLayout,
    YoloAnchorsLayout,
    YoloLayout,
    EndToEndListsLayout,
    BoxesAndScoresLayout,
    ClassScoresLayout,
    ClassMapsLayout,
)
"""Most particular first: the first that fits is taken."""
_ADAPTER: Final[TypeAdapter[AnyLayout]] = TypeAdapter(AnyLayout)


def layout_names() -> tuple[str, ...]:
    """Return the names that `recognise` takes."""
    return tuple(str(layout.model_fields["name"].default) for layout in _ORDER)


def recognise(probe: Probe, name: str | None = None) -> AnyLayout:
    """Return the layout of a probed model, or of the family `name`; raise ModelError if none fits."""
    if name is not None and name not in layout_names():
        raise ModelError(f"there is no layout {name!r}; known ones are {', '.join(layout_names())}")
    if any(not np.isfinite(o).all() for o in probe.outputs if o.dtype.kind == "f" and o.ndim < 3):
        raise ModelError("the model's outputs are not finite numbers; check its export")
    for layout in _ORDER:
        if name in (None, layout.model_fields["name"].default) and (found := layout.recognise(probe)):
            return _ADAPTER.validate_python(found)
    shapes = ", ".join(f"{n} {tuple(o.shape)}" for n, o in zip(probe.names, probe.outputs, strict=True))
    raise ModelError(
        f"the outputs {shapes} have no layout that is known here"
        f"{f' as {name}' if name else ''}; known ones are {', '.join(layout_names())}"
    )
