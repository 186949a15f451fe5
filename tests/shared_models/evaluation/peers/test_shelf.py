from shared_models.evaluation.peers.catalogue import CodecOptions
from shared_models.evaluation.peers.shelf import CodecShelf


def test_a_codec_is_made_once() -> None:
    shelf = CodecShelf(CodecOptions())
    assert shelf.take("jpeg") is shelf.take("jpeg")
