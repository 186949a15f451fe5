"""The 80 categories of COCO, in the order that detectors number them."""

from typing import Final

NAMES: Final = tuple(
    """person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,
    stop sign,parking meter,bench,bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,
    backpack,umbrella,handbag,tie,suitcase,frisbee,skis,snowboard,sports ball,kite,
    baseball bat,baseball glove,skateboard,surfboard,tennis racket,bottle,wine glass,cup,fork,
    knife,spoon,bowl,banana,apple,sandwich,orange,broccoli,carrot,hot dog,pizza,donut,cake,
    chair,couch,potted plant,bed,dining table,toilet,tv,laptop,mouse,remote,keyboard,
    cell phone,microwave,oven,toaster,sink,refrigerator,book,clock,vase,scissors,teddy bear,
    hair drier,toothbrush""".replace("\n    ", "").split(",")
)
"""COCO 2017's names by class index 0 to 79."""

_HOLES: Final = frozenset({12, 26, 29, 30, 45, 66, 68, 69, 71, 83})  # ids that COCO 2017 gave up
CATEGORY_IDS: Final = tuple(number for number in range(1, 91) if number not in _HOLES)
"""COCO's category ids, 1 to 90 with their holes, by class index."""
