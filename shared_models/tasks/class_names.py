"""Names and COCO ids for the classes of somebody's model."""

from functools import lru_cache
from typing import Final

from shared_models.tasks.coco import CATEGORY_IDS, NAMES

COCO_BY_ID: Final = dict(zip(CATEGORY_IDS, NAMES, strict=True))
_ID_BY_NAME: Final = dict(zip(NAMES, CATEGORY_IDS, strict=True))
VOC: Final = tuple(
    """aeroplane,bicycle,bird,boat,bottle,bus,car,cat,chair,cow,diningtable,dog,horse,motorbike,person,
    pottedplant,sheep,sofa,train,tvmonitor""".replace("\n    ", "").split(",")
)
"""Pascal VOC's names by class index 0 to 19."""
CITYSCAPES: Final = tuple(
    """road,sidewalk,building,wall,fence,pole,traffic light,traffic sign,vegetation,terrain,sky,person,rider,
    car,truck,bus,train,motorcycle,bicycle""".replace("\n    ", "").split(",")
)
"""The names of Cityscapes' training ids, 0 to 18."""
_COCO_NAMES_OF: Final = {
    "aeroplane": "airplane",
    "diningtable": "dining table",
    "motorbike": "motorcycle",
    "pottedplant": "potted plant",
    "sofa": "couch",
    "tvmonitor": "tv",
}


def class_names(count: int) -> tuple[str, ...]:
    """Guess the names of `count` classes: COCO's 80, 90 or 91 with holes, VOC's 20, else `class N`."""
    match count:
        case 80:
            return NAMES
        case 90 | 91:  # by category id, from 1 or from 0
            first = 91 - count
            return tuple(COCO_BY_ID.get(index + first, f"class {index}") for index in range(count))
        case 20:
            return VOC
        case _:
            return tuple(f"class {index}" for index in range(count))


def segmenter_names(count: int) -> tuple[str, ...]:
    """Guess the names of a segmenter's classes: Cityscapes' 19, VOC's 21 with background, else `class N`."""
    match count:
        case 19:
            return CITYSCAPES
        case 21:
            return ("background", *VOC)
        case _:
            return tuple(f"class {index}" for index in range(count))


@lru_cache(8)  # asked for with every picture, and a process has few models
def category_ids(names: tuple[str, ...]) -> tuple[int, ...]:
    """Return COCO's id of each name, or the number of the class, from 1, where COCO has no such name."""
    return tuple(
        _ID_BY_NAME.get(_COCO_NAMES_OF.get(name, name), index + 1) for index, name in enumerate(names)
    )
