"""Between capture and coding: live cameras drop the old, files lose nothing."""

import threading

from edge.mailbox import Mailbox


def test_a_live_box_keeps_the_newest_and_never_makes_the_camera_wait() -> None:
    box: Mailbox[int] = Mailbox(2, keeps_newest=True)
    assert all(box.put(item) for item in range(5))
    assert [box.take(), box.take(), box.take()] == [3, 4, None]
    assert box.dropped == 3


def test_a_lossless_box_makes_the_giver_wait_and_loses_nothing() -> None:
    box: Mailbox[int] = Mailbox(2, keeps_newest=False)
    giver = threading.Thread(target=lambda: [box.put(item) for item in range(50)])
    giver.start()
    taken: list[int] = []
    while len(taken) < 50:
        if (item := box.take()) is not None:
            taken.append(item)
        assert len(box) <= 2
    giver.join()
    assert taken == list(range(50))


def test_closing_frees_whoever_waits_and_keeps_what_is_inside() -> None:
    box: Mailbox[int] = Mailbox(1, keeps_newest=False)
    box.put(1)
    results: list[bool] = []
    giver = threading.Thread(target=lambda: results.append(box.put(2)))
    giver.start()
    box.close()
    giver.join()
    assert results == [False]
    assert box.take() == 1
