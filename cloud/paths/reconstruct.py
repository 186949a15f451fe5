"""A picture from base and enhancement: as good as the edge's copy allows."""

from collections.abc import Sequence

from cloud.paths.path import DecodedFrame, Findings, LoadedModel, model_name
from shared_models.errors import MissingReferenceError
from shared_models.frames import Pixels


class ReconstructPath:
    """The package's full decoder."""

    name = "reconstruct"
    needs_enhancement = True
    makes_pictures = True

    def __init__(self, model: LoadedModel) -> None:
        """Take the model's decoder."""
        self.model = model_name(model, "full")
        self._decoder = model.decoder

    def run(self, batch: Sequence[DecodedFrame]) -> Sequence[Findings]:
        """Make one picture of each frame; raise MissingReferenceError for one without its enhancement."""
        return [Findings(picture=self._picture(frame)) for frame in batch]

    def _picture(self, frame: DecodedFrame) -> Pixels:
        if frame.enhancement is None:
            raise MissingReferenceError("a full picture needs the enhancement layer, and none was given")
        return self._decoder.reconstruct(frame.base, frame.enhancement)
