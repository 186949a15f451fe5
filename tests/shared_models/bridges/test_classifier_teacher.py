from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from shared_models.bridges.classifier_teacher import LESSON_SHAPES, ClassifierTeacher
from shared_models.errors import ModelError
from tests.shared_models.bridges.teachers import LAYERS, write_teacher


def test_a_lesson_holds_maps_and_no_background(tmp_path: Path) -> None:
    teacher = ClassifierTeacher(write_teacher(tmp_path / "teacher.onnx"))
    view = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    lesson = teacher.teach(view)
    assert {name: getattr(lesson, name).shape for name in LESSON_SHAPES} == LESSON_SHAPES


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
    with pytest.raises(ModelError, match="lacks the blocks of a MobileNetV2"):
        ClassifierTeacher(tmp_path / "other.onnx")


def test_a_teacher_of_another_width_is_refused(tmp_path: Path) -> None:
    layers = [(160 if channels == 320 else channels, stride) for channels, stride in LAYERS]
    path = write_teacher(tmp_path / "narrow.onnx", layers)
    with pytest.raises(ModelError, match="a MobileNetV2 of width 1 has"):
        ClassifierTeacher(path)


def test_a_teacher_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="give the teacher as an ONNX file"):
        ClassifierTeacher(tmp_path / "missing.onnx")
