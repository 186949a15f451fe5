"""Every operator that can be run in torch, by its name in ONNX."""

from collections.abc import Mapping
from typing import Final

from shared_models.bridges.operators.convolution import CONVOLUTION
from shared_models.bridges.operators.elementwise import ELEMENTWISE
from shared_models.bridges.operators.node import Builder
from shared_models.bridges.operators.normalisation import NORMALISATION
from shared_models.bridges.operators.pooling import POOLING
from shared_models.bridges.operators.quantised import QUANTISED
from shared_models.bridges.operators.reduction import REDUCTION
from shared_models.bridges.operators.resizing import RESIZING
from shared_models.bridges.operators.shapes import SHAPES

BUILDERS: Final[Mapping[str, Builder]] = {
    **CONVOLUTION,
    **ELEMENTWISE,
    **NORMALISATION,
    **POOLING,
    **QUANTISED,
    **REDUCTION,
    **RESIZING,
    **SHAPES,
}
