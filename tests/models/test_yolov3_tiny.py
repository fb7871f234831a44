import numpy as np
import onnx
import onnxruntime
import pytest
from support.oracles import run_table
from support.weights_file import FLOATS, write_random_weights

from models.darknet import read_weights
from models.darknet_onnx import emit_onnx
from models.darknet_table import Concat, MaxPool
from models.yolov3_tiny import LABELS, NETWORK


@pytest.fixture(scope="module")
def convolutions(tmp_path_factory):
    path = write_random_weights(tmp_path_factory.mktemp("weights") / "random.weights", NETWORK.conv_shapes())
    return read_weights(path, NETWORK.conv_shapes())


@pytest.fixture(scope="module")
def model(convolutions):
    return emit_onnx(NETWORK, convolutions)


@pytest.fixture(scope="module")
def session(model):
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def test_number_of_floats():
    assert sum(shape.floats() for shape in NETWORK.conv_shapes()) == FLOATS


def test_labels_and_anchors():
    assert len(LABELS) == len(set(LABELS)) == 80
    assert (LABELS[0], LABELS[16], LABELS[79]) == ("person", "dog", "toothbrush")
    coarse, fine = NETWORK.heads
    assert (coarse.name, coarse.stride, coarse.anchors) == ("coarse", 32, ((81, 82), (135, 169), (344, 319)))
    assert (fine.name, fine.stride) == ("fine", 16)
    assert fine.anchors == ((23, 27), (37, 58), (81, 82)), "not 10,14, which costs a third of the AP"
    assert [(head.scale_x_y, head.squared) for head in NETWORK.heads] == [(1, False)] * 2
    assert (NETWORK.classes, NETWORK.multiple, NETWORK.width, NETWORK.height) == (80, 32, 416, 416)


def test_pools_and_the_way_back():
    pools = [layer.stride for layer in NETWORK.layers if isinstance(layer, MaxPool)]
    merged = [layer.sources for layer in NETWORK.layers if isinstance(layer, Concat)]
    assert pools == [(2, 2)] * 5 + [(1, 1)]
    assert merged == [("upsample19", "leaky8")], "in this order, and the eighth layer as it is before its pool"


def test_onnx_is_what_old_readers_take(model):
    onnx.checker.check_model(model)
    assert model.ir_version == 7
    assert [(each.domain, each.version) for each in model.opset_import] == [("", 13)]
    resizes = [node for node in model.graph.node if node.op_type == "Resize"]
    constants = {constant.name for constant in model.graph.initializer}
    assert len(resizes) == 1
    assert resizes[0].input[2] in constants, "the scales are an initializer"
    attributes = {each.name: onnx.helper.get_attribute_value(each) for each in resizes[0].attribute}
    assert attributes["mode"] == b"nearest"
    assert attributes["coordinate_transformation_mode"] == b"asymmetric"
    assert attributes["nearest_mode"] == b"floor"


def test_the_same_weights_give_the_same_bytes(convolutions, model):
    assert emit_onnx(NETWORK, convolutions).SerializeToString() == model.SerializeToString()


def test_input_and_outputs(session):
    assert [(each.name, each.type) for each in session.get_inputs()] == [("images", "tensor(float)")]
    assert [dimension for dimension in session.get_inputs()[0].shape if isinstance(dimension, int)] == [3]
    assert [each.name for each in session.get_outputs()] == ["coarse", "fine"]


@pytest.mark.parametrize(
    "shape, coarse, fine",
    [
        pytest.param((1, 3, 320, 416), (1, 255, 10, 13), (1, 255, 20, 26), id="416 x 320"),
        pytest.param((1, 3, 32, 32), (1, 255, 1, 1), (1, 255, 2, 2), id="the least"),
        pytest.param((2, 3, 64, 32), (2, 255, 2, 1), (2, 255, 4, 2), id="two at once"),
    ],
)
def test_output_shapes(session, shape, coarse, fine):
    outputs = session.run(None, {"images": np.zeros(shape, np.float32)})
    assert [output.shape for output in outputs] == [coarse, fine]


def test_onnx_computes_the_table(session, convolutions):
    image = np.random.RandomState(1).uniform(size=(3, 32, 64)).astype(np.float32)
    layers = run_table(NETWORK, convolutions, image)
    for head, output in zip(NETWORK.heads, session.run(None, {"images": image[None]})):
        expected = layers[head.source]
        assert 0.1 < expected.std() < 100, "the comparison means something"
        # Single against double precision through 13 layers.
        np.testing.assert_allclose(output[0], expected, rtol=1e-3, atol=1e-4 * expected.std())


@pytest.fixture(scope="module")
def old_model(convolutions):
    return emit_onnx(NETWORK, convolutions, opset=8)


def test_opset_8_is_what_opencv_4_1_takes(old_model):
    onnx.checker.check_model(old_model)
    assert old_model.ir_version == 4
    assert [(each.domain, each.version) for each in old_model.opset_import] == [("", 8)]
    nodes = {kind: [node for node in old_model.graph.node if node.op_type == kind] for kind in ("Upsample", "MaxPool")}
    assert "Resize" not in {node.op_type for node in old_model.graph.node}
    (upsample,) = nodes["Upsample"]
    assert {each.name: onnx.helper.get_attribute_value(each) for each in upsample.attribute} == {
        "mode": b"nearest",
        "scales": [1, 1, 2, 2],
    }
    for pool in nodes["MaxPool"]:
        attributes = {each.name: onnx.helper.get_attribute_value(each) for each in pool.attribute}
        assert attributes["auto_pad"] == b"SAME_UPPER", "its pads it would take for both sides"
        assert "pads" not in attributes


@pytest.mark.parametrize("shape", [(1, 3, 64, 96), (2, 3, 32, 32)], ids=str)
def test_opset_8_computes_the_same(session, old_model, shape):
    tensor = np.random.RandomState(2).uniform(size=shape).astype(np.float32)
    old = onnxruntime.InferenceSession(old_model.SerializeToString(), providers=["CPUExecutionProvider"])
    assert [each.name for each in old.get_outputs()] == ["coarse", "fine"]
    for output, expected in zip(old.run(None, {"images": tensor}), session.run(None, {"images": tensor})):
        np.testing.assert_allclose(output, expected, rtol=0, atol=1e-5)
