import numpy as np
import pytest

keras = pytest.importorskip("keras", "3")
ort = pytest.importorskip("onnxruntime")

from keras import layers  # noqa: E402

from models.cifar import NETWORKS  # noqa: E402
from models.keras_onnx import emit_onnx  # noqa: E402


def randomise(model, seed=0):
    """Weights and statistics as after training: a new batch norm would hide most mistakes in folding it."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            channels = layer.gamma.shape[0]
            gamma, beta = rng.uniform(0.5, 1.5, channels), rng.normal(size=channels)
            layer.set_weights([gamma, beta, rng.normal(size=channels) * 0.1, rng.uniform(0.5, 2, channels)])
        elif isinstance(layer, (layers.Conv2D, layers.Dense)) and layer.use_bias:
            layer.bias.assign(rng.normal(size=layer.bias.shape))
    return model


def both(model, images):
    """Logits by Keras and by ONNX Runtime of images (n, h, w, 3)."""
    session = ort.InferenceSession(emit_onnx(model).SerializeToString(), providers=["CPUExecutionProvider"])
    (actual,) = session.run(None, {"images": np.ascontiguousarray(images.transpose(0, 3, 1, 2))})
    return np.asarray(model(images, training=False)), actual


def pixels(*shape):
    return np.random.default_rng(1).integers(0, 256, shape).astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_same_logits_as_keras(name):
    expected, actual = both(randomise(NETWORKS[name]()), pixels(3, 32, 32, 3))
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("size, stride", [(1, 1), (1, 2), (2, 1), (3, 1), (3, 2), (3, 3), (5, 2), (5, 4)])
@pytest.mark.parametrize("height, width", [(8, 8), (9, 7), (32, 31)])
def test_same_padding_is_on_tensorflows_side(size, stride, height, width):
    inputs = keras.Input((height, width, 3))
    x = layers.Conv2D(4, size, stride, padding="same")(inputs)
    x = layers.Flatten()(x)
    expected, actual = both(randomise(keras.Model(inputs, layers.Dense(5)(x))), pixels(2, height, width, 3) / 255)
    np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-4)


def test_same_model_gives_same_bytes():
    model = NETWORKS["report_fast"]()
    assert emit_onnx(model).SerializeToString() == emit_onnx(model).SerializeToString()


def test_what_the_oldest_runtimes_read():
    proto = emit_onnx(NETWORKS["nano_resnet_s"]())
    assert (proto.ir_version, proto.opset_import[0].version) == (7, 13)
    assert {node.op_type for node in proto.graph.node} <= {
        "Mul", "Add", "Conv", "Relu", "GlobalAveragePool", "Flatten", "Gemm",
    }  # fmt: skip


def refused(build):
    inputs = keras.Input((8, 8, 3))
    return keras.Model(inputs, build(inputs))


@pytest.mark.parametrize(
    "build, reason",
    [
        (
            lambda x: layers.Dense(2)(layers.Flatten()(layers.UpSampling2D()(x))),
            "UpSampling2D is not a supported layer",
        ),
        (lambda x: layers.Flatten()(layers.BatchNormalization()(x)), "must follow a convolution"),
        (lambda x: layers.Flatten()(layers.Conv2D(2, 3, activation="relu")(x)), "activation relu"),
        (lambda x: layers.Flatten()(layers.Conv2D(2, 3, dilation_rate=2)(x)), "dilation_rate"),
        (lambda x: layers.Flatten()(layers.Conv2D(3, 3, groups=3)(x)), "groups"),
        (lambda x: layers.Flatten()(layers.MaxPooling2D(3, padding="same")(x)), "padding same"),
    ],
)
def test_unknown_layers_are_refused(build, reason):
    with pytest.raises(ValueError, match=reason):
        emit_onnx(refused(build))


def test_a_norm_is_not_folded_into_a_convolution_that_others_use():
    def build(x):
        shared = layers.Conv2D(3, 3, padding="same")(x)
        plain = layers.ReLU()(shared)
        return layers.Flatten()(layers.Add()([plain, layers.BatchNormalization()(shared)]))

    with pytest.raises(ValueError, match="nothing else uses"):
        emit_onnx(refused(build))
