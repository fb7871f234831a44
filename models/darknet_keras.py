"""Builds a network's table in Keras: Keras 3, or the one of TensorFlow from 2.6 on."""

from typing import Any, Dict, Iterable, Iterator, List, Optional

import numpy as np

from models import darknet_table as table
from models.darknet import BATCH_NORM_EPSILON, Convolution, Parameters

FORMAT = {"data_format": "channels_last"}  # explicit, since a user's keras.json may differ


def _keras() -> Any:
    """Keras 3 with whatever runs it, or the Keras inside an older TensorFlow."""
    import keras

    if int(keras.__version__.split(".")[0]) < 3:
        from tensorflow import keras
    return keras


def emit_keras(
    network: table.Network, parameters: Iterable[Parameters], name: str = "darknet", batch_norm: bool = False
) -> Any:
    """Build the network as a Keras model of any input size.

    Channels last, as TensorFlow on a CPU requires: (n, h, w, 3) float32 RGB in 0..1 in; the heads' raw logits out, in
    the order of the table, each (n, h / stride, w / stride, anchors * (5 + classes)). parameters: one per Conv in the
    table's order. batch_norm: keep batch normalisation as layers of its own; else it is folded. The heads compute in
    float32 whatever Keras' policy is.

    Raises ValueError for a pool whose padding Keras does not have.
    """
    keras = _keras()
    needed, remaining = network.needed(), iter(parameters)
    sums = {layer.name for layer in network.layers if isinstance(layer, table.Add)}
    logits = {head.source for head in network.heads}
    tensors: Dict[str, Any] = {table.INPUT: keras.Input((None, None, 3), name=table.INPUT)}
    for layer in network.layers:
        own = next(remaining) if isinstance(layer, table.Conv) else None
        if layer.name in needed:
            inputs = [tensors[source] for source in layer.sources]
            if isinstance(layer, table.Activation) and layer.function == "leaky" and layer.sources[0] in sums:
                tensors[layer.name] = _leaky_sum(inputs[0], layer.name)
            else:
                precise = {"dtype": "float32"} if layer.name in logits else {}
                tensors[layer.name] = _layer(layer, inputs, own, batch_norm, precise)
    return keras.Model(tensors[table.INPUT], [tensors[head.source] for head in network.heads], name=name)


def convolutions(network: table.Network, model: Any) -> Iterator[Optional[Convolution]]:
    """The convolutions of a network that `emit_keras` built without batch normalisation, as its weights are now.

    In the table's order, as `emit_onnx` takes them; None for those that no head depends on.
    """
    needed = network.needed()
    for layer in network.layers:
        if not isinstance(layer, table.Conv):
            continue
        if layer.name not in needed:
            yield None
            continue
        if _is_depthwise(layer):
            kernel, bias = model.get_layer(layer.name).get_weights()
            yield Convolution(kernel.transpose(2, 3, 0, 1), bias)
            continue
        names = [layer.name + (f"_group{group}" if layer.groups > 1 else "") for group in range(layer.groups)]
        parts = [model.get_layer(name).get_weights() for name in names]
        kernel, bias = (np.concatenate(values, axis=-1) for values in zip(*parts))
        yield Convolution(kernel.transpose(3, 2, 0, 1), bias)


