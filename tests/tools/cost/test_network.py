import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from app.errors import ModelError, UsageError
from app.modelcard import find_model
from models.darknet_table import Activation, Conv, MaxPool, Upsample
from models.yolov3_tiny import NETWORK
from tools.cost.nano import yolov3_tiny_model
from tools.cost.network import fixed_size, load, measure


@pytest.fixture(scope="module")
def yolo():
    return yolov3_tiny_model()


def model(nodes, shape, constants=(), listed=False):
    """A network from `images` to `out`; constants: names and shapes. listed: among the inputs too, as it once was."""
    inputs = [helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)]
    if listed:
        inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, s) for name, s in constants] + inputs
    outputs = [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)]
    arrays = [numpy_helper.from_array(np.zeros(size, np.float32), name) for name, size in constants]
    graph = helper.make_graph(nodes, "made", inputs, outputs, arrays)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)


# What Darknet prints for cfg/yolov3-tiny.cfg at 416x416.
DARKNET_BFLOPS = [0.150, 0.399, 0.399, 0.399, 0.399, 0.399, 1.595, 0.089, 0.399, 0.044, 0.011, 1.196, 0.088]


def test_the_figures_that_darknet_prints(yolo):
    network = measure(yolo, 416, 416)
    convolutions = [layer for layer in network.layers if layer.operator == "Conv"]
    assert [round(layer.operations / 1e9, 3) for layer in convolutions] == DARKNET_BFLOPS
    assert network.operations / 1e9 == pytest.approx(5.565, abs=0.0005)


def test_weights(yolo):
    """The file holds 8,858,734 floats: of four per filter before a batch norm, three are folded away."""
    normalised = 16 + 32 + 64 + 128 + 256 + 512 + 1024 + 256 + 512 + 128 + 256
    assert measure(yolo, 64, 64).weights == 8_858_734 - 3 * normalised


@pytest.mark.parametrize("height, width", [(416, 416), (320, 416), (128, 160), (32, 64)])
def test_yolov3_tiny_against_its_table(yolo, height, width):
    shapes = {"images": (3, height, width)}
    expected = []  # multiply-adds, values moved
    for layer in NETWORK.layers:
        channels, h, w = shapes[layer.sources[0]]
        macs = weights = 0
        if isinstance(layer, Activation):  # costs nothing of its own
            shapes[layer.name] = (channels, h, w)
            continue
        if isinstance(layer, Conv):
            weights = layer.filters * (channels * layer.size**2 + 1)
            macs = h * w * layer.filters * channels * layer.size**2
            channels = layer.filters
        elif isinstance(layer, MaxPool):
            h, w = h // layer.stride[0], w // layer.stride[1]
        elif isinstance(layer, Upsample):
            h, w = 2 * h, 2 * w
        else:
            channels = sum(shapes[source][0] for source in layer.sources)
        shapes[layer.name] = (channels, h, w)
        read = sum(int(np.prod(shapes[source])) for source in layer.sources)
        expected.append((macs, weights + read + channels * h * w))
    network = measure(yolo, height, width)
    assert [(layer.macs, layer.moved(1)) for layer in network.layers] == expected
    assert network.detector


def test_a_classifier_of_this_project():
    network = measure(load(find_model("nano_resnet_s")), 32, 32)
    stages = [32 * 27 * 32**2]  # filters x products x pixels
    for filters, channels, side in ((64, 32, 16), (128, 64, 8), (256, 128, 4)):
        stages.append(filters * side**2 * (9 * channels + 9 * filters + channels))  # two 3x3 and the 1x1 shortcut
    assert network.operations == 2 * (sum(stages) + 256 * 100)
    assert not network.detector
    assert [layer.operator for layer in network.layers] == ["Conv"] * 10 + ["GlobalAveragePool", "Gemm"]


OPERATORS = {
    "convolution with stride": ("Conv", (8, 4, 3, 3), {"strides": [2, 2], "pads": [1, 1, 1, 1]}, 8 * 16 * 36, 288),
    "groups": ("Conv", (8, 2, 1, 1), {"group": 2}, 8 * 64 * 2, 16),
    "depthwise": ("Conv", (4, 1, 3, 3), {"group": 4, "pads": [1, 1, 1, 1]}, 4 * 64 * 9, 36),
}


