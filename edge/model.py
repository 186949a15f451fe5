"""The model that an agent codes with, and how each camera's frames are coded by it."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import structlog

from edge.config import AgentConfig
from edge.config_camera import CameraConfig
from edge.encoder import CodingChoice
from edge.memory import let_go_of_compiler
from shared_models.codecs.backend import PROVIDERS, BackendOptions
from shared_models.codecs.slim.codec import SlimCodec
from shared_models.codecs.slim.profile import RuntimeConfig, encoder_part
from shared_models.errors import ConfigError
from shared_models.packages.registry import open_package

_WARM_UP_PX: Final = 64

log = structlog.get_logger(part="edge.model")


def load_codec(config: AgentConfig) -> SlimCodec:
    """Load what every frame needs of the model; raise ConfigError or ModelError."""
    package = open_package(config.encoder.package)
    backend = BackendOptions(providers=config.encoder.providers, threads=config.encoder.threads)
    codec = SlimCodec(package, backend)
    runtime = codec.profile.runtime
    widths = {coding_choice(camera, runtime).width for camera in config.cameras.values()}
    for name, camera in config.cameras.items():
        width = coding_choice(camera, runtime).width
        if width not in runtime.widths:
            known = ", ".join(f"{w:g}" for w in runtime.widths)
            raise ConfigError(
                f"cameras.{name}.width is {width:g}; choose one that {package.name} has, {known}"
            )
    codec = SlimCodec.load(package, parts=["base", *map(encoder_part, sorted(widths))], backend=backend)
    warm_up(codec, sorted(widths))
    let_go_of_compiler()
    for refused in codec.refused:
        log.warning("backend_refused", reason=str(refused))
    wanted = PROVIDERS.get(config.encoder.providers[0].lower(), config.encoder.providers[0])
    if wanted not in codec.providers:
        log.warning("backend_refused", reason=f"{wanted} is not to be had here", used=codec.providers)
    return codec


def warm_up(codec: SlimCodec, widths: Sequence[float]) -> None:
    """Code a picture at each width: what is compiled or loaded on first use costs no camera its first frames.

    Raises InputError or ModelError: a model that cannot code is found before cameras are opened.
    """
    side = max(codec.package.manifest.limits.side_px_min, _WARM_UP_PX)
    black = np.zeros((side, side, 3), np.uint8)
    for width in widths:
        codec.encode_base(black, quality=codec.profile.runtime.quality_default, width=width)


def coding_choice(camera: CameraConfig, runtime: RuntimeConfig) -> CodingChoice:
    """Return the camera's own quality and width, or else the model's."""
    return CodingChoice(
        quality=runtime.quality_default if camera.quality is None else camera.quality,
        width=runtime.width_default if camera.width is None else camera.width,
        enhancement_quality=runtime.enhancement_quality_default,
    )
