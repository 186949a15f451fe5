import os

import numpy as np
import pytest

from shared_models.evaluation.peers.catalogue import CodecOptions, make_codec
from shared_models.evaluation.peers.codec import Missing
from shared_models.evaluation.peers.priority import kept_priority

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="this system has no policies")


def test_no_encoder_leaves_its_caller_with_another_priority() -> None:
    codec = make_codec("svtav1", CodecOptions())
    if isinstance(codec, Missing):
        pytest.skip(codec.reason)
    before = os.sched_getscheduler(0)
    codec.encode(np.zeros((64, 64, 3), np.uint8), 50)
    assert os.sched_getscheduler(0) == before


def test_a_priority_comes_back_after_an_error_too() -> None:
    @kept_priority()
    def fail() -> None:
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        raise ValueError("inside")

    before = os.sched_getscheduler(0)
    with pytest.raises(ValueError, match="inside"):
        fail()
    assert os.sched_getscheduler(0) == before
