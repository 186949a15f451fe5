import numpy as np
import pytest

from shared_models.codecs.backend import BackendOptions
from shared_models.codecs.slim.codec import SlimCodec
from shared_models.codecs.slim.layer import Layer, LayerName
from shared_models.evaluation.latency.recorded import RecordedFrame
from shared_models.evaluation.latency.scenes import fit, make_frames
from shared_models.packages.registry import builtin_package


@pytest.fixture(scope="module")
def codec() -> SlimCodec:
    return SlimCodec.load(builtin_package())


def test_the_halves_of_the_entropy_coder_are_those_of_the_whole(codec: SlimCodec) -> None:
    (pixels,) = fit(make_frames(None, 1), (72, 56))
    coded = codec.encode_base(pixels, quality=50, width=0.25)
    layer = Layer.load(codec.package, codec.profile, LayerName.BASE, BackendOptions())
    recorded = RecordedFrame.of(layer.model, coded.symbols, coded.packet.quality_code)
    assert recorded.payload == recorded.encode_rows() == coded.packet.parts[0]
    assert sum(row.size for row in recorded.rows) == coded.symbols.size
    recorded.decode_rows()
    networks = [each for each in recorded.passes if each.network is not None]
    assert networks
    for each in networks:
        assert each.network is not None
        answers = each.network.run(each.inputs)
        assert answers.dtype == np.int32
        assert answers.shape[2:] == each.inputs.shape[2:]
