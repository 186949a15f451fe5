"""Keeping an encoder from raising the priority of whoever calls it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept_priority() -> Iterator[None]:
    """Give this thread back its scheduling when what is inside is done.

    SVT-AV1, run as root, makes its caller a real-time thread of the highest priority and leaves it one:
    nothing else would run on that core any more.
    """
    if not hasattr(os, "sched_getscheduler"):  # a system without such policies
        yield
        return
    policy, parameter = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        if os.sched_getscheduler(0) != policy:
            os.sched_setscheduler(0, policy, parameter)
