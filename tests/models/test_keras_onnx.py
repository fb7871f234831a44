import importlib

import numpy as np
import pytest

keras = pytest.importorskip("keras", "3")
ort = pytest.importorskip("onnxruntime")

from keras import layers  # noqa: E402

from models.cifar import NETWORKS  # noqa: E402
from models.keras_onnx import emit_onnx  # noqa: E402
from models.regularisers import DropConnectDense, FractionalMaxPooling2D  # noqa: E402


def randomise(model, seed=0):
    """Weights and statistics as after training: a new batch norm would hide most mistakes in folding it."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            for weight in layer.weights:
                around, spread = {"gamma": (1, 0.5), "moving_variance": (1.2, 0.7)}.get(weight.name, (0, 0.5))
                weight.assign(rng.uniform(around - spread, around + spread, weight.shape))
        elif isinstance(layer, (layers.Conv2D, layers.DepthwiseConv2D, layers.Dense)) and layer.use_bias:
            layer.bias.assign(rng.normal(size=layer.bias.shape))
    return model


def both(model, images, **options):
    """Logits by Keras and by ONNX Runtime of images (n, h, w, c)."""
    proto = emit_onnx(model, **options)
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    (actual,) = session.run(None, {"images": np.ascontiguousarray(images.transpose(0, 3, 1, 2))})
    return np.asarray(model(images, training=False)), actual


def by_openvino(model, images, **options):
    """Logits by OpenVINO, which rearranges a graph more than others do."""
    core = pytest.importorskip("openvino").Core()
    network = core.read_model(emit_onnx(model, **options).SerializeToString())
    compiled = core.compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return compiled(images.transpose(0, 3, 1, 2))[0]


def pixels(*shape):
    return np.random.default_rng(1).integers(0, 256, shape).astype(np.float32)


FAMILIES = ("cifar", "nano_cifar", "lecture", "characters")
BUILDERS = {
    name: build for family in FAMILIES for name, build in importlib.import_module("models." + family).NETWORKS.items()
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BUILDERS)
def test_same_logits_as_keras(name):
    model = randomise(BUILDERS[name]())
    free = model.input_shape[1] is None
    shape = (32, 32, 3) if free else model.input_shape[1:]
    images, options = pixels(3, *shape), {"size": (32, 32)} if free else {}
    expected, actual = both(model, images, **options)
    for logits in (actual, by_openvino(model, images, **options)):
        np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


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


def small(build, height=8, width=8, channels=3):
    """A classifier whose middle is `build`; its end tells the places of a picture apart."""
    inputs = keras.Input((height, width, channels))
    x = build(inputs)
    if len(x.shape) == 4:
        x = layers.Flatten()(x)
    return randomise(keras.Model(inputs, layers.Dense(5)(x)))


def same(model, operators, **options):
    """ONNX Runtime computes what Keras computes, and the graph has these operators before the dense layer."""
    shape = model.input_shape[1:]
    if options:
        shape = (*options["size"], shape[-1])
    expected, actual = both(model, pixels(3, *shape) / 64 - 2, **options)
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4)
    assert [node.op_type for node in emit_onnx(model, **options).graph.node] == operators.split() + ["Gemm"]


def norm_after(*before, **options):
    def build(x):
        for layer in before:
            x = layer(x)
        return layers.BatchNormalization(**options)(x)

    return build


@pytest.mark.parametrize("size, stride, padding", [(3, 1, "same"), (3, 2, "same"), (5, 2, "same"), (3, 2, "valid")])
@pytest.mark.parametrize("multiplier", [1, 2])
def test_depthwise_convolutions(size, stride, padding, multiplier):
    layer = layers.DepthwiseConv2D(size, stride, padding=padding, depth_multiplier=multiplier)
    same(small(norm_after(layer), 9, 8), "Conv Flatten")


ACTIVATIONS = {
    "Relu": layers.ReLU(),
    "Clip": layers.ReLU(max_value=6),
    "Sigmoid Mul": layers.Activation("silu"),
    "Tanh": layers.Activation("tanh"),
}


@pytest.mark.parametrize("operators", ACTIVATIONS)
def test_activations(operators):
    """As layers, and after Flatten, where a tensor is in ONNX' order."""
    config = ACTIVATIONS[operators].get_config()
    kind = type(ACTIVATIONS[operators])
    same(small(lambda x: kind.from_config(config)(layers.Rescaling(9.0)(x))), f"Mul Add {operators} Flatten")
    same(small(lambda x: kind.from_config(config)(layers.Flatten()(x))), f"Flatten {operators}")


@pytest.mark.parametrize("name, operators", [("relu", "Relu"), ("relu6", "Clip"), ("swish", "Sigmoid Mul")])
def test_activations_within_a_convolution(name, operators):
    same(small(layers.Conv2D(4, 3, activation=name)), f"Conv {operators} Flatten")
    same(small(norm_after(layers.Conv2D(4, 3, activation=name))), f"Conv {operators} Mul Add Flatten")


