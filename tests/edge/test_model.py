"""The model that an agent codes with: found, fit for the cameras, and ready before they open."""

from typing import Any

import pytest

from edge.config import AgentConfig
from edge.model import load_codec
from shared_models.codecs.slim.codec import SlimCodec
from shared_models.errors import ConfigError
from shared_models.packages.package import ModelPackage


def configured(package: ModelPackage, *widths: float) -> AgentConfig:
    cameras = {f"cam{i}": {"source": {"kind": "v4l2"}, "width": width} for i, width in enumerate(widths)}
    return AgentConfig.model_validate({"encoder": {"package": str(package.path)}, "cameras": cameras})


def test_every_width_has_coded_a_picture_before_a_camera_opens(
    dct_package: ModelPackage, monkeypatch: pytest.MonkeyPatch
) -> None:
    coded: list[float] = []
    encode = SlimCodec.encode_base

    def noted(codec: SlimCodec, *arguments: Any, width: float, **keywords: Any) -> Any:
        coded.append(width)
        return encode(codec, *arguments, width=width, **keywords)

    monkeypatch.setattr(SlimCodec, "encode_base", noted)
    load_codec(configured(dct_package, 1.0, 0.25, 1.0))
    assert coded == [0.25, 1.0]


def test_a_width_that_the_model_does_not_have_names_the_camera(dct_package: ModelPackage) -> None:
    with pytest.raises(ConfigError, match=r"cameras\.cam1\.width is 0\.3; choose one that dct has, 0\.25"):
        load_codec(configured(dct_package, 1.0, 0.3))
