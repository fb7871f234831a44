import onnx
import pytest
from support.classifiers import write_fields
from support.darknet_files import HEAD, network

from app.errors import UsageError
from app.modelcard import find_model, hash_file
from models.darknet import random_parameters
from models.darknet_onnx import emit_onnx
from tools.cost import nano
from tools.cost.nano import networks
from tools.cost.network import Layer, Network
from tools.cost.published import FAR, FIT, NETWORK, OTHER, PUBLISHED, TEST, USES

RESNET = find_model("nano_resnet_s")


def layer(macs, values):
    return Layer("made", "Conv", (1, 1, 1, values), macs, 0, 0, values)


def test_peaks():
    """NVIDIA's 472 GFLOPS, and half of it; 5 W is 640 MHz of 921.6."""
    assert {unit: round(peak, 1) for unit, peak in nano.PEAKS.items()} == {
        "GPU FP16": 471.9,
        "GPU FP32": 235.9,
        "CPU FP32": 45.8,
        "GPU FP16, 5 W": 327.7,
        "CPU FP32, 5 W": 14.7,
    }


BOUNDS = {  # multiply-adds, values, unit, milliseconds, by operations
    "operations": (235_929_600, 1000, "GPU FP16", 1.0, True),
    "twice as long in FP32": (235_929_600, 1000, "GPU FP32", 2.0, True),
    "on the CPU": (22_880_000, 1000, "CPU FP32", 1.0, True),
    "bytes": (1000, 12_800_000, "GPU FP16", 1.0, False),
    "twice as many in FP32": (1000, 12_800_000, "GPU FP32", 2.0, False),
    "nothing to multiply": (0, 12_800, "GPU FP16", 0.001, False),
}


@pytest.mark.parametrize("macs, values, unit, expected, by_operations", BOUNDS.values(), ids=BOUNDS.keys())
def test_the_floor_of_a_layer(macs, values, unit, expected, by_operations):
    time, bound = nano.layer_floor(layer(macs, values), unit)
    assert time == pytest.approx(expected)
    assert bound == by_operations


def test_layers_come_one_after_the_other():
    """Bytes of one are not hidden behind the operations of another."""
    network = Network(1, 1, (layer(235_929_600, 0), layer(0, 12_800_000)), True)
    assert nano.floor(network) == pytest.approx(2.0)


def test_a_line_through_two_points_is_exact():
    line = nano.fit([5.0, 15.0], [20.0, 40.0])
    assert (line.overhead, line.efficiency) == pytest.approx((10.0, 0.5))
    assert line.frame(10.0) == pytest.approx(30.0)
    assert line.network(10.0) == pytest.approx(20.0)


def test_a_line_through_more_has_the_least_relative_errors():
    floors, times = (1.0, 1.0, 2.0), (10.0, 30.0, 40.0)

    def error(line):
        return sum((line.frame(least) / time - 1) ** 2 for least, time in zip(floors, times))

    best = nano.fit(floors, times)
    # The third point is met. Between 10 and 30, t has the least (t/10 - 1)^2 + (t/30 - 1)^2 at t = 12.
    assert best.frame(1.0) == pytest.approx(12.0)
    assert best.frame(2.0) == pytest.approx(40.0)
    assert error(best) == pytest.approx(0.2**2 + 0.6**2)


def test_the_floor_of_what_was_published():
    """YOLOv3-tiny is counted, the others are known by their operations."""
    floors = {(point.network, point.size, point.unit): nano.floor_of(point) for point in PUBLISHED}
    assert floors["YOLOv4-tiny", 416, "GPU FP16"] == pytest.approx(6.9 / 471.8592 * 1e3)
    assert floors["YOLOv3", 608, "GPU FP16"] == pytest.approx(65.9 * (608 / 416) ** 2 / 471.8592 * 1e3)
    by_operations = 5.564961792 / 471.8592 * 1e3
    assert by_operations < floors["YOLOv3-tiny", 416, "GPU FP16"] == pytest.approx(1.05 * by_operations, rel=0.002)


