"""Encoder threads serve every camera in turn, and one camera's bug stays its own."""

import threading

from edge.encoder_pool import EncoderPool


class Queue:
    """A camera with so many pictures; says in which order it was served."""

    def __init__(self, name: str, pictures: int, served: list[str], breaks: bool = False) -> None:
        self.name, self.left, self.served, self.breaks = name, pictures, served, breaks
        self.busy = threading.Lock()

    def process_next(self) -> bool:
        assert self.busy.acquire(blocking=False), "never in two threads at once"
        try:
            if self.left == 0:
                return False
            self.left -= 1
            self.served.append(self.name)
            if self.breaks:
                raise RuntimeError("a bug")
            return True
        finally:
            self.busy.release()


def test_cameras_take_turns() -> None:
    served: list[str] = []
    pool = EncoderPool(1)
    with pool._changed:  # nobody works until both wait
        cameras = [Queue("a", 3, served), Queue("b", 3, served)]
        for camera in cameras:
            pool.wake(camera)
    pool.close()
    assert served == ["a", "b", "a", "b", "a", "b"]


def test_everything_that_waits_is_done_before_the_pool_closes() -> None:
    served: list[str] = []
    pool = EncoderPool(3)
    for index in range(5):
        for _ in range(4):
            pool.wake(Queue(f"cam{index}", 4, served))
    pool.close()
    assert len(served) == 20


def test_a_camera_that_breaks_does_not_end_the_others() -> None:
    served: list[str] = []
    pool = EncoderPool(1)
    pool.wake(Queue("bad", 2, served, breaks=True))
    pool.wake(Queue("good", 2, served))
    pool.close()
    assert sorted(served) == ["bad", "bad", "good", "good"]
