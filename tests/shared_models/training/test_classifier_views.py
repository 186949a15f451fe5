from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from shared_models.bridges.classifier_teacher import ClassifierTeacher
from shared_models.codecs.slim.model import SlimModel
from shared_models.errors import ModelError
from shared_models.training.classifier_views import (
    PUPIL_SIDE,
    build_views,
    cut,
    draw_views,
    latents_of,
    open_views,
)
from shared_models.training.picture_cache import PictureCache, build_cache

STAGES = ((320, 32), (1280, 1), (1001, 1))  # channels and stride of the last three convolutions


def write_teacher(path: Path) -> Path:
    """Write a network that ends as a MobileNetV2 does, with random weights."""
    random = np.random.default_rng(0)
    nodes, weights, name, channels = [], [], "image", 3
    for i, (wider, stride) in enumerate(STAGES):
        if i == len(STAGES) - 1:
            nodes.append(helper.make_node("GlobalAveragePool", [name], ["pooled"]))
            name = "pooled"
        weight = random.normal(0, 0.01, (wider, channels, 1, 1)).astype(np.float32)
        weights.append(numpy_helper.from_array(weight, f"weight{i}"))
        nodes.append(helper.make_node("Conv", [name, f"weight{i}"], [f"conv{i}"], strides=[stride, stride]))
        name, channels = f"conv{i}", wider
    nodes.append(helper.make_node("Flatten", [name], ["logits"]))
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 224, 224])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 1001])
    graph = helper.make_graph(nodes, "teacher", [image], [logits], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> PictureCache:
    random = np.random.default_rng(1)
    for i, (height, width) in enumerate(((90, 120), (130, 100))):
        noise = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / f"{i}.png")
    return build_cache(sorted(tmp_path.glob("*.png")), tmp_path / "cache")


def test_views_lie_within_their_pictures_and_come_again_from_the_same_seed(pictures: PictureCache) -> None:
    views = draw_views(pictures, [0, 1], 20, seed=3)
    assert sorted(views["picture"].tolist()) == [0] * 20 + [1] * 20
    for view in views:
        height, width = pictures[view["picture"]].shape[:2]
        assert 0.5 * min(height, width) < view["side"] <= min(height, width)
        assert 0 <= view["top"] <= height - view["side"]
        assert 0 <= view["left"] <= width - view["side"]
    np.testing.assert_array_equal(views, draw_views(pictures, [0, 1], 20, seed=3))


def test_a_mirrored_view_is_the_mirror_image(pictures: PictureCache) -> None:
    view = draw_views(pictures, [0], 1, seed=0)[0]
    view["mirrored"] = False
    plain = cut(pictures, view, 64)
    view["mirrored"] = True
    np.testing.assert_array_equal(cut(pictures, view, 64), plain[:, ::-1])


def test_lessons_and_latents_belong_to_their_views(pictures: PictureCache, tmp_path: Path) -> None:
    teacher = ClassifierTeacher(write_teacher(tmp_path / "teacher.onnx"))
    drawn = draw_views(pictures, [0, 1], 2, seed=5)
    build_views(pictures, drawn, teacher, tmp_path / "views")
    views = open_views(tmp_path / "views")
    lesson = views.lesson(np.array([3]))
    expected = teacher.teach(cut(pictures, drawn[3], 224))
    np.testing.assert_allclose(lesson.logits, expected.logits, atol=2e-2)
    assert lesson.maps.shape == (1, 320, 7, 7)
    latents = latents_of(pictures, views, SlimModel().eval(), "test")
    assert latents.shape == (4, 64, PUPIL_SIDE // 16, PUPIL_SIDE // 16)


def test_a_whole_picture_is_looked_at_in_its_centre(tmp_path: Path) -> None:
    teacher = ClassifierTeacher(write_teacher(tmp_path / "teacher.onnx"))
    pixels = np.zeros((256, 512, 3), np.uint8)
    pixels[16:240, 144:368] = 200
    centre = teacher.teach(pixels[16:240, 144:368])
    np.testing.assert_allclose(teacher.look_at(pixels).logits, centre.logits, rtol=1e-4, atol=1e-4)


def test_a_teacher_that_ends_otherwise_is_refused(tmp_path: Path) -> None:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    other = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "other", [value], [other])
    onnx.save(helper.make_model(graph), tmp_path / "other.onnx")
    with pytest.raises(ModelError, match="MobileNetV2 is needed"):
        ClassifierTeacher(tmp_path / "other.onnx")