@pytest.mark.parametrize("operator, kernel, attributes, macs, weights", OPERATORS.values(), ids=OPERATORS.keys())
def test_convolutions(operator, kernel, attributes, macs, weights):
    node = helper.make_node(operator, ["images", "kernel"], ["out"], **attributes)
    (layer,) = measure(model([node], [1, 4, 8, 8], [("kernel", kernel)]), 8, 8).layers
    assert (layer.macs, layer.weights, layer.read) == (macs, weights, 256)


PRODUCTS = {
    "Gemm": ("Gemm", {}, (32, 5)),
    "Gemm, weights transposed": ("Gemm", {"transB": 1}, (5, 32)),
    "MatMul": ("MatMul", {}, (32, 5)),
}


@pytest.mark.parametrize("operator, attributes, shape", PRODUCTS.values(), ids=PRODUCTS.keys())
def test_matrix_products(operator, attributes, shape):
    flat = helper.make_node("Flatten", ["images"], ["flat"])
    product = helper.make_node(operator, ["flat", "matrix"], ["out"], **attributes)
    network = measure(model([flat, product], [1, 2, 4, 4], [("matrix", shape)]), 4, 4)
    (layer,) = network.layers
    assert (layer.macs, layer.weights, layer.read, layer.written) == (160, 160, 32, 5)
    assert not network.detector


def test_what_is_fused_moves_nothing_and_a_pool_does():
    nodes = [
        helper.make_node("Relu", ["images"], ["a"]),
        helper.make_node("Add", ["a", "images"], ["b"]),
        helper.make_node("MaxPool", ["b"], ["out"], kernel_shape=[2, 2], strides=[2, 2]),
    ]
    (pool,) = measure(model(nodes, ["n", 3, "h", "w"]), 8, 4).layers
    assert (pool.macs, pool.weights, pool.read, pool.written, pool.output) == (0, 0, 96, 24, (1, 3, 4, 2))


def test_a_part_is_read_and_written_once():
    nodes = [
        helper.make_node("Slice", ["images", "starts", "ends", "axes"], ["part"]),
        helper.make_node("SpaceToDepth", ["part"], ["out"], blocksize=2),
    ]
    made = model(nodes, ["n", 3, "h", "w"])
    for name, value in (("starts", 1), ("ends", 3), ("axes", 1)):
        made.graph.initializer.append(numpy_helper.from_array(np.array([value]), name))
    part, blocks = measure(made, 8, 4).layers
    assert (part.read, part.written, part.output) == (64, 64, (1, 2, 8, 4))
    assert (blocks.read, blocks.written, blocks.output) == (64, 64, (1, 8, 4, 2))


def test_both_halves_of_a_split_are_written():
    made = model([helper.make_node("Split", ["images"], ["one", "out"], axis=3)], ["n", 3, "h", "w"])
    (split,) = measure(made, 8, 4).layers
    assert (split.read, split.written) == (96, 96)


def test_padding_is_written_and_the_picture_read():
    made = model([helper.make_node("Pad", ["images", "pads"], ["out"])], ["n", 3, "h", "w"])
    made.graph.initializer.append(numpy_helper.from_array(np.array([0, 0, 1, 1, 0, 0, 1, 1]), "pads"))
    (pad,) = measure(made, 8, 4).layers
    assert (pad.macs, pad.read, pad.written, pad.output) == (0, 96, 3 * 10 * 6, (1, 3, 10, 6))


def test_rows_of_boxes_are_a_detectors():
    """YOLOX's: a head (1, 7, 4, 2) becomes rows (1, 8, 7). Reshape only renames, Transpose reads and writes all."""
    nodes = [
        helper.make_node("Reshape", ["images", "rows"], ["flat"]),
        helper.make_node("Transpose", ["flat"], ["out"], perm=[0, 2, 1]),
    ]
    made = model(nodes, ["n", 7, "h", "w"])
    made.graph.initializer.append(numpy_helper.from_array(np.array([1, 7, -1]), "rows"))
    network = measure(made, 4, 2)
    assert [(layer.operator, layer.read, layer.written) for layer in network.layers] == [("Transpose", 56, 56)]
    assert network.detector


