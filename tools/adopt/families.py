"""The families of detectors, and what each expects of a picture."""

from typing import NamedTuple, Tuple


class Family(NamedTuple):
    """A family: the colour order it expects, and what is subtracted from a value of 0..255, and divided by."""

    title: str
    colour: str = "RGB"
    mean: Tuple[float, ...] = (0.0, 0.0, 0.0)
    deviation: Tuple[float, ...] = (255.0, 255.0, 255.0)
    resize: str = ""


NANODET = ((103.53, 116.28, 123.675), (57.375, 57.12, 58.395))
# Sources: the data loaders of each: ultralytics, YOLOv5, YOLOv6, YOLOv7 and YOLOv9 divide by 255; `preproc` of YOLOX
# does nothing; NanoDet's `normalize` in its configurations; PixelsToRGB of jetson-inference's `detectNet.cpp`;
# `damo/config/augmentations.py` of DAMO-YOLO.
FAMILIES = {
    "end2end": Family("YOLOv10 or YOLO26 that chooses its boxes itself"),
    "ultralytics": Family("ultralytics' YOLO, or another of its form"),
    "yolov5": Family("YOLOv5 or YOLOv7"),
    "yolov6": Family("YOLOv6"),
    "yolox": Family("YOLOX", "BGR", deviation=(1.0, 1.0, 1.0)),
    "nanodet": Family("NanoDet", "BGR", *NANODET),
    "nanodet-plus": Family("NanoDet-Plus", "BGR", *NANODET),
    "ssd": Family("SSD as jetson-inference exports it", "RGB", (127.5,) * 3, (127.5,) * 3, "stretch"),
    "damo-yolo": Family("DAMO-YOLO", "RGB", deviation=(1.0, 1.0, 1.0)),
}
