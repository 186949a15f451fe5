"""Who gets which frame, and when."""

import threading

from cloud.broker import Job, LocalBroker, Shape
from runtime.segment_log.record import RecordId
from shared_models.frames import FrameId

WIDE, TALL = Shape(b"12345678", 64, 48), Shape(b"12345678", 48, 64)


def job(seq: int, shape: Shape = WIDE) -> Job:
    return Job(FrameId("door", 1, seq), shape, RecordId(0, seq), stored_ns=0)


def claimed(broker: LocalBroker, batch_max: int = 8) -> list[int]:
    jobs = broker.claim(batch_max, wait_s=0)
    broker.finish(jobs)
    return [job.frame_id.seq for job in jobs]


def test_a_batch_has_one_shape_and_the_shape_that_waited_longest_comes_first() -> None:
    broker = LocalBroker(100)
    for seq, shape in enumerate([WIDE, TALL, WIDE, TALL, TALL]):
        broker.publish(job(seq, shape))
    assert [claimed(broker), claimed(broker), claimed(broker)] == [[0, 2], [1, 3, 4], []]


def test_a_batch_is_no_larger_than_asked_for() -> None:
    broker = LocalBroker(100)
    for seq in range(5):
        broker.publish(job(seq))
    assert [claimed(broker, 2), claimed(broker, 2), claimed(broker, 2)] == [[0, 1], [2, 3], [4]]


def test_a_frame_is_queued_once_until_it_is_finished() -> None:
    broker = LocalBroker(100)
    assert broker.publish(job(0))
    assert broker.publish(job(0))
    jobs = broker.claim(8, wait_s=0)
    assert len(jobs) == 1
    broker.publish(job(0))
    assert broker.claim(8, wait_s=0) == []
    broker.finish(jobs)
    broker.publish(job(0))
    assert claimed(broker) == [0]


def test_a_full_queue_says_no_and_tells_later_that_there_is_room_again() -> None:
    broker = LocalBroker(2)
    assert [broker.publish(job(seq)) for seq in range(3)] == [True, True, False]
    assert not broker.take_refused()
    claimed(broker)
    assert broker.take_refused()
    assert not broker.take_refused()


def test_a_claim_waits_for_the_first_job() -> None:
    broker = LocalBroker(2)
    found: list[int] = []
    waiting = threading.Thread(
        target=lambda: found.extend(job.frame_id.seq for job in broker.claim(8, wait_s=600))
    )
    waiting.start()
    broker.publish(job(7))
    waiting.join()
    assert found == [7]
