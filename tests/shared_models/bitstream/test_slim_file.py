from dataclasses import replace

import pytest

from shared_models.bitstream import Packet, Reference, SlimFrame
from tests.shared_models.bitstream.strategies import sample_packets

LAYERS = sample_packets(9)


def test_a_frame_finds_its_layers() -> None:
    frame = SlimFrame(9, (LAYERS["intra"], LAYERS["enhancement"]))
    assert frame.base == LAYERS["intra"]
    assert frame.enhancement == LAYERS["enhancement"]
    assert SlimFrame(9, (LAYERS["features"],)).base is None
    assert SlimFrame(9, (LAYERS["intra"],)).enhancement is None


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ((), "0 layers"),
        ((LAYERS["enhancement"], LAYERS["intra"]), "BASE_INTRA cannot follow a layer ENHANCEMENT"),
        ((LAYERS["intra"], LAYERS["predicted"]), "BASE_PREDICTED cannot follow a layer BASE_INTRA"),
        ((LAYERS["intra"], LAYERS["intra"]), "cannot follow"),
        ((replace(LAYERS["intra"], frame_width=417), LAYERS["enhancement"]), "differ in model or size"),
        ((replace(LAYERS["intra"], symbols_crc32c=5), LAYERS["enhancement"]), "other base symbols"),
        ((replace(LAYERS["enhancement"], reference=Reference(8, 1)),), "the base of frame 8"),
        ((replace(LAYERS["predicted"], reference=Reference(9, 1)),), "cannot lean on frame 9"),
    ],
)
def test_layers_that_do_not_belong_together_make_no_frame(layers: tuple[Packet, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SlimFrame(9, layers)


def test_a_seq_or_time_beyond_64_bits_makes_no_frame() -> None:
    with pytest.raises(ValueError, match="seq"):
        SlimFrame(2**64, (LAYERS["intra"],))
    with pytest.raises(ValueError, match="captured at -1 ns"):
        SlimFrame(9, (LAYERS["intra"],), capture_ns=-1)
