"""The frozen classifier that teaches: a MobileNetV2 with ImageNet's classes, through ONNX Runtime."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from shared_models.errors import ModelError
from shared_models.frames import Pixels

TEACHER_SIDE: Final = 224
SHORT_SIDE: Final = 256  # what a whole picture is brought to before its centre is cut out
BACKGROUND: Final = 1  # the teacher's first class is none of ImageNet's
LAST_MAP_SHAPE: Final = (320, 7, 7)


@dataclass(frozen=True, slots=True)
class Lesson:
    """What the teacher makes of B views: its last map, mean features, logits without background."""

    last_map: NDArray[np.float32]  # (B, 320, 7, 7)
    features: NDArray[np.float32]  # (B, 1280)
    logits: NDArray[np.float32]  # (B, 1000)


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
        if len(pools) != 1 or len(convs) < 2:
            raise ModelError(f"{path} does not end in one global pooling; a MobileNetV2 is needed")
        # The last map is what the last but one reads, the convolution to 1,280 channels.
        names = [convs[-2].input[0], pools[0].output[0]]
        model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in names)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self.input = model.graph.input[0].name
        self.names = [*names, model.graph.output[0].name]
        shape = self.teach(np.zeros((TEACHER_SIDE, TEACHER_SIDE, 3), np.uint8)).last_map.shape[1:]
        if shape != LAST_MAP_SHAPE:
            raise ModelError(
                f"{path} has a last map of {shape}; a MobileNetV2 of width 1 has {LAST_MAP_SHAPE}"
            )

    def teach(self, view: Pixels) -> Lesson:
        """Look at one view (224, 224, 3) uint8 RGB; the lesson has B = 1."""
        x = np.ascontiguousarray(view.transpose(2, 0, 1)[None], dtype=np.float32)
        last_map, features, logits = self.session.run(self.names, {self.input: x})
        return Lesson(last_map, features.reshape(1, -1), logits[:, BACKGROUND:])

    def look_at(self, pixels: Pixels) -> Lesson:
        """Look at a whole picture as classifiers do: short side to 256, the centre's 224."""
        picture = Image.fromarray(pixels)
        scale = SHORT_SIDE / min(picture.size)
        width, height = (round(side * scale) for side in picture.size)
        left, top = (width - TEACHER_SIDE) // 2, (height - TEACHER_SIDE) // 2
        resized = picture.resize((width, height), Image.Resampling.BILINEAR)
        centre = resized.crop((left, top, left + TEACHER_SIDE, top + TEACHER_SIDE))
        return self.teach(np.asarray(centre))
