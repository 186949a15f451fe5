"""What the enhancement layer of `slim` is made of. Free of torch: the run-time half reads it too."""

from dataclasses import dataclass

ENHANCEMENT_STRIDE = 8
ENHANCEMENT_CHANNELS = 192  # frequency k of plane p is channel 3k + p: see layers/block_dct.py
ENHANCEMENT_QUALITY_DEFAULT = 50


@dataclass(frozen=True, slots=True)
class EnhancementConfig:
    """The shape of an enhancement layer.

    `step_coarsest` and `step_finest` are what a coefficient is rounded to a multiple of, at quality 0 and
    100, in grey levels of 255; between them the step is geometric. `dead_zone` widens the zero bin: every
    coefficient but a block's mean rounds towards zero by so much of a step. It pays because most
    coefficients cost more than they tell.
    """

    latent_channels: int = 64
    step_coarsest: float = 64.0
    step_finest: float = 9.0
    dead_zone: float = 1 / 6  # H.264's reference encoder, intra blocks
    context_hidden: int = 64
    refine_hidden: int = 48
    refine_blocks: int = 2
