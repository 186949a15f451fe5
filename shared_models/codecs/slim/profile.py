"""What the `slim` family reads from a package's manifest."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from shared_models.codecs.slim.config import QUALITY_DEFAULT, QUALITY_MAX
from shared_models.errors import PackageError
from shared_models.packages.package import ModelPackage

FAMILY = "slim"
Quality = Annotated[float, Field(ge=0, le=QUALITY_MAX)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LayerShape(_Section):
    """Channels and stride of one layer's symbols."""

    channels: Annotated[int, Field(ge=1, le=1024)]
    stride: Annotated[int, Field(ge=8, le=16, multiple_of=8)]


class DecodingConfig(_Section):
    """`config` of the manifest: what decides how bits become latents."""

    base: LayerShape = LayerShape(channels=64, stride=16)
    enhancement: LayerShape | None = LayerShape(channels=192, stride=8)


class RuntimeConfig(_Section):
    """`runtime` of the manifest: what may change and leave every stored frame decodable."""

    widths: Annotated[tuple[Annotated[float, Field(gt=0, le=1)], ...], Field(min_length=1, max_length=8)]
    """Widths of the encoder, narrowest first."""
    width_default: float
    quality_default: Quality = QUALITY_DEFAULT
    enhancement_quality_default: Quality = QUALITY_DEFAULT


class SlimProfile(_Section):
    """Both sections, checked."""

    decoding: DecodingConfig
    runtime: RuntimeConfig

    @classmethod
    def of(cls, package: ModelPackage) -> "SlimProfile":
        """Read the profile of a `slim` package; raise PackageError for another family or a wrong value."""
        manifest = package.manifest
        if manifest.family != FAMILY:
            raise PackageError(
                f"{package.path} is of the family {manifest.family!r} and this build runs {FAMILY!r}"
            )
        sections: dict[str, JsonValue] = {"decoding": manifest.config, "runtime": manifest.runtime}
        try:
            return cls.model_validate(sections)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"]))
            raise PackageError(f"{package.path}: model.json: {key}: {first['msg']}") from None


def encoder_part(width: float) -> str:
    """Return the package's name for the encoder of a width, e.g. `encoder_w025` for 0.25."""
    return f"encoder_w{round(width * 100):03d}"
