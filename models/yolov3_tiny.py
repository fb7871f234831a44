"""YOLOv3-tiny as one table.

Input: (n, 3, h, w) float32 RGB in 0..1, height and width multiples of 32. Output: raw logits, coarse head (stride 32)
first, each (n, 3 * (5 + 80), h / 32 or 16, w / ...).

Source: `cfg/yolov3-tiny.cfg` of Darknet, except for the fine head's anchors. Copies in circulation have `mask = 0,1,2`;
the published weights were trained with 1,2,3, and with 0,1,2 they lose a third of their accuracy.
"""

from typing import Any, Tuple

from models.darknet_cfg import build
from models.darknet_sections import Section

LABELS = tuple(
    "person,bicycle,car,motorbike,aeroplane,bus,train,truck,boat,traffic light,fire hydrant,stop sign,parking meter,"
    "bench,bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,backpack,umbrella,handbag,tie,suitcase,frisbee,"
    "skis,snowboard,sports ball,kite,baseball bat,baseball glove,skateboard,surfboard,tennis racket,bottle,wine glass,"
    "cup,fork,knife,spoon,bowl,banana,apple,sandwich,orange,broccoli,carrot,hot dog,pizza,donut,cake,chair,sofa,"
    "pottedplant,bed,diningtable,toilet,tvmonitor,laptop,mouse,remote,keyboard,cell phone,microwave,oven,toaster,sink,"
    "refrigerator,book,clock,vase,scissors,teddy bear,hair drier,toothbrush".split(",")
)
ANCHORS = ((10, 14), (23, 27), (37, 58), (81, 82), (135, 169), (344, 319))  # width, height in input pixels
HEAD_FILTERS = 3 * (5 + len(LABELS))


def _section(kind: str, **options: Any) -> Section:
    return Section(kind, 0, {key: str(value) for key, value in options.items()})


def _conv(filters: int, size: int = 3) -> Section:
    return _section("convolutional", filters=filters, size=size, pad=1, batch_normalize=1, activation="leaky")


def _pool(stride: int = 2) -> Section:
    return _section("maxpool", size=2, stride=stride)


def _head(mask: str) -> Tuple[Section, Section]:
    anchors = ",".join(f"{width},{height}" for width, height in ANCHORS)
    linear = _section("convolutional", filters=HEAD_FILTERS, activation="linear")
    return linear, _section("yolo", classes=len(LABELS), anchors=anchors, mask=mask)


SECTIONS: Tuple[Section, ...] = (
    _section("net", width=416, height=416, channels=3, letter_box=1),
    *(_conv(16), _pool(), _conv(32), _pool(), _conv(64), _pool(), _conv(128), _pool()),
    _conv(256),  # 8: stride 16, used again by the fine head
    *(_pool(), _conv(512), _pool(1), _conv(1024)),
    _conv(256, 1),  # 13: where the heads part
    *(_conv(512), *_head("3,4,5")),
    _section("route", layers="13"),
    *(_conv(128, 1), _section("upsample", stride=2)),
    _section("route", layers="-1,8"),
    *(_conv(256), *_head("1,2,3")),
)
NETWORK = build(SECTIONS, names=("coarse", "fine"))
