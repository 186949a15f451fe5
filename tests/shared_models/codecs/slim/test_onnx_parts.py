from pathlib import Path

import pytest
import torch

from shared_models.bridges.latent_classifier import LatentClassifierNetwork
from shared_models.codecs.slim.config import SlimConfig
from shared_models.codecs.slim.enhancement import SlimEnhancement
from shared_models.codecs.slim.enhancement_config import EnhancementConfig
from shared_models.codecs.slim.onnx_parts import (
    OnnxPart,
    classifier_part,
    enhancement_encoder_part,
    export_part,
    full_part,
    preview_part,
    verify_part,
)
from shared_models.codecs.slim.preview import DeepPreviewDecoder
from shared_models.codecs.slim.transforms import PreviewDecoder
from shared_models.errors import ModelError

SMALL = EnhancementConfig(context_hidden=16, refine_hidden=8, refine_blocks=1)


def shaken(module: torch.nn.Module) -> torch.nn.Module:
    """Move every weight, so that nets which start as zeros take part."""
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in module.parameters():
            weight.add_(0.02 * torch.randn_like(weight))
    return module.eval()


def parts() -> list[OnnxPart]:
    enhancement = SlimEnhancement(SMALL)
    shaken(enhancement)
    preview = DeepPreviewDecoder(
        SlimConfig(preview_channels=16), PreviewDecoder(SlimConfig(preview_channels=16))
    )
    classifier = LatentClassifierNetwork()
    shaken(classifier)
    return [
        enhancement_encoder_part(enhancement),
        full_part(enhancement),
        preview_part(shaken(preview)),
        classifier_part(classifier),
    ]


@pytest.mark.parametrize("part", parts(), ids=lambda part: part.name)
def test_an_exported_part_computes_what_its_module_does_at_any_size(part: OnnxPart, tmp_path: Path) -> None:
    path = export_part(part, tmp_path)
    assert path.name == f"{part.name}.onnx"
    verify_part(part, path.read_bytes())


def test_a_part_that_computes_something_else_is_refused(tmp_path: Path) -> None:
    part = enhancement_encoder_part(SlimEnhancement(SMALL))
    graph = export_part(part, tmp_path).read_bytes()
    other = OnnxPart("enh_encoder", torch.nn.Conv2d(3, 192, 8, stride=8), part.inputs, part.output)
    with pytest.raises(ModelError, match="enh_encoder differs"):
        verify_part(other, graph)
