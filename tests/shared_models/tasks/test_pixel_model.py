"""Somebody's model on pixels: found out, run, and placed back in the picture."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from shared_models.errors import ModelError
from shared_models.frames import Pixels
from shared_models.tasks.input_convention import Channels, Fit, InputConvention
from shared_models.tasks.pixel_model import PixelModel

SIDE = 64


def save(
    path: Path, nodes: list[onnx.NodeProto], output: str, *, free: bool = False, **constants: np.ndarray
) -> Path:
    """A model of one picture input, 64×64 or free."""
    sides: list[int | str] = ["H", "W"] if free else [SIDE, SIDE]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, *sides])
    result = helper.make_tensor_value_info(output, TensorProto.FLOAT, None)
    weights = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "model", [image], [result], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


def colour_classifier(path: Path, *, free: bool = False, sharpness: tuple[float, ...] = (20, 15, 15)) -> Path:
    """Logits: the mean of each plane, times its `sharpness`."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["row"]),
        helper.make_node("Mul", ["row", "sharpness"], ["logits"]),
    ]
    return save(path, nodes, "logits", free=free, sharpness=np.array(sharpness, np.float32))


def shifting_classifier(path: Path, scale: float) -> Path:
    """Logits of (pixel x scale - 1) planes, plus what the classes are by themselves."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["row"]),
        helper.make_node("Mul", ["row", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "shift"], ["logits"]),
    ]
    shift = np.array([-2, 0, 2], np.float32)
    return save(path, nodes, "logits", scale=np.array([3, -2, 4], np.float32) * scale, shift=shift)


def bright_segmenter(path: Path) -> Path:
    """Scores of dark and bright at an eighth of the side."""
    nodes = [
        helper.make_node("AveragePool", ["image"], ["small"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Conv", ["small", "w", "b"], ["maps"]),
    ]
    w = np.array([[-1, -1, -1], [1, 1, 1]], np.float32).reshape(2, 3, 1, 1)
    return save(path, nodes, "maps", w=w, b=np.array([1.5, -1.5], np.float32))


def fixed_detector(path: Path) -> Path:
    """One box of (16, 8) to (32, 24), class 2, whatever the picture, as YOLOv10 gives it."""
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "nothing"], ["zero"]),
        helper.make_node("Add", ["rows", "zero"], ["output0"]),
    ]
    rows = np.zeros((1, 10, 6), np.float32)
    rows[0, 0] = [16, 8, 32, 24, 0.75, 2]
    return save(path, nodes, "output0", rows=rows, nothing=np.zeros((), np.float32))


def plain(colour: tuple[int, int, int], width: int = 80, height: int = 40) -> Pixels:
    return np.full((height, width, 3), colour, np.uint8)


def test_a_classifier_names_its_classes(tmp_path: Path) -> None:
    convention = InputConvention(side=(SIDE, SIDE), std=(255.0,) * 3)
    model = PixelModel.open(colour_classifier(tmp_path / "c.onnx"), convention=convention)
    assert (model.task, model.layout.name) == ("classify", "class-scores")
    red, blue = model.classify([plain((255, 0, 0)), plain((0, 0, 255))], top=2)
    assert [item[0].class_index for item in (red, blue)] == [0, 2]
    assert red[0].label == "class 0"
    assert red[0].score > 0.99


def test_a_trial_on_samples_finds_the_order_and_range_of_numbers(tmp_path: Path) -> None:
    path = colour_classifier(tmp_path / "c.onnx", sharpness=(0.1, 0.01, 0.01))  # sure of red in 0..255
    samples = [plain((250, 10, 20)), plain((200, 0, 0))]
    found = PixelModel.open(path, samples=samples).convention
    assert (found.channels, found.std, found.mean) == (Channels.RGB, (1.0,) * 3, (0.0,) * 3)


@pytest.mark.parametrize(("scale", "is_scaled_inside"), [(1 / 127.5, True), (1.0, False)])
def test_a_classifier_that_scales_pictures_itself_is_known_without_a_sample(
    tmp_path: Path, scale: float, is_scaled_inside: bool
) -> None:
    convention = PixelModel.open(shifting_classifier(tmp_path / "c.onnx", scale)).convention
    is_whole = (convention.mean, convention.std) == ((0.0,) * 3, (1.0,) * 3)
    assert is_whole == is_scaled_inside
    assert convention.channels is Channels.RGB


def test_a_segmenter_gives_classes_at_the_size_of_the_picture(tmp_path: Path) -> None:
    convention = InputConvention(side=(SIDE, SIDE), std=(255.0,) * 3, fit=Fit.STRETCH)
    model = PixelModel.open(bright_segmenter(tmp_path / "s.onnx"), convention=convention)
    picture = plain((0, 0, 0))
    picture[:, 40:] = 255
    (labels,) = model.segment([picture])
    assert labels.shape == (40, 80)
    assert not labels[:, :38].any()
    assert labels[:, 42:].all()


def test_boxes_come_back_in_the_pixels_of_the_picture(tmp_path: Path) -> None:
    path = fixed_detector(tmp_path / "d.onnx")
    convention = InputConvention(side=(SIDE, SIDE), fit=Fit.LETTERBOX_CENTRED)
    model = PixelModel.open(path, convention=convention)
    (found,) = model.detect([plain((9, 9, 9), 128, 64)])  # scaled by a half, 16 rows of padding above
    (box,) = found
    assert (box.x_min, box.y_min, box.x_max, box.y_max) == (32, 0, 64, 16)
    assert (box.label, box.category_id, box.score) == ("car", 3, 0.75)
    assert "end-to-end-rows" in str(model)
    assert "letterbox-centred" in str(model)


def test_a_free_canvas_takes_a_common_side(tmp_path: Path) -> None:
    model = PixelModel.open(colour_classifier(tmp_path / "c.onnx", free=True))
    assert model.convention.side == (224, 224)


def test_what_a_model_cannot_do_is_said(tmp_path: Path) -> None:
    model = PixelModel.open(colour_classifier(tmp_path / "c.onnx"))
    with pytest.raises(ModelError, match=r"c\.onnx does not detect; its task is to classify"):
        model.detect([plain((0, 0, 0))])
    with pytest.raises(ModelError, match="does not segment"):
        model.segment([plain((0, 0, 0))])
    with pytest.raises(ModelError, match="does not classify"):
        PixelModel.open(fixed_detector(tmp_path / "d.onnx")).classify([plain((0, 0, 0))])


def test_a_side_that_the_model_does_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"c\.onnx takes pictures of \(64, 64\) pixels"):
        PixelModel.open(colour_classifier(tmp_path / "c.onnx"), convention=InputConvention(side=(32, 32)))


def test_files_that_are_no_model_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        PixelModel.open(tmp_path / "absent.onnx")
    (tmp_path / "x.onnx").write_bytes(b"not a model")
    with pytest.raises(ModelError, match=r"refuses the network x\.onnx"):
        PixelModel.open(tmp_path / "x.onnx")


CONVENTIONS = {
    "yolox_nano_416": ("yolox", "416×416 BGR 0..255, letterbox"),
    "nanodet_m_416": (
        "gfl",
        "416×416 BGR (x - [103.53, 116.28, 123.675]) / [57.375, 57.12, 58.395], letterbox",
    ),
    "yolov8n_int8_640": ("yolo", "640×640 RGB 0..1, letterbox-centred"),
    "mobilenet_v2_224": ("class-scores", "224×224 RGB 0..255, centre-crop"),
    "deeplab_cityscapes_513": ("class-maps", "513×513 RGB 0..255, stretch"),
}


def pictures(folder: Path, count: int) -> list[Pixels]:
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in {".jpg", ".jpeg", ".webp"})
    return [np.asarray(Image.open(path).convert("RGB")) for path in paths[:count]]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mobilenet_v2_224", "deeplab_cityscapes_513", "deeplab_voc_513"])
def test_a_real_model_that_scales_pictures_itself_is_known_without_a_sample(
    name: str, shared_data: Path
) -> None:
    path = shared_data.parent / "weights" / f"{name}.onnx"
    if not path.exists():
        pytest.skip(f"no model at {path}")
    assert "RGB 0..255" in str(PixelModel.open(path).convention)


@pytest.mark.slow
@pytest.mark.parametrize("name", CONVENTIONS)
def test_the_convention_of_a_real_model_is_found_on_pictures(name: str, shared_data: Path) -> None:
    path = shared_data.parent / "weights" / f"{name}.onnx"
    if not path.exists():
        pytest.skip(f"no model at {path}")
    folder = {"mobilenet_v2_224": "classification", "deeplab_cityscapes_513": "camvid/val"}.get(
        name, "eval-dev"
    )
    model = PixelModel.open(path, samples=pictures(shared_data / folder, 12))
    assert (model.layout.name, str(model.convention)) == CONVENTIONS[name]


@pytest.mark.slow
def test_a_real_classifier_knows_most_pictures(shared_data: Path) -> None:
    path = shared_data.parent / "weights" / "mobilenet_v2_224.onnx"
    convention = InputConvention(side=(224, 224), fit=Fit.CENTRE_CROP)
    model = PixelModel.open(path, convention=convention)
    files = sorted((shared_data / "classification").glob("*.jpg"))
    found = model.classify([np.asarray(Image.open(file).convert("RGB")) for file in files])
    hits = [int(file.name[:3]) == best[0].class_index for file, best in zip(files, found, strict=True)]
    assert np.mean(hits) == pytest.approx(0.84, abs=0.03)
