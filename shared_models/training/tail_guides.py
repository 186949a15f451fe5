"""What the maps of a classifier's tail are compared with while it learns."""

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor, nn

from shared_models.bridges.classifier_teacher import LESSON_SHAPES
from shared_models.bridges.latent_classifier import TailMaps
from shared_models.training.guidance import channel_variances

MAPS: Final = ("at_32", "last", "wide")


class TailGuides(nn.Module):
    """Measures every cell of a tail's maps against the teacher's.

    Pictures are few: a tail that is taught classes alone learns the pictures by heart.
    """

    def __init__(self, channels: int) -> None:
        """Take the channels of the tail's map half way, which the teacher's is read out of."""
        super().__init__()
        self.at_32 = nn.Conv2d(channels, LESSON_SHAPES["at_32"][0], 1)
        for name in MAPS:
            self.register_buffer(f"{name}_variance", torch.ones(LESSON_SHAPES[name][0]))

    @torch.no_grad()
    def calibrate(self, lesson: Mapping[str, Tensor]) -> None:
        """Measure the variance of each channel on some of the teacher's maps."""
        for name, variance in channel_variances({name: lesson[name] for name in MAPS}).items():
            self.get_buffer(f"{name}_variance").copy_(variance)

    def errors(self, maps: TailMaps, lesson: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the mean squared error of each map of the lesson (B, C, h, w), relative to its variances."""
        own = {"at_32": self.at_32(maps.middle), "last": maps.last, "wide": maps.wide}
        errors = {}
        for name in lesson:
            squares = (own[name].float() - lesson[name]).square().mean(dim=(0, 2, 3))
            errors[name] = (squares / self.get_buffer(f"{name}_variance")).mean()
        return errors
