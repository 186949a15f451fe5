"""Codecs of one process, made when they are first needed."""

from shared_models.evaluation.peers.catalogue import CodecOptions, make_codec
from shared_models.evaluation.peers.codec import Missing, PictureCodec


class CodecShelf:
    """Codecs by name."""

    def __init__(self, options: CodecOptions) -> None:
        """Take what codecs are made with."""
        self._options = options
        self._codecs: dict[str, PictureCodec] = {}

    def take(self, name: str) -> PictureCodec:
        """Return a codec that is known not to be missing."""
        if name not in self._codecs:
            made = make_codec(name, self._options)
            assert not isinstance(made, Missing), "missing codecs get no tasks"
            self._codecs[name] = made
        return self._codecs[name]
