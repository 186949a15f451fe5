"""The last recipe: untrained weights are enough to see a whole package come out."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from shared_models.bitstream.limits import Limits
from shared_models.codecs.slim.codec import SlimCodec
from shared_models.entropy.factorised_context import factorised_context
from shared_models.errors import InputError
from shared_models.packages.package import ModelPackage

torch = pytest.importorskip("torch", reason="torch is not installed")


@pytest.fixture(scope="module")
def leftovers(tmp_path_factory: pytest.TempPathFactory, dct_package: ModelPackage) -> Path:
    """What earlier recipes leave: checkpoints, exports, entropy models."""
    from shared_models.codecs.slim.enhancement import SlimEnhancement
    from shared_models.codecs.slim.model import SlimModel

    folder = tmp_path_factory.mktemp("runs")
    torch.manual_seed(0)
    torch.save({"model": SlimModel().state_dict()}, folder / "base.pt")
    torch.save({"enhancement": SlimEnhancement().state_dict()}, folder / "enhancement.pt")
    exports = folder / "export"
    exports.mkdir()
    for part in ("enh_encoder", "full", "preview", "detect", "classify", "imagenet"):
        file = dct_package.manifest.parts[part].file
        (exports / file).write_bytes(dct_package.read(part))
    for name, channels in (("base_context", 64), ("enh_context", 192)):
        stored = factorised_context(name, np.ones((101, channels)))
        (folder / name).mkdir()
        save_file(stored.tables, folder / name / "tables.safetensors")
        save_file(stored.known_answers, folder / name / "known_answers.safetensors")
    return folder


def assemble(leftovers: Path, output: Path) -> None:
    from shared_models.training.recipes import slim_package

    slim_package.assemble(
        base=leftovers / "base.pt",
        enhancement=leftovers / "enhancement.pt",
        exports=leftovers / "export",
        context=[leftovers / "base_context", leftovers / "enh_context"],
        output=output,
        quality=57.0,
        dead_zone=0.1,
    )


@pytest.fixture(scope="module")
def assembled(leftovers: Path) -> Path:
    assemble(leftovers, leftovers / "slim")
    return leftovers / "slim"


def test_a_package_comes_out_that_codes_and_decodes(assembled: Path) -> None:
    package = ModelPackage.open(assembled)
    package.verify()
    codec = SlimCodec.load(package)
    assert codec.profile.runtime.quality_default == 57
    pixels = np.random.default_rng(0).integers(0, 256, (40, 56, 3), np.uint8)
    for width in codec.widths:
        base = codec.encode_base(pixels, quality=57, width=width)
        assert np.array_equal(codec.decode_base(base.packet, Limits()), base.symbols)


def test_the_same_leftovers_make_the_same_package(leftovers: Path, assembled: Path, tmp_path: Path) -> None:
    assemble(leftovers, tmp_path)
    assert (tmp_path / "model.json").read_bytes() == (assembled / "model.json").read_bytes()


def test_what_an_earlier_recipe_did_not_leave_is_named(leftovers: Path, tmp_path: Path) -> None:
    hidden = (leftovers / "export" / "detect.onnx").rename(leftovers / "export" / "hidden.onnx")
    try:
        with pytest.raises(InputError, match=r"detect\.onnx cannot be read"):
            assemble(leftovers, tmp_path / "slim")
    finally:
        hidden.rename(leftovers / "export" / "detect.onnx")