def test_errors_of_the_model():
    rows = {(row["point"], row["runtime"]): row for row in nano.errors()}
    assert len(rows) == len(PUBLISHED)
    for row in rows.values():
        compared = row["use"] in (FIT, TEST, FAR, NETWORK)
        assert (row["model_ms"] is not None) == (row["error_percent"] is not None) == compared, row["point"]
        assert row["published_ms"] * row["published_fps"] == pytest.approx(1000, rel=0.002)
        assert row["of_peak"] == pytest.approx(row["floor_ms"] / row["published_ms"], abs=0.002)
        assert row["use"] in USES
        assert row["source"]
    errors = {point: row["error_percent"] for (point, runtime), row in rows.items() if runtime == "TensorRT FP16"}
    assert errors["YOLOv3-tiny 288"] == errors["YOLOv3-tiny 416"] == 0
    # 17.55 + 14.62 / 0.571 = 43.14 ms, where 1000 / 25.5 = 39.22 were measured
    assert errors["YOLOv4-tiny 416"] == pytest.approx(10.0, abs=0.1)
    assert errors["SSD-MobileNet v2 300"] < -25, "as it must be: its depthwise layers are not in the model"
    left_out = {point for (point, _), row in rows.items() if row["left_out_percent"] is not None}
    assert left_out == {"YOLOv3-tiny 288", "YOLOv3-tiny 416", "YOLOv4-tiny 288", "YOLOv4-tiny 416"}


def test_leaving_one_out_is_not_the_fit():
    row = next(row for row in nano.errors() if row["point"] == "YOLOv3-tiny 288")
    others = [("YOLOv3-tiny", 416), ("YOLOv4-tiny", 288), ("YOLOv4-tiny", 416)]
    points = [p for p in PUBLISHED if (p.network, p.size) in others and p.runtime == "TensorRT FP16"]
    line = nano.fit([nano.floor_of(p) for p in points], [1e3 / p.fps for p in points])
    time = line.frame(row["floor_ms"])
    assert row["left_out_percent"] == pytest.approx(100 * (time * 35.8 / 1000 - 1), abs=0.1)


def test_a_figure_beyond_the_peak_is_not_compared():
    (row,) = (row for row in nano.errors() if row["use"] == OTHER)
    assert row["of_peak"] > 1
    assert "mobilenetv2_yolov3" in row["note"]
    assert all(row["of_peak"] < 1 for row in nano.errors() if row["use"] != OTHER)


def test_expectations(monkeypatch):
    made = {}

    def measure(model, height, width):
        made[height, width] = Network(height, width, (layer(height * width * 1000, 1000),), True)
        return made[height, width]

    monkeypatch.setattr(nano, "load", lambda path: None)
    monkeypatch.setattr(nano, "fixed_size", lambda model: None)
    monkeypatch.setattr(nano, "measure", measure)
    monkeypatch.setattr(nano, "fitted", lambda: nano.Line(10.0, 0.5))
    monkeypatch.setattr(nano, "floor_of", lambda point: 1.0 if point.size == 288 else 0.5)
    (small, large) = nano.expectations("any", [160, 416])
    assert (small["input"], large["input"]) == ([128, 160], [320, 416])
    assert large["operations_g"] == pytest.approx(0.2662, abs=1e-4)
    assert large["floor_ms"] == pytest.approx(0.564, abs=0.001)  # 320 x 416 x 2000 / 471.86e9
    assert large["network_ms"] == pytest.approx(1.13, abs=0.01)
    assert large["expected_ms"] == pytest.approx(11.13, abs=0.01)
    assert large["expected_fps"] == pytest.approx(89.9, abs=0.1)
    assert large["floor_5w_ms"] == pytest.approx(0.564 * 921.6 / 640, abs=0.001)
    assert large["bound"] == {"operations": 1.0, "bytes": 0.0}
    assert (small["extrapolated"], large["extrapolated"]) == (True, False)


@pytest.mark.parametrize(
    "resize, square, shape",
    [("stretch", False, (32, 32)), ("rectangle", False, (24, 32)), ("rectangle", True, (32, 32))],
)
def test_a_network_is_counted_at_the_shape_that_its_card_says(tmp_path, resize, square, shape):
    made = network("[maxpool]\nstride=8\n", HEAD)
    folded = [parameters.fold() for parameters in random_parameters(made.conv_shapes())]
    path = str(tmp_path / "small.onnx")
    onnx.save(emit_onnx(made, folded), path)
    given = {"layout": "NCHW", "colour": "RGB", "scale": 1 / 255, "multiple": 8, "resize": resize}
    heads = [{"stride": 8, "anchors": [[10, 14], [23, 27]]}]
    fields = {"name": "small", "sha256": hash_file(path), "input": given, "heads": heads, "labels": ["a", "b"]}
    write_fields(path, fields)
    ((size, counted),) = networks(path, [32], square)
    assert (size, counted.height, counted.width) == (32, *shape)
    assert networks(path, [40])[0][1].width == 40, "a multiple of the card's, though not of 32"
    with pytest.raises(UsageError, match="size 36 is not a multiple of 8"):
        networks(path, [36])