@pytest.mark.parametrize(
    "before, after", [((8, 8), (20, 20)), ((28, 28), (90, 90)), ((32, 30), (13, 64)), ((9, 7), (9, 7))]
)
def test_resizing(before, after):
    """Up and down, by factors that float32 cannot hold."""
    model = small(layers.Resizing(*after), *before, channels=1)
    same(model, "Resize Flatten")


@pytest.mark.parametrize("kind", ["MaxPooling2D", "AveragePooling2D"])
@pytest.mark.parametrize("size, stride, padding", [(3, 2, "same"), (2, 2, "same"), (3, 1, "same"), (3, 2, "valid")])
def test_pools(kind, size, stride, padding):
    """Padded pixels are neither a maximum nor part of a mean."""
    operator = {"MaxPooling2D": "MaxPool", "AveragePooling2D": "AveragePool"}[kind]
    same(small(getattr(layers, kind)(size, stride, padding=padding), 9, 8), f"{operator} Flatten")


@pytest.mark.parametrize("kind", ["Average", "Max"])
def test_global_pools(kind):
    same(small(getattr(layers, f"Global{kind}Pooling2D")()), f"Global{kind}Pool Flatten")


def test_rescaling_by_channel_and_after_a_global_pool():
    same(small(layers.Rescaling([1.0, 2.0, -3.0], [1.0, 0.0, -1.0])), "Mul Add Flatten")
    same(small(lambda x: layers.Rescaling(3.0, 1.0)(layers.GlobalMaxPooling2D()(x))), "GlobalMaxPool Flatten Mul Add")


def test_zero_padding():
    """A convolution pads by itself; a max pool would pad with what is smaller than all pixels."""
    padding = ((1, 2), (3, 0))
    same(small(lambda x: layers.Conv2D(4, 3)(layers.ZeroPadding2D(padding)(x))), "Conv Flatten")
    same(small(lambda x: layers.Conv2D(4, 3, 2, "same")(layers.ZeroPadding2D(padding)(x))), "Conv Flatten")
    negative = layers.Rescaling(1.0, -9.0)
    same(
        small(lambda x: layers.MaxPooling2D(3)(layers.ZeroPadding2D(padding)(negative(x)))),
        "Mul Add Pad MaxPool Flatten",
    )

    def build(x):
        padded = layers.ZeroPadding2D(padding)(x)
        return layers.Add()([layers.Conv2D(3, 3, padding="same")(padded), padded])

    same(small(build), "Conv Pad Add Flatten")


def test_concatenation_and_grey_pictures():
    same(small(lambda x: layers.Concatenate()([x, x, x]), channels=1), "Concat Flatten")
    same(small(lambda x: layers.Concatenate()([layers.Conv2D(2, 1)(x), x])), "Conv Concat Flatten")


@pytest.mark.parametrize("options", [{}, {"scale": False}, {"center": False}, {"scale": False, "center": False}])
def test_norms_with_and_without_a_convolution_before_them(options):
    same(small(norm_after(layers.Conv2D(4, 3), **options)), "Conv Flatten")
    same(small(norm_after(**options)), "Mul Add Flatten")
    same(small(norm_after(layers.GlobalMaxPooling2D(), **options)), "GlobalMaxPool Flatten Mul Add")


def test_a_norm_after_a_max_pool_is_folded_through_it_where_all_factors_are_positive():
    build = norm_after(layers.Conv2D(4, 3), layers.MaxPooling2D(3, 2, "same"))
    model = small(build)
    same(model, "Conv MaxPool Add Flatten")
    norm = next(layer for layer in model.layers if isinstance(layer, layers.BatchNormalization))
    norm.gamma.assign([1, 1, -1, 1])
    same(model, "Conv MaxPool Mul Add Flatten")
    same(small(norm_after(layers.Conv2D(4, 3), layers.AveragePooling2D(2))), "Conv AveragePool Mul Add Flatten")


@pytest.mark.slow
def test_openvino_leaves_an_activation_behind_its_max_pool():
    """It moves one that follows a pool at once in front of the pool, which is wrong for SiLU: it is not monotonic."""
    inputs = keras.Input((9, 9, 1))
    x = layers.MaxPooling2D(2)(layers.Conv2D(1, 1, use_bias=False, kernel_initializer="ones")(inputs))
    x = layers.Activation("silu")(layers.BatchNormalization(scale=False)(x))
    model = randomise(keras.Model(inputs, layers.Flatten()(x)))
    images = np.random.default_rng(0).uniform(-6, 0, (3, 9, 9, 1)).astype(np.float32)  # SiLU is least at -1.28
    expected, _ = both(model, images)
    np.testing.assert_allclose(by_openvino(model, images), expected, atol=1e-4)


