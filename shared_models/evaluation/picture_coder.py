"""Coding one picture at one quality: the task that evaluations of picture codecs are made of."""

from collections.abc import Iterable
from dataclasses import dataclass

from shared_models.evaluation.cache import Cache
from shared_models.evaluation.coded_pictures import CodedPicture, Picture, code_picture
from shared_models.evaluation.peers.codec import PictureCodec
from shared_models.evaluation.peers.shelf import CodecShelf
from shared_models.evaluation.picture_reader import PictureReader
from shared_models.evaluation.sweep import Sweep
from shared_models.frames import Pixels


@dataclass(frozen=True, slots=True)
class PictureTask:
    """Code the picture at a place with a codec at a quality, and look at what comes out."""

    codec: str
    quality: float
    picture: int


@dataclass(frozen=True, slots=True)
class Shown:
    """A coded picture, to be decoded by whoever looks at it."""

    codec: PictureCodec
    picture: Picture
    coded: CodedPicture
    data: bytes

    def decoded(self) -> Pixels:
        """Return the pixels that come out, (H, W, 3) uint8 RGB."""
        return self.codec.decode(self.data, self.picture.width, self.picture.height)


class PictureCoder:
    """Pictures, codecs and the cache of one process; each is loaded when it is first needed."""

    def __init__(self, pictures: PictureReader, sweep: Sweep) -> None:
        """Take the pictures as they are measured; raise InputError where there can be no cache."""
        self.cache = Cache(sweep.cache)
        self.pictures = pictures
        self._codecs = CodecShelf(sweep.model)

    def code(self, task: PictureTask) -> Shown:
        """Do one task; raise InputError."""
        codec, picture = self._codecs.take(task.codec), self.pictures.picture(task.picture)
        return Shown(codec, picture, *code_picture(codec, picture, task.quality, self.cache))


def picture_tasks(sweep: Sweep, codecs: Iterable[PictureCodec], pictures: int) -> list[PictureTask]:
    """Return the tasks of every codec, its qualities and the pictures, in this order."""
    return [
        PictureTask(codec.name, quality, place)
        for codec in codecs
        for quality in sweep.qualities_of(codec)
        for place in range(pictures)
    ]