def _layer(layer: table.Layer, inputs: List[Any], parameters: Any, batch_norm: bool, options: Dict[str, Any]) -> Any:
    """A layer's output. options: for the Keras layer of a convolution."""
    layers, (x, *_), name = _keras().layers, inputs, layer.name
    if isinstance(layer, table.Conv):
        return _convolution(layer, x, parameters, batch_norm, options)
    if isinstance(layer, table.Activation):
        return _activation(layer.function, x, name)
    if isinstance(layer, table.MaxPool):
        for axis, stride in enumerate(layer.stride):
            total = max(0, layer.size - stride)
            if layer.pads(axis) != (total // 2, total - total // 2):
                raise ValueError(f"{name}: Keras does not pad a pool by {layer.pads(axis)}")
        return layers.MaxPooling2D(layer.size, layer.stride, padding="same", name=name, **FORMAT)(x)
    if isinstance(layer, table.Upsample):
        return layers.UpSampling2D(layer.stride, name=name, **FORMAT)(x)
    if isinstance(layer, table.Slice):
        return x[..., layer.start : layer.stop]
    if isinstance(layer, table.Concat):
        return layers.Concatenate(name=name)(inputs)
    if isinstance(layer, table.SpaceToDepth):
        steps = range(layer.block)
        return layers.Concatenate(name=name)(
            [x[:, row :: layer.block, column :: layer.block] for row in steps for column in steps]
        )
    if isinstance(layer, table.AveragePool):
        return layers.GlobalAveragePooling2D(keepdims=True, name=name, **FORMAT)(x)
    return {table.Add: layers.Add, table.Multiply: layers.Multiply}[type(layer)](name=name)(inputs)


def _is_depthwise(layer: table.Conv) -> bool:
    """Whether Keras has one layer for all groups of a convolution."""
    return 1 < layer.groups == layer.channels == layer.filters and layer.stride[0] == layer.stride[1]


def _convolution(layer: table.Conv, x: Any, parameters: Parameters, batch_norm: bool, precision: Dict[str, Any]) -> Any:
    """A convolution with its batch normalisation.

    Zeros are padded by a layer of their own where there are strides: Keras's "same" then pads at the end only.
    """
    layers = _keras().layers
    own = batch_norm and layer.batch_norm
    kernel, bias = (parameters.kernel, parameters.beta) if own else parameters.fold()
    options = {"padding": "same", "use_bias": not own, "name": layer.name, **FORMAT, **precision}  # type: Dict[str, Any]
    if layer.stride != (1, 1) and layer.padding:
        x = layers.ZeroPadding2D(layer.padding, name=layer.name + "_pad", **FORMAT)(x)
        options["padding"] = "valid"
    options["strides"] = layer.stride
    if layer.dilation > 1:
        options["dilation_rate"] = layer.dilation
    if _is_depthwise(layer):
        conv = layers.DepthwiseConv2D(layer.size, **options)
        x = conv(x)
        conv.set_weights([kernel.transpose(2, 3, 0, 1)] + ([] if own else [bias]))
    else:
        x = _grouped(layer, x, kernel, None if own else bias, options)
    if own:
        normalisation = layers.BatchNormalization(epsilon=BATCH_NORM_EPSILON, name=layer.name + "_norm")
        x = normalisation(x)
        normalisation.set_weights([parameters.gamma, parameters.beta, parameters.mean, parameters.variance])
    return x


def _grouped(layer: table.Conv, x: Any, kernel: Any, bias: Any, options: Dict[str, Any]) -> Any:
    """A convolution in groups, each one of its own: TensorFlow has no groups on a CPU where it adds a bias."""
    layers = _keras().layers
    filters, channels = layer.filters // layer.groups, layer.channels // layer.groups
    made = []
    for group in range(layer.groups):
        own = slice(group * filters, (group + 1) * filters)
        name = layer.name + (f"_group{group}" if layer.groups > 1 else "")
        conv = layers.Conv2D(filters, layer.size, **{**options, "name": name})
        made.append(conv(x[..., group * channels : (group + 1) * channels] if layer.groups > 1 else x))
        conv.set_weights([kernel[own].transpose(2, 3, 1, 0)] + ([] if bias is None else [bias[own]]))
    return made[0] if len(made) == 1 else layers.Concatenate(name=layer.name)(made)


def _leaky_sum(x: Any, name: str) -> Any:
    """Leaky ReLU of a sum.

    TensorFlow 2.21 fuses a convolution, a sum and a leaky ReLU into one operator, which computes something else: where
    values had a standard deviation of 2.2, it was off by up to 0.9. As a maximum it is not fused.
    """
    layers = _keras().layers
    return layers.Maximum(name=name)([x, layers.Rescaling(table.LEAKY_SLOPE)(x)])


def _activation(function: str, x: Any, name: str) -> Any:
    layers = _keras().layers
    if function == "leaky":  # by position: the argument's name differs between Keras 2 and 3
        return layers.LeakyReLU(table.LEAKY_SLOPE, name=name)(x)
    if function == "swish":
        return layers.Multiply(name=name)([x, layers.Activation("sigmoid")(x)])
    if function == "mish":
        return layers.Multiply(name=name)([x, layers.Activation("tanh")(layers.Activation("softplus")(x))])
    if function == "ramp":
        return layers.Add(name=name)([layers.Activation("relu")(x), layers.Rescaling(0.1)(x)])
    if function == "relu6":
        return layers.ReLU(6.0, name=name)(x)
    return layers.Activation({"logistic": "sigmoid"}.get(function, function), name=name)(x)
