"""The frozen classifier that teaches: a MobileNetV2 with ImageNet's classes, through ONNX Runtime."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from shared_models.bridges.mobilenet import MobilenetCut
from shared_models.errors import ModelError
from shared_models.frames import Pixels

TEACHER_SIDE: Final = 224
SHORT_SIDE: Final = 256  # what a whole picture is brought to before its centre is cut out
BACKGROUND: Final = 1  # the teacher's first class is none of ImageNet's

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Lesson:
    """What the teacher makes of one view: maps after blocks 13, 16, 17 and 18, logits without background."""

    at_16: Array  # (96, 14, 14)
    at_32: Array  # (160, 7, 7)
    last: Array  # (320, 7, 7)
    wide: Array  # (1280, 7, 7), in [0, 6]; the classes follow from its means
    logits: Array  # (1000,)


LESSON_SHAPES: Final = {
    "at_16": (96, 14, 14),
    "at_32": (160, 7, 7),
    "last": (320, 7, 7),
    "wide": (1280, 7, 7),
    "logits": (1000,),
}


class ClassifierTeacher:
    """Views in, lessons out."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        """Load the ONNX file; raise ModelError if it is not built as a MobileNetV2 is."""
        try:
            model = onnx.load(path)
        except OSError as error:
            raise ModelError(f"{path} cannot be read; give the teacher as an ONNX file") from error
        pools = [node for node in model.graph.node if node.op_type == "GlobalAveragePool"]
        convs = [node for node in model.graph.node if node.op_type == "Conv"]
        cut = MobilenetCut()
        known = {name for node in model.graph.node for name in node.output}
        if len(pools) != 1 or not {cut.at_16, cut.at_32} <= known:
            raise ModelError(f"{path} lacks the blocks of a MobileNetV2 or its pooling; give one as ONNX")
        # The last map is what the last but one reads, the convolution to 1,280 channels.
        watched = [cut.at_16, cut.at_32, convs[-2].input[0], pools[0].input[0]]
        model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in watched)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self.input, self.names = model.graph.input[0].name, [*watched, model.graph.output[0].name]
        lesson = self.teach(np.zeros((TEACHER_SIDE, TEACHER_SIDE, 3), np.uint8))
        shapes = {name: getattr(lesson, name).shape for name in LESSON_SHAPES}
        if shapes != LESSON_SHAPES:
            raise ModelError(f"{path} has maps of {shapes}; a MobileNetV2 of width 1 has {LESSON_SHAPES}")

    def teach(self, view: Pixels) -> Lesson:
        """Look at one view (224, 224, 3) uint8 RGB."""
        x = np.ascontiguousarray(view.transpose(2, 0, 1)[None], dtype=np.float32)
        *maps, logits = self.session.run(self.names, {self.input: x})
        at_16, at_32, last, wide = (m[0] for m in maps)
        return Lesson(at_16, at_32, last, wide, logits[0, BACKGROUND:])

    def look_at(self, pixels: Pixels) -> Lesson:
        """Look at a whole picture as classifiers do: short side to 256, the centre's 224."""
        picture = Image.fromarray(pixels)
        scale = SHORT_SIDE / min(picture.size)
        width, height = (round(side * scale) for side in picture.size)
        left, top = (width - TEACHER_SIDE) // 2, (height - TEACHER_SIDE) // 2
        resized = picture.resize((width, height), Image.Resampling.BILINEAR)
        centre = resized.crop((left, top, left + TEACHER_SIDE, top + TEACHER_SIDE))
        return self.teach(np.asarray(centre))
