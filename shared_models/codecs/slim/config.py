"""What a `slim` model is made of. Free of torch: the run-time half reads it too."""

from dataclasses import dataclass

WIDTH_NAMES = ("0.25", "0.5", "0.75", "1.0")
QUALITY_MAX = 100
QUALITY_DEFAULT = 50


@dataclass(frozen=True, slots=True)
class SlimConfig:
    """The shape of a `slim` model.

    `encoder_channels` holds, narrowest width first, the channels at strides 4, 8 and 16; a width's name
    is about its share of the widest encoder's multiplications.
    """

    latent_channels: int = 64
    stride: int = 16
    encoder_channels: tuple[tuple[int, int, int], ...] = (
        (64, 96, 128),
        (88, 128, 192),
        (112, 160, 256),
        (128, 192, 320),
    )
    width_names: tuple[str, ...] = WIDTH_NAMES
    quality_anchors: tuple[int, ...] = (0, 20, 40, 60, 80, 100)
    preview_channels: int = 128

    @property
    def widths(self) -> int:
        """How many widths there are."""
        return len(self.encoder_channels)

    @property
    def widest(self) -> int:
        """Index of the widest width."""
        return len(self.encoder_channels) - 1
