"""A picture from the base latents alone: nothing is fetched."""

from collections.abc import Sequence

from cloud.paths.path import DecodedFrame, Findings, LoadedModel, model_name


class PreviewPath:
    """The package's preview decoder."""

    name = "preview"
    needs_enhancement = False
    makes_pictures = True

    def __init__(self, model: LoadedModel) -> None:
        """Take the model's decoder."""
        self.model = model_name(model, "preview")
        self._decoder = model.decoder

    def run(self, batch: Sequence[DecodedFrame]) -> Sequence[Findings]:
        """Make one picture of each frame."""
        return [Findings(picture=self._decoder.preview(frame.latents, *frame.size)) for frame in batch]