def test_what_depends_on_the_shape_only_costs_nothing():
    """The grid of an exported detector: 0, 1, ... of the width, repeated for each row, is no work of a frame."""
    nodes = [
        helper.make_node("Shape", ["images"], ["shape"]),
        helper.make_node("Gather", ["shape", "three"], ["width"]),
        helper.make_node("Range", ["zero", "width", "one"], ["row"]),
        helper.make_node("Cast", ["row"], ["columns"], to=TensorProto.FLOAT),
        helper.make_node("Expand", ["columns", "shape"], ["grid"]),
        helper.make_node("Add", ["images", "grid"], ["moved"]),
        helper.make_node("Transpose", ["moved"], ["out"], perm=[0, 2, 3, 1]),
    ]
    made = model(nodes, ["n", 3, "h", "w"])
    for name, value in (("zero", 0), ("one", 1), ("three", 3)):
        made.graph.initializer.append(numpy_helper.from_array(np.array(value), name))
    assert [layer.operator for layer in measure(made, 8, 4).layers] == ["Transpose"]


def test_weights_that_are_listed_as_inputs():
    node = helper.make_node("Conv", ["images", "kernel"], ["out"])
    made = model([node], ["n", 3, "h", "w"], [("kernel", (1, 3, 1, 1))], listed=True)
    assert fixed_size(made) is None
    assert measure(made, 5, 7).operations == 2 * 3 * 35


def test_weights_in_half_precision():
    """A Cast makes float32 of them, once, when the model is loaded: they are weights all the same."""
    nodes = [
        helper.make_node("Cast", ["half"], ["kernel"], to=TensorProto.FLOAT),
        helper.make_node("Conv", ["images", "kernel"], ["out"]),
    ]
    (layer,) = measure(model(nodes, ["n", 3, "h", "w"], [("half", (2, 3, 1, 1))]), 5, 7).layers
    assert (layer.macs, layer.weights, layer.read) == (6 * 35, 6, 3 * 35)


RELU = helper.make_node("Relu", ["images"], ["out"])
WRONG = {
    "an operator that would be counted as nothing": (
        helper.make_node("ConvTranspose", ["images", "kernel"], ["out"], name="up"),
        [1, 3, 8, 8],
        ModelError,
        "up: the cost of operator ConvTranspose is not known",
    ),
    "another size than the network's": (RELU, [1, 3, 9, 8], UsageError, "takes 8x9, not 8x8"),
    "no image": (RELU, [1, 3], ModelError, "one input"),
    "shapes that do not fit": (
        helper.make_node("MatMul", ["images", "kernel"], ["out"]),
        [1, 5, 8, 8],
        ModelError,
        "cannot infer its shapes",
    ),
}


@pytest.mark.parametrize("node, shape, error, words", WRONG.values(), ids=WRONG.keys())
def test_refused(node, shape, error, words):
    with pytest.raises(error, match=words):
        measure(model([node], shape, [("kernel", (3, 3, 1, 1))]), 8, 8)


@pytest.mark.parametrize("data", [b"", b"no model", b"\x00" * 40], ids=["empty", "text", "zeros"])
def test_not_a_model(tmp_path, data):
    (tmp_path / "broken.onnx").write_bytes(data)
    with pytest.raises(ModelError, match="not an ONNX file"):
        load(str(tmp_path / "broken.onnx"))


def test_no_model(tmp_path):
    with pytest.raises(ModelError, match="python -m tools.convert"):
        load(str(tmp_path / "none.onnx"))


def test_a_file_is_read_and_not_changed(tmp_path, yolo):
    path = str(tmp_path / "yolo.onnx")
    onnx.save(yolo, path)
    before = yolo.SerializeToString()
    assert measure(load(path), 64, 96) == measure(yolo, 64, 96)
    assert yolo.SerializeToString() == before
