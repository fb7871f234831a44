import numpy as np
import onnx
import onnxruntime
import pytest
from support.darknet_files import HEAD, NET, NETWORKS, YOLO, conv, network
from support.oracles import run_table

from models.darknet import Convolution, random_parameters
from models.darknet_onnx import emit_onnx
from models.darknet_table import MaxPool


def computed(made, convolutions, opset, image):
    """The heads that ONNX Runtime computes."""
    data = emit_onnx(made, convolutions, opset).SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return session.run(None, {"images": image[None].astype(np.float32)})


@pytest.mark.parametrize("opset", [13, 8])
@pytest.mark.parametrize("sections", NETWORKS.values(), ids=NETWORKS.keys())
def test_onnx_computes_the_table(sections, opset):
    made = network(*sections, HEAD)
    convolutions = [parameters.fold() for parameters in random_parameters(made.conv_shapes())]
    image = np.random.RandomState(1).uniform(-2, 2, size=(3, 8, 16))
    layers = run_table(made, convolutions, image)
    for head, output in zip(made.heads, computed(made, convolutions, opset, image)):
        expected = layers[head.source]
        assert expected.std() > 0.1, "the comparison means something"
        assert expected.shape == (14, 8 // head.stride, 16 // head.stride)
        np.testing.assert_allclose(output[0], expected, rtol=1e-4, atol=1e-4 * expected.std())


@pytest.mark.parametrize(
    "size, stride, pads", [(2, 2, (0, 0)), (2, 1, (0, 1)), (5, 1, (2, 2)), (3, 2, (1, 1)), (4, 2, (1, 1))]
)
def test_what_a_pool_pads(size, stride, pads):
    assert MaxPool("pool", ("images",), size, (stride, stride), size - 1).pads(0) == pads


def test_two_heads_their_order_and_names():
    made = network(conv(14), YOLO, "[route]\nlayers=0\n[maxpool]\nstride=2\n", HEAD)
    convolutions = [parameters.fold() for parameters in random_parameters(made.conv_shapes())]
    graph = emit_onnx(made, convolutions, name="mine").graph
    assert graph.name == "mine"
    assert [each.name for each in graph.output] == ["head1", "head2"]
    image = np.random.RandomState(1).uniform(size=(3, 4, 4))
    layers = run_table(made, convolutions, image)
    one, two = computed(made, convolutions, 13, image)
    np.testing.assert_allclose(one[0], layers["conv0"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(two[0], layers["conv4"], rtol=1e-4, atol=1e-5)


def test_new_coords_leave_the_logistic_function_to_the_decoder():
    made = network(conv(14, "logistic"), YOLO + "new_coords=1\n")
    (parameters,) = random_parameters(made.conv_shapes())
    assert [node.op_type for node in emit_onnx(made, [parameters.fold()]).graph.node] == ["Conv"]


def test_layers_that_no_head_needs_take_their_weights_and_no_more():
    made = network(conv(9), "[route]\nlayers=0\n", conv(14), YOLO, "[route]\nlayers=0\n", conv(5))
    shapes = made.conv_shapes()
    assert [shape.filters for shape in shapes] == [9, 14, 5]
    ones = [
        Convolution(np.ones((s.filters, s.channels, 1, 1), np.float32), np.ones(s.filters, np.float32)) for s in shapes
    ]
    assert [node.name for node in emit_onnx(made, ones).graph.node] == ["conv0", "head1"]


@pytest.mark.parametrize("opset, ir", [(13, 7), (8, 4)])
def test_versions(opset, ir):
    made = network(HEAD)
    (parameters,) = random_parameters(made.conv_shapes())
    model = emit_onnx(made, [parameters.fold()], opset)
    onnx.checker.check_model(model)
    assert (model.ir_version, model.opset_import[0].version) == (ir, opset)


def test_the_input_is_any_multiple_of_the_stride():
    made = network("[maxpool]\nstride=4\n", HEAD, net=NET)
    (parameters,) = random_parameters(made.conv_shapes())
    (output,) = computed(made, [parameters.fold()], 13, np.zeros((3, 12, 20)))
    assert output.shape == (1, 14, 3, 5)
