"""A model of the Jetson Nano: a roofline, and a line fitted to published speeds.

A layer takes at least the time of its operations at the unit's peak, and at least that of its bytes at the memory's
peak (Williams, Waterman, Patterson: "Roofline", 2009). The sum of the larger of the two over all layers is the
network's *floor*. With TensorRT in FP16 a frame is then expected to take

    overhead + floor / efficiency

where both unknowns come from the published points whose use is "fit". `errors()` shows the error on the others.
Times are in milliseconds.
"""

import os
from functools import lru_cache
from typing import Any, NamedTuple, Optional, Sequence

import numpy as np

from app.errors import UsageError
from app.inputsize import input_sizes, nearest_sizes
from app.letterbox import Letterbox
from app.modelcard import card_path, read_card
from models import yolov3_tiny
from models.darknet import Convolution
from models.darknet_onnx import emit_onnx
from tools.cost.network import Layer, Network, fixed_size, load, measure
from tools.cost.published import FAR, FIT, NETWORK, PUBLISHED, TEST, Point

SIZES = (160, 320, 416)  # of the input, where neither the caller nor the model's card says any
MULTIPLE = 32  # input height and width of YOLO networks are multiples of it, where no card says otherwise
FP16, FP32 = 2, 4  # bytes of a value

# Billions of operations per second. GPU: 128 cores, one multiply-add (2 operations) per cycle each, two at half
# precision. CPU: 4 Cortex-A57, one multiply-add on 4 values per cycle each (ARM's optimisation guide UAN 0015B).
# Power mode 5 W: 640 MHz, and 2 CPU cores at 918 MHz (NVIDIA, "Power Management for Jetson Nano", L4T 32.7.1).
PEAKS = {
    "GPU FP16": 128 * 2 * 2 * 0.9216,
    "GPU FP32": 128 * 2 * 0.9216,
    "CPU FP32": 4 * 8 * 1.43,
    "GPU FP16, 5 W": 128 * 2 * 2 * 0.640,
    "CPU FP32, 5 W": 2 * 8 * 0.918,
}
BANDWIDTH = 25.6  # GB/s, shared by CPU and GPU; the same in both power modes


class Line(NamedTuple):
    """Milliseconds of the loop besides the network, and the share of its peaks that the GPU reaches in the network."""

    overhead: float
    efficiency: float

    def network(self, floor: float) -> float:
        return floor / self.efficiency

    def frame(self, floor: float) -> float:
        return self.overhead + floor / self.efficiency


def layer_floor(layer: Layer, unit: str = "GPU FP16") -> tuple[float, bool]:
    """The minimum time of a layer on a unit of PEAKS, and whether its operations or its bytes determine it."""
    size = FP16 if "FP16" in unit else FP32
    operations, moved = layer.operations / PEAKS[unit] / 1e6, layer.moved(size) / BANDWIDTH / 1e6
    return max(operations, moved), operations >= moved


def floor(network: Network, unit: str = "GPU FP16") -> float:
    """The minimum time of a network on a unit."""
    return sum(layer_floor(layer, unit)[0] for layer in network.layers)


def fit(floors: Sequence[float], times: Sequence[float]) -> Line:
    """The line with the least sum of squared relative errors; it passes through two points exactly."""
    relative = np.array([[1 / time, least / time] for least, time in zip(floors, times)])
    overhead, slope = np.linalg.lstsq(relative, np.ones(len(times)), rcond=None)[0]
    return Line(float(overhead), float(1 / slope))


def expectations(
    path: str, sizes: Optional[Sequence[int]] = None, square: bool = False, frame: tuple[int, int] = (640, 480)
) -> list[dict[str, Any]]:
    """A row per size, or one for a network with a fixed size: see `networks`."""
    return [_row(size, network) for size, network in networks(path, sizes, square, frame)]


def networks(
    path: str, sizes: Optional[Sequence[int]] = None, square: bool = False, frame: tuple[int, int] = (640, 480)
) -> list[tuple[int, Network]]:
    """The network of a file at each size of its longer side, with frames of (width, height) fitted as `app` does.

    Its card says how; without one they are letterboxed. sizes: None for the model's own, or SIZES where it has none. A
    network with a fixed size is returned once. Raises ModelError, and UsageError for a size that it cannot take.
    """
    model = load(path)
    fixed = fixed_size(model)
    card = read_card(path) if fixed is None and os.path.isfile(card_path(path)) else None
    if card is not None:
        sizes = input_sizes(card, sizes, SIZES)
    for size in sizes or ():
        if card is None and size % MULTIPLE:
            raise UsageError(f"size {size} is not {nearest_sizes(size, MULTIPLE)}")
    if fixed is not None:
        return [(max(fixed), measure(model, *fixed))]
    boxes = [
        Letterbox.fit(*frame, size, square=square)
        if card is None
        else Letterbox.of_card(card, *frame, size, square=square)
        for size in sizes or SIZES
    ]
    return [(size, measure(model, box.height, box.width)) for size, box in zip(sizes or SIZES, boxes)]