@pytest.mark.parametrize("between", [False, True])
@pytest.mark.parametrize("norm_first", [True, False])
def test_a_norm_is_not_folded_into_a_convolution_that_others_use(between, norm_first):
    def build(x):
        shared = layers.Conv2D(3, 3, padding="same")(x)
        normed = layers.BatchNormalization()(layers.Dropout(0.5)(shared) if between else shared)
        pair = [normed, layers.Conv2D(3, 1)(shared)]
        return layers.Add()(pair if norm_first else pair[::-1])

    model = small(build)
    expected, actual = both(model, pixels(3, 8, 8, 3) / 255)
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4)


def test_two_norms_in_a_row():
    same(small(lambda x: layers.BatchNormalization()(norm_after(layers.Conv2D(4, 3))(x))), "Conv Mul Add Flatten")


def test_a_free_size_is_fixed_on_export():
    inputs = keras.Input((None, None, 3))
    x = layers.Resizing(12, 12)(layers.Conv2D(4, 3, 2, padding="same")(inputs))
    model = randomise(keras.Model(inputs, layers.Dense(5)(layers.GlobalAveragePooling2D()(x))))
    same(model, "Conv Resize GlobalAveragePool Flatten", size=(9, 8))
    with pytest.raises(ValueError, match="for which size"):
        emit_onnx(model)


def test_half_precision_is_of_storage_only():
    """Weights are rounded to float16; small constants, and those that float16 cannot hold, stay as they are."""
    model = small(layers.Conv2D(32, 3))
    dense = model.layers[-1]
    dense.kernel.assign(np.asarray(dense.kernel) * 1e7)
    proto = emit_onnx(model, half=True)
    stored = {constant.name: constant.data_type for constant in proto.graph.initializer}
    name = model.layers[1].name
    float32, float16 = 1, 10  # onnx.TensorProto
    assert stored == {
        name + ".kernel.half": float16,
        name + ".bias": float32,
        dense.name + ".kernel": float32,
        dense.name + ".bias": float32,
    }
    kernel = np.asarray(model.layers[1].kernel)
    model.layers[1].kernel.assign(kernel.astype(np.float16).astype(np.float32))
    expected = np.asarray(model(pixels(2, 8, 8, 3), training=False))
    model.layers[1].kernel.assign(kernel)
    _, actual = both(model, pixels(2, 8, 8, 3), half=True)
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_fractional_max_pooling():
    same(small(FractionalMaxPooling2D(1.4), 11, 9), "Gather Gather Max Gather Gather Max Flatten")


def test_drop_connect_is_for_training_only():
    inputs = keras.Input((8, 8, 3))
    same(keras.Model(inputs, DropConnectDense(5, 0.5)(layers.Flatten()(inputs))), "Flatten")


def test_residuals_of_inception_resnet():
    kind = keras.src.applications.inception_resnet_v2.CustomScaleLayer
    same(small(lambda x: kind(0.17)([x, layers.Conv2D(3, 1)(x)])), "Conv Mul Add Flatten")


@pytest.mark.parametrize(
    "build, reason",
    [
        (layers.UpSampling2D(), "UpSampling2D is not a supported layer"),
        (layers.Conv2D(2, 3, activation="gelu"), "activation gelu"),
        (layers.Conv2D(2, 3, dilation_rate=2), "dilation_rate"),
        (layers.Conv2D(3, 3, groups=3), "groups"),
        (layers.ReLU(max_value=4), "max_value 4"),
        (layers.ReLU(negative_slope=0.1), "negative_slope"),
        (layers.Resizing(9, 9, interpolation="nearest"), "interpolation nearest"),
        (layers.Concatenate(axis=1), "axis 1"),
        (lambda x: layers.BatchNormalization()(layers.Flatten()(x)), "between Flatten and Dense"),
    ],
)
def test_what_is_not_supported_is_refused(build, reason):
    def middle(x):
        return build([x, x]) if isinstance(build, layers.Concatenate) else build(x)

    with pytest.raises(ValueError, match=reason):
        emit_onnx(small(middle))


@pytest.mark.slow
@pytest.mark.parametrize(
    "module, name, size",
    [
        ("efficientnet_lite", "efficientnet_lite0", 64),
        ("transfer", "vgg16", 64),
        ("transfer", "resnet50v2", 64),
        pytest.param("transfer", "inception_resnet_v2", 75, marks=pytest.mark.verify),
    ],
)
def test_same_features_of_transfer_backbones(module, name, size):
    """Random weights that a trained network could have; the pictures are resized inside."""
    model = randomise(importlib.import_module("models." + module).NETWORKS[name](size=size))
    expected, actual = both(model, pixels(2, 32, 32, 3))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-3 * np.abs(expected).max())
