import numpy as np
import torch

from shared_models.training.lesson_memory import LessonMemory


def test_a_memory_keeps_the_latest_examples() -> None:
    memory = LessonMemory(3, {"map": (2, 4, 4), "logits": (5,)})
    examples = [
        {"map": np.full((2, 4, 4), i, np.float32), "logits": np.full(5, -i, np.float32)} for i in range(5)
    ]
    assert [memory.add(example) for example in examples] == [0, 1, 2, 0, 1]
    assert len(memory) == 3
    batch = memory.batch(np.array([2, 0]))
    assert batch["map"].shape == (2, 2, 4, 4)
    assert batch["map"].is_contiguous(memory_format=torch.channels_last)
    assert batch["map"][:, 0, 0, 0].tolist() == [2, 3]
    assert batch["logits"][:, 0].tolist() == [-2, -3]