def layer_rows(path: str, size: int, square: bool, frame: tuple[int, int]) -> list[dict[str, Any]]:
    """A row per layer of a network at one size, on the GPU in FP16."""
    ((_, network),) = networks(path, [size], square, frame)
    rows = []
    for layer in network.layers:
        least, by_operations = layer_floor(layer)
        rows.append(
            {
                "layer": layer.name,
                "operator": layer.operator,
                "output": list(layer.output),
                "operations_g": round(layer.operations / 1e9, 5),
                "moved_mb": round(layer.moved(FP16) / 1e6, 4),
                "floor_ms": round(least, 4),
                "bound": "operations" if by_operations else "bytes",
            }
        )
    return rows


def _row(size: int, network: Network) -> dict[str, Any]:
    line, least = fitted(), floor(network)
    times = [layer_floor(layer) for layer in network.layers]
    by_operations = sum(time for time, operations in times if operations) / least
    known = [floor_of(point) for point in PUBLISHED if point.use == FIT]
    expected = line.frame(least) if network.detector else None  # the line was fitted to a detector's loop
    return {
        "size": size,
        "input": [network.height, network.width],
        "weights": network.weights,
        "operations_g": round(network.operations / 1e9, 4),
        "moved_mb": round(network.moved(FP16) / 1e6, 3),
        "floor_ms": round(least, 3),
        "floor_5w_ms": round(floor(network, "GPU FP16, 5 W"), 3),
        "floor_cpu_ms": round(floor(network, "CPU FP32"), 3),
        "bound": {"operations": round(by_operations, 3), "bytes": round(1 - by_operations, 3)},
        "network_ms": round(line.network(least), 2),
        "expected_ms": None if expected is None else round(expected, 2),
        "expected_fps": None if expected is None else round(1e3 / expected, 1),
        "extrapolated": not min(known) <= least <= max(known),
    }


@lru_cache(maxsize=None)
def yolov3_tiny_model() -> Any:
    """YOLOv3-tiny from its table, an `onnx.ModelProto` with zeros for weights, which counting does not need."""
    empty = [
        Convolution(np.zeros((s.filters, s.channels, s.size, s.size), np.float32), np.zeros(s.filters, np.float32))
        for s in yolov3_tiny.NETWORK.conv_shapes()
    ]
    return emit_onnx(yolov3_tiny.NETWORK, empty)


@lru_cache(maxsize=None)
def yolov3_tiny_network(side: int) -> Network:
    """YOLOv3-tiny at side x side."""
    return measure(yolov3_tiny_model(), side, side)


def floor_of(point: Point) -> float:
    """The floor of a published network; of networks other than YOLOv3-tiny, by their operations alone."""
    if point.operations is not None:
        return point.operations / PEAKS[point.unit] * 1e3
    return floor(yolov3_tiny_network(point.size), point.unit)


def fitted() -> Line:
    """The line from which expectations are computed."""
    return _line([point for point in PUBLISHED if point.use == FIT])


def _line(points: Sequence[Point]) -> Line:
    return fit([floor_of(point) for point in points], [1e3 / point.fps for point in points])


def errors() -> list[dict[str, Any]]:
    """A row per published point: its speed, its floor, and the model's time where there is one.

    error_percent: of the model's time. left_out_percent: of the time by a line through the other three of the four
    small networks in that loop. of_peak: floor / published time; above 1 where the published speed exceeds the peak.
    """
    line = fitted()
    small = [point for point in PUBLISHED if point.use in (FIT, TEST) and point.network.endswith("tiny")]
    rows = []
    for point in PUBLISHED:
        least, time = floor_of(point), 1e3 / point.fps
        model = left_out = None
        if point.use in (FIT, TEST, FAR):
            model = line.frame(least)
        elif point.use == NETWORK:
            model = line.network(least)
        if point in small:
            left_out = _line([other for other in small if other != point]).frame(least)
        rows.append(
            {
                "point": f"{point.network} {point.size}",
                "runtime": point.runtime,
                "use": point.use,
                "published_fps": round(point.fps, 2),
                "published_ms": round(time, 2),
                "floor_ms": round(least, 2),
                "of_peak": round(least / time, 3),
                "model_ms": None if model is None else round(model, 2),
                "model_fps": None if model is None else round(1e3 / model, 2),
                "error_percent": None if model is None else round(100 * (model / time - 1), 1),
                "left_out_percent": None if left_out is None else round(100 * (left_out / time - 1), 1),
                "source": point.source,
                "note": point.note,
            }
        )
    return rows
