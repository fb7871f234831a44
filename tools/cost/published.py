"""Speeds on a Jetson Nano that others have published, with sources and what each is used for; and the assumptions.

Operations are in billions, 2 per multiply-add. Where none are given, the network is YOLOv3-tiny, and they are counted.
At sizes other than the published one they are scaled with the area, which is exact for such networks.
"""

from typing import NamedTuple, Optional

FIT, TEST, FAR, NETWORK, FLOOR, OTHER = "fit", "test", "far", "network", "floor", "other"
USES = {
    FIT: "the model was fitted to it",
    TEST: "the same loop, not used for the fit",
    FAR: "another loop, and a network of another kind, not used for the fit",
    NETWORK: "a loop without Python: compared with the model's time of the network alone",
    FLOOR: "another runtime: its floor only",
    OTHER: "not comparable",
}


class Point(NamedTuple):
    """One published speed. unit: of `tools.cost.nano.PEAKS`. size: of the square input, 0 where not stated."""

    network: str
    size: int
    runtime: str
    unit: str
    fps: float
    operations: Optional[float]
    use: str
    source: str
    note: str = ""


def _scaled(billions: float, at: int, size: int) -> float:
    return billions * (size / at) ** 2


# README of the repository, "FPS on Nano", JetPack 4.4, TensorRT 7, FP16. By its issue 343 the loop had one still image:
# it preprocesses, infers, decodes (in a TensorRT plugin), draws and shows, but reads no camera and no video.
DEMOS = "jkjung-avt/tensorrt_demos, README"
# "BFlops" in the README of AlexeyAB/darknet: YOLOv4-tiny and YOLOv3 at 416; YOLOv4 at 416 and at 608.
V4_TINY, V3, V4, V4_608 = 6.9, 65.9, 60.1, 128.5

_GPU = ("TensorRT FP16", "GPU FP16")
_V4_TINY, _V3, _V4 = "YOLOv4-tiny", "YOLOv3", "YOLOv4"

PUBLISHED = (
    Point("YOLOv3-tiny", 288, *_GPU, 35.8, None, FIT, DEMOS),
    Point("YOLOv3-tiny", 416, *_GPU, 25.5, None, FIT, DEMOS),
    Point(_V4_TINY, 288, *_GPU, 36.6, _scaled(V4_TINY, 416, 288), TEST, DEMOS),
    Point(_V4_TINY, 416, *_GPU, 25.5, V4_TINY, TEST, DEMOS),
    Point(_V3, 288, *_GPU, 8.16, _scaled(V3, 416, 288), TEST, DEMOS),
    Point(_V3, 416, *_GPU, 4.93, V3, TEST, DEMOS),
    Point(_V3, 608, *_GPU, 2.53, _scaled(V3, 416, 608), TEST, DEMOS),
    Point(_V4, 288, *_GPU, 7.93, _scaled(V4, 416, 288), TEST, DEMOS),
    Point(_V4, 416, *_GPU, 4.62, V4, TEST, DEMOS),
    Point(_V4, 608, *_GPU, 2.35, V4_608, TEST, DEMOS),
    Point(
        "SSD-MobileNet v2",
        300,
        *_GPU,
        22.7,
        3.775,  # OpenVINO's Open Model Zoo, ssd_mobilenet_v2_coco; 1.525 there is the lighter ssdlite_mobilenet_v2
        FAR,
        DEMOS,
        "with two threads, on JetPack 4.3; its depthwise layers are bound by memory and by launches",
    ),
    Point(
        _V4_TINY,
        512,
        *_GPU,
        26.49,
        _scaled(V4_TINY, 416, 512),
        NETWORK,
        "ceccocats/tkDNN, issue 121",
        "preparing, inferring and decoding in C++, JetPack 4.4",
    ),
    Point(
        _V4_TINY,
        512,
        "TensorRT FP32",
        "GPU FP32",
        19.18,
        _scaled(V4_TINY, 416, 512),
        FLOOR,
        "ceccocats/tkDNN, issue 121",
        "the same program",
    ),
    Point(
        "YOLOv3-tiny",
        224,
        "Darknet FP32",
        "GPU FP32",
        12.0,
        None,
        FLOOR,
        "AlexeyAB/darknet, issue 4209",
        "about 12, from a network camera, which may have been the limit",
    ),
    Point(
        "report_cnn",
        32,
        "Keras FP32",
        "GPU FP32",
        10000 / 700,  # 10,000 images in 700 s at batch size 1
        2 * 0.290,  # models/cifar.py
        FLOOR,
        "the original report",
        "not stated whether on the GPU; if so, the GPU idled",
    ),
    Point(
        '"YoloV3 tiny"',
        352,
        "ncnn",
        "CPU FP32",
        17.7,
        None,
        OTHER,
        "Qengineering/YoloV3-ncnn-Jetson-Nano, README",
        "published as on the CPU, but its program loads mobilenetv2_yolov3 (20 classes) and enables Vulkan; the same "
        "figure was published for 2015 and for 1479 MHz. The floor is that of YOLOv3-tiny on the CPU",
    ),
)

# Winograd: F(2x2, 3x3) and F(4x4, 3x3) in Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015.
ASSUMPTIONS = (
    "Floor: each layer takes the time of its operations at the unit's peak or of its bytes at the memory's peak, "
    "whichever is longer; layers run one after the other, and nothing else takes time.",
    "Peaks: GPU 472 GFLOPS in FP16 and 236 in FP32 (921.6 MHz: power mode 10 W, after jetson_clocks), CPU 46 GFLOPS "
    "in FP32, memory 25.6 GB/s. In power mode 5 W the GPU runs at 640 MHz: 328 and 164.",
    "Operations: two per multiply-add of convolutions and matrix products; the rest is neglected. Weights, inputs and "
    "outputs of each layer move once. Activations, batch norms and additions are fused and move nothing; pools, "
    "upsampling and concatenation do.",
    "The floor is for direct convolution, so it is not a hard bound: Winograd's method multiplies 2.25 to 4 times less "
    "in 3x3 layers, and ncnn, cuDNN and TensorRT may use it.",
    "Expected: the complete loop of tensorrt_demos, in Python, on one still image: overhead + floor / efficiency. A "
    "loop that does the rest while the GPU works lies between that and the network alone; none is faster than its "
    "camera.",
    "Overhead and efficiency are fitted to two points only, YOLOv3-tiny at 288 and 416, and so match them exactly. "
    "Time that grows with the size counts as the network's, even where the CPU spends it.",
    "Where the floor lies outside those two (marked *), expected is extrapolated. Launching layers is not in the "
    "floor; in small networks and depthwise layers it can be most of the time: the README of Yolo-Fastest says 17 ms a "
    "picture on a Nano, where the network's time is 2 ms here.",
    "Floors of other networks are from their operations alone; for YOLOv3-tiny that would be 5 % too low.",
    "Larger networks use the GPU better: for them the model predicts too much time. Software matters as much: an "
    "earlier version of the same table lists 28.2 and 21.4 FPS for 288 and 416, and on JetPack 4.3 20.9 and 14.2; a "
    "user of that program saw 12 to 13 with YOLOv4-tiny 416 (its issue 403), where the table lists 25.5.",
    "This project has not run on a Nano yet: these are expectations, not measurements.",
)
