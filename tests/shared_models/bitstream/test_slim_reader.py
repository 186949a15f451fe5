import mmap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_models.bitstream import Limits, SlimFrame, read_slim, recover_slim, write_slim
from shared_models.errors import BitstreamError, LimitError, MalformedError, TruncatedError, UnsupportedError
from tests.shared_models.bitstream.strategies import LIMITS, sample_frames, slim_files

FRAMES = sample_frames()
SLIM = write_slim(FRAMES)


@given(frames=slim_files())
def test_any_file_comes_back_frame_by_frame(frames: list[SlimFrame]) -> None:
    written = write_slim(frames)
    slim = read_slim(written, LIMITS)
    assert list(slim) == frames
    assert list(slim.seqs) == [frame.seq for frame in frames]
    recovered = recover_slim(written, LIMITS)
    assert list(recovered) == frames
    assert recovered.damage is None


def test_a_frame_is_found_by_its_seq_without_reading_the_others() -> None:
    damaged = bytearray(SLIM)
    damaged[SLIM.index(bytes(range(40)), 300)] ^= 1  # a payload byte of the second frame
    slim = read_slim(damaged, LIMITS)
    assert slim.find(300) == FRAMES[2]
    assert slim.find(9) is None
    assert slim.find(301) is None
    with pytest.raises(MalformedError, match="frame 8 is damaged"):
        slim.find(8)
    with pytest.raises(IndexError, match="3 frames and no frame 3"):
        slim[3]


@given(frames=slim_files(), data=st.data())
def test_any_cut_of_a_file_is_refused_and_what_lies_before_it_recovered(
    frames: list[SlimFrame], data: st.DataObject
) -> None:
    written = write_slim(frames)
    kept = data.draw(st.integers(4, len(written) - 1))
    recovered = recover_slim(written[:kept], LIMITS)
    assert list(recovered) == frames[: len(recovered)]
    alone = write_slim(frames[:1])
    if written[:kept] == alone:  # a file of one frame has no index: this cut is such a file
        assert recovered.damage is None
        return
    assert isinstance(recovered.damage, BitstreamError)
    with pytest.raises(BitstreamError):
        read_slim(written[:kept], LIMITS)


@given(bit=st.integers(0, 8 * len(SLIM) - 1))
def test_a_flipped_bit_never_changes_a_frame_unnoticed(bit: int) -> None:
    damaged = bytearray(SLIM)
    damaged[bit // 8] ^= 1 << bit % 8
    with pytest.raises(BitstreamError):
        list(read_slim(damaged, LIMITS))


def test_a_file_without_its_end_keeps_its_frames() -> None:
    cut = SLIM[: -len(SLIM) // 4]
    with pytest.raises(TruncatedError, match="without its index"):
        read_slim(cut, LIMITS)
    recovered = recover_slim(cut, LIMITS)
    assert list(recovered) == FRAMES[:2]
    assert isinstance(recovered.damage, TruncatedError)


def test_what_is_no_slim_file_is_told_from_another_version() -> None:
    with pytest.raises(MalformedError, match=r"not a .slim file: it begins with b'\\x89PNG'"):
        read_slim(b"\x89PNG\r\n\x1a\n", LIMITS)
    with pytest.raises(UnsupportedError, match="version b'2'"):
        recover_slim(b"SLM2" + SLIM[4:], LIMITS)
    with pytest.raises(TruncatedError, match="the mark"):
        read_slim(b"", LIMITS)


def test_more_frames_than_the_limit_are_refused() -> None:
    with pytest.raises(LimitError, match="3 frames and at most 2"):
        read_slim(SLIM, Limits(frames_max=2))
    recovered = recover_slim(SLIM, Limits(frames_max=2))
    assert list(recovered) == FRAMES[:2]
    assert isinstance(recovered.damage, LimitError)


def test_a_mapped_file_is_read_in_place() -> None:
    with mmap.mmap(-1, len(SLIM)) as mapped:
        mapped.write(SLIM)
        view = memoryview(mapped)
        slim = read_slim(view, LIMITS)
        assert list(slim) == FRAMES
        del slim
        view.release()
