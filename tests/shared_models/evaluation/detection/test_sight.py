from hypothesis import given
from hypothesis import strategies as st

from shared_models.evaluation.detection.sight import Sight, decode_ms_of
from shared_models.tasks.results import Detection

number = st.floats(-1e4, 1e4, width=32)
detections = st.builds(
    Detection,
    x_min=number,
    y_min=number,
    x_max=number,
    y_max=number,
    score=st.floats(0, 1, width=32),
    label=st.sampled_from(["person", "traffic light", "class 7", "été"]),
    category_id=st.integers(1, 90),
)


@given(st.lists(detections, max_size=5), st.floats(0, 1e6))
def test_a_sight_comes_back_as_it_was_kept(found: list[Detection], decode_ms: float) -> None:
    sight = Sight(decode_ms, tuple(found))
    assert Sight.from_bytes(sight.to_bytes()) == sight
    assert decode_ms_of(sight.to_bytes()) == decode_ms
