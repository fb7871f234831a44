import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, save
from support.graphs import graph

from app.backends.onnx import OnnxBackend
from app.errors import ModelError

FREE = ("n", 3, "h", "w")
BIAS = np.array([1, 2, 3], np.float32).reshape(1, 3, 1, 1)


def write_model(path, shape=FREE, kind=TensorProto.FLOAT, inputs=("images",)):
    """A model of two outputs: images * 2 + (1, 2, 3) by channel, and the sum over height and width."""
    nodes = [
        helper.make_node("Cast", [inputs[0]], ["cast"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["cast", "cast"], ["twice"]),
        helper.make_node("Add", ["twice", "bias"], ["scaled"]),
        helper.make_node("GlobalAveragePool", ["scaled"], ["mean"]),
    ]
    ends = dict.fromkeys(inputs, shape), {"scaled": shape, "mean": (shape[0], 3, 1, 1)}
    save(graph(nodes, *ends, constants={"bias": BIAS}, kinds=dict.fromkeys(inputs, kind)), str(path))
    return str(path)


@pytest.fixture
def model(tmp_path):
    return write_model(tmp_path / "tiny.onnx")


def random_tensor(*shape):
    return np.random.RandomState(0).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(1, 3, 4, 6), (2, 3, 1, 1)], ids=str)
def test_infer_is_numpy(model, shape):
    tensor = random_tensor(*shape)
    with OnnxBackend(model, "cpu", threads=1) as backend:
        scaled, mean = backend.infer(tensor)
        assert backend.description == f"onnxruntime {onnxruntime.__version__} CPUExecutionProvider, 1 threads"
    expected = 2 * tensor + BIAS
    np.testing.assert_allclose(scaled, expected, rtol=1e-6)
    np.testing.assert_allclose(mean, expected.mean(axis=(2, 3), keepdims=True), rtol=1e-4, atol=1e-5)
    assert scaled.dtype == mean.dtype == np.float32


@pytest.mark.parametrize(
    "shape, expected",
    [
        pytest.param(FREE, (None, 3, None, None), id="free"),
        pytest.param((1, 3, 32, 64), (1, 3, 32, 64), id="fixed"),
        pytest.param((1, 3, "h", 64), (1, 3, None, 64), id="height free"),
        pytest.param((None, 3, None, None), (None, 3, None, None), id="without names"),
    ],
)
def test_input_shape(tmp_path, shape, expected):
    with OnnxBackend(write_model(tmp_path / "tiny.onnx", shape)) as backend:
        assert backend.input_shape == expected


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"kind": TensorProto.UINT8}, id="an input of bytes"),
        pytest.param({"inputs": ("images", "sizes")}, id="two inputs"),
    ],
)
def test_a_model_of_another_kind(tmp_path, options):
    with pytest.raises(ModelError, match="one float32 input"):
        OnnxBackend(write_model(tmp_path / "tiny.onnx", **options), "cpu")
