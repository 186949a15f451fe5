"""The codec of a package with encoders that are not the package's."""

from collections.abc import Mapping

from shared_models.codecs.backend import BackendOptions, Network
from shared_models.codecs.slim.codec import SlimCodec
from shared_models.packages.package import ModelPackage


class ReencodedCodec(SlimCodec):
    """A package's codec with other encoders: they choose the symbols, and any symbols decode."""

    def __init__(self, package: ModelPackage, backend: BackendOptions, encoders: Mapping[str, bytes]) -> None:
        """Take ONNX files by the package's names of its encoders; raise ModelError."""
        super().__init__(package, backend)
        self._encoders = {part: Network(model, part, backend) for part, model in encoders.items()}

    def network(self, part: str) -> Network:
        """Return an encoder that was given, or else the package's network."""
        return self._encoders[part] if part in self._encoders else super().network(part)
