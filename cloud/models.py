"""The models that are decoded here, by the fingerprint that streams name them with."""

from collections.abc import Iterable, Mapping, Sequence

from cloud.paths.catalogue import NO_BRIDGES, path_factory
from cloud.paths.path import DecodedFrame, LoadedModel, Path
from shared_models.bitstream.limits import Limits
from shared_models.bitstream.packet import Packet
from shared_models.codecs.backend import BackendOptions
from shared_models.codecs.codec import CodedLayer
from shared_models.codecs.slim.codec import SlimCodec
from shared_models.errors import UnsupportedError
from shared_models.packages.registry import open_package


class Models:
    """Decoders and paths of the configured packages. Safe to use from several threads."""

    def __init__(
        self,
        loaded: Iterable[LoadedModel],
        paths: Sequence[str],
        limits: Limits,
        bridges: Mapping[str, str] = NO_BRIDGES,
    ) -> None:
        """Make every one of `paths` for every model; raise ConfigError, InputError or ModelError.

        `bridges` are directories or ready-made names by the path that runs them.
        """
        self._loaded: Mapping[bytes, LoadedModel] = {model.package.fingerprint: model for model in loaded}
        self._limits = limits
        self._paths = {
            fingerprint: {name: path_factory(name, bridges)(model) for name in paths}
            for fingerprint, model in self._loaded.items()
        }

    @classmethod
    def load(
        cls,
        packages: Sequence[str],
        paths: Sequence[str],
        backend: BackendOptions,
        limits: Limits,
        bridges: Mapping[str, str] = NO_BRIDGES,
    ) -> "Models":
        """Open packages by name or path; raise PackageError, ModelError, InputError or ConfigError."""
        opened = [open_package(package) for package in packages]
        loaded = [
            LoadedModel(package, SlimCodec.load(package, backend=backend), backend) for package in opened
        ]
        return cls(loaded, paths, limits, bridges)

    @property
    def fingerprints(self) -> tuple[bytes, ...]:
        """What can be decoded here."""
        return tuple(self._loaded)

    def path(self, fingerprint: bytes, name: str) -> Path:
        """Return a path of a model; raise UnsupportedError for a model that is not loaded."""
        if fingerprint not in self._paths:
            raise UnsupportedError(
                f"no model with fingerprint {fingerprint.hex()} is loaded here; "
                "add its package to the configuration"
            )
        return self._paths[fingerprint][name]

    def decode(self, packet: Packet) -> DecodedFrame:
        """Decode a base packet to symbols and latents; raise BitstreamError."""
        decoder = self._model(packet.fingerprint).decoder
        symbols = decoder.decode_base(packet, self._limits)
        return DecodedFrame(CodedLayer(packet, symbols), decoder.latents(symbols, packet.quality_code))

    def enhance(self, frame: DecodedFrame, packet: Packet) -> DecodedFrame:
        """Add the enhancement layer to a decoded frame; raise BitstreamError."""
        decoder = self._model(packet.fingerprint).decoder
        symbols = decoder.decode_enhancement(packet, frame.base, self._limits)
        return DecodedFrame(frame.base, frame.latents, CodedLayer(packet, symbols))

    def _model(self, fingerprint: bytes) -> LoadedModel:
        if fingerprint not in self._loaded:
            raise UnsupportedError(f"no model with fingerprint {fingerprint.hex()} is loaded here")
        return self._loaded[fingerprint]
