"""The `slim` codec at run time: pixels to packets, packets to symbols, latents and pictures."""

import threading
from collections.abc import Iterable, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shared_models.bitstream.checksum import symbols_crc32c
from shared_models.bitstream.limits import Limits
from shared_models.bitstream.packet import Packet, PacketKind, Reference, quality_code_of
from shared_models.codecs.backend import BackendOptions, Network
from shared_models.codecs.codec import CodedLayer, Latents, Symbols
from shared_models.codecs.pictures import check_pixels, to_tensor
from shared_models.codecs.slim.layer import Layer, LayerName
from shared_models.codecs.slim.profile import SlimProfile, encoder_part
from shared_models.codecs.tiles import FULL_TILING, PREVIEW_TILING, run_decoder
from shared_models.entropy.context_coding import Condition
from shared_models.errors import BackendError, InputError, MissingReferenceError, UnsupportedError
from shared_models.frames import Pixels
from shared_models.packages.package import ModelPackage


class SlimCodec:
    """Encoder and decoder from one model package. Safe to call from several threads.

    Networks and tables are read when they are first needed: an edge agent never loads a decoder.
    """

    def __init__(self, package: ModelPackage, backend: BackendOptions) -> None:
        """Take an open package; nothing but its manifest is read yet. Raises PackageError."""
        self.package = package
        self.profile = SlimProfile.of(package)
        self.backend = backend
        self._networks: dict[str, Network] = {}
        self._layers: dict[LayerName, Layer] = {}
        self._loading = threading.RLock()

    @classmethod
    def load(
        cls, package: ModelPackage, *, parts: Iterable[str] = (), backend: BackendOptions | None = None
    ) -> Self:
        """Make a codec and load `parts` at once, so that what is missing fails now; raise ModelError.

        Parts are the package's names of networks, such as `encoder_w025` or `preview`, and the layers
        `base` and `enhancement` with their entropy models.
        """
        codec = cls(package, backend or BackendOptions())
        for part in parts:
            if part in set(LayerName):
                codec._layer(LayerName(part))
            else:
                codec.network(part)
        return codec

    def beside(self) -> "SlimCodec":
        """Return a codec of the same package that shares what is loaded here and keeps its own additions.

        Whoever needs more networks for a moment lets go of them with it.
        """
        with self._loading:
            other = SlimCodec(self.package, self.backend)
            other._networks.update(self._networks)
            other._layers.update(self._layers)
        return other

    @property
    def fingerprint(self) -> bytes:
        """First 8 bytes of SHA-256 over everything that affects decoding."""
        return self.package.fingerprint

    @property
    def widths(self) -> tuple[float, ...]:
        """Widths of the encoder, narrowest first."""
        return self.profile.runtime.widths

    @property
    def providers(self) -> tuple[str, ...]:
        """The execution providers that the networks loaded so far really run on."""
        return tuple(sorted({network.provider for network in self._networks.values()}))

    @property
    def refused(self) -> tuple[BackendError, ...]:
        """Backends that missed a known answer of an entropy model; another one, just as exact, is in use."""
        return tuple(error for layer in self._layers.values() for error in layer.refused)

    def network(self, part: str) -> Network:
        """Return a network of the package, loaded once; raise ModelError."""
        with self._loading:
            if part not in self._networks:
                self._networks[part] = Network(self.package.read(part), part, self.backend)
            return self._networks[part]

    def load_layers(self) -> None:
        """Load every layer that the package has, known answers included; raise ModelError."""
        self._layer(LayerName.BASE)
        if self.profile.decoding.enhancement is not None:
            self._layer(LayerName.ENHANCEMENT)

    def encode_base(self, pixels: Pixels, *, quality: float, width: float) -> CodedLayer:
        """Code the base layer of (H, W, 3) uint8 RGB; raise InputError for what the model does not take."""
        quality_code = _quality_code(quality)
        if width not in self.widths:
            raise InputError(f"there is no width {width:g}; the model has {', '.join(map(str, self.widths))}")
        (y,) = self.network(encoder_part(width)).run(self._tensor(pixels))
        payload, symbols = self._layer(LayerName.BASE).encode(y, None, quality_code)
        packet = Packet(
            kind=PacketKind.BASE_INTRA,
            fingerprint=self.fingerprint,
            frame_width=pixels.shape[1],
            frame_height=pixels.shape[0],
            quality_code=quality_code,
            width_id=self.widths.index(width),
            reference=None,
            symbols_crc32c=symbols_crc32c(symbols),
            parts=(payload,),
        )
        return CodedLayer(packet, symbols)

    def encode_enhancement(
        self, pixels: Pixels, base: CodedLayer, *, quality: float, seq: int = 0
    ) -> CodedLayer:
        """Code what full reconstruction needs on top of exactly these base symbols, those of frame `seq`."""
        if (base.packet.frame_height, base.packet.frame_width) != pixels.shape[:2]:
            raise InputError(
                f"the base is of {base.packet.frame_width}×{base.packet.frame_height} pixels and the picture "
                f"has {pixels.shape[1]}×{pixels.shape[0]}"
            )
        quality_code = _quality_code(quality)
        (e,) = self.network("enh_encoder").run(self._tensor(pixels))
        payload, symbols = self._layer(LayerName.ENHANCEMENT).encode(e, _condition(base), quality_code)
        packet = Packet(
            kind=PacketKind.ENHANCEMENT,
            fingerprint=self.fingerprint,
            frame_width=pixels.shape[1],
            frame_height=pixels.shape[0],
            quality_code=quality_code,
            width_id=base.packet.width_id,
            reference=Reference(seq, base.packet.symbols_crc32c),
            symbols_crc32c=symbols_crc32c(symbols),
            parts=(payload,),
        )
        return CodedLayer(packet, symbols)

    def decode_base(self, packet: Packet, limits: Limits) -> Symbols:
        """Give the base symbols (C, h, w) of an intra packet; raise BitstreamError."""
        self._check(packet, PacketKind.BASE_INTRA)
        return self._layer(LayerName.BASE).decode(packet, None, limits)

    def decode_enhancement(self, packet: Packet, base: CodedLayer, limits: Limits) -> Symbols:
        """Give the enhancement symbols, which lean on the base of the same frame; raise BitstreamError."""
        self._check(packet, PacketKind.ENHANCEMENT)
        leans_on = packet.reference.symbols_crc32c if packet.reference else None
        if leans_on != base.packet.symbols_crc32c or packet.format != base.packet.format:
            raise MissingReferenceError("the enhancement leans on another base than the one at hand")
        return self._layer(LayerName.ENHANCEMENT).decode(packet, _condition(base), limits)

    def latents(self, symbols: Symbols, quality_code: int) -> Latents:
        """(C, h, w) symbols of any quality -> (1, C, h, w) latents in the one latent space."""
        return self._layer(LayerName.BASE).quantiser.latents(symbols, quality_code)

    def coded_latents(self, pixels: Pixels, *, quality: float, width: float) -> Latents:
        """(H, W, 3) uint8 RGB -> (1, C, h, w): what `encode_base` and decoding give, without the bytes."""
        (latents,) = self.coded_latents_at([quality], pixels, width=width)
        return latents

    def coded_latents_at(self, qualities: Sequence[float], pixels: Pixels, *, width: float) -> list[Latents]:
        """As `coded_latents`, for several qualities: the encoder, which does not depend on it, runs once."""
        codes = [_quality_code(quality) for quality in qualities]
        quantiser = self._layer(LayerName.BASE).quantiser
        (y,) = self.network(encoder_part(width)).run(self._tensor(pixels))
        return [quantiser.latents(quantiser.symbols(y, code), code) for code in codes]

    def preview(self, latents: Latents, frame_width: int, frame_height: int) -> Pixels:
        """Make a picture from the base latents alone."""
        return run_decoder(self.network("preview"), [latents], [], frame_width, frame_height, PREVIEW_TILING)

    def reconstruct(self, base: CodedLayer, enhancement: CodedLayer) -> Pixels:
        """Make the full picture from base and enhancement."""
        y_hat = self.latents(base.symbols, base.packet.quality_code)
        quantiser = self._layer(LayerName.ENHANCEMENT).quantiser
        quality_code = enhancement.packet.quality_code
        e_hat = quantiser.latents(enhancement.symbols, quality_code)
        gain = quantiser.gain(quality_code).reshape(1, -1)  # (1, C): how coarse each channel is
        width, height = base.packet.frame_width, base.packet.frame_height
        return run_decoder(self.network("full"), [y_hat, e_hat], [gain], width, height, FULL_TILING)

    def _tensor(self, pixels: Pixels) -> NDArray[np.float32]:
        limits = self.package.manifest.limits
        check_pixels(pixels, limits.side_px_min, limits.side_px_max)
        return to_tensor(pixels, self.profile.decoding.base.stride)

    def _check(self, packet: Packet, kind: PacketKind) -> None:
        if packet.kind is not kind:
            raise UnsupportedError(f"a {kind.name} packet is needed here and this is {packet.kind.name}")
        if packet.fingerprint != self.fingerprint:
            raise UnsupportedError(
                f"the packet was coded with the model {packet.fingerprint.hex()} and {self.package.name} "
                f"is {self.fingerprint.hex()}"
            )

    def _layer(self, name: LayerName) -> Layer:
        with self._loading:
            if name not in self._layers:
                self._layers[name] = Layer.load(self.package, self.profile, name, self.backend)
            return self._layers[name]


def _condition(base: CodedLayer) -> Condition:
    return Condition(base.symbols, base.packet.quality_code)


def _quality_code(quality: float) -> int:
    try:
        return quality_code_of(quality)
    except ValueError:
        raise InputError(f"there is no quality {quality:g}; it runs from 0 (least) to 100 (best)") from None
