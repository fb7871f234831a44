"""YOLOv3-tiny as one table, and its emitters: ONNX and Keras.

The table is the network: both emitters are driven by it alone. Input: (n, 3, h, w) float32 RGB in 0..1, height and
width multiples of 32. Output: raw logits, coarse head (stride 32) first, each (n, 3 * (5 + 80), h / 32 or 16, w / ...).

Source: `cfg/yolov3-tiny.cfg` of Darknet, except for the fine head's anchors. Copies in circulation have `mask = 0,1,2`;
the published weights were trained with 1,2,3, and with 0,1,2 they lose a third of their accuracy.
"""

from typing import Any, Dict, List, NamedTuple, Sequence, Tuple, Union

import numpy as np

from models.darknet import Convolution, ConvShape

LABELS = tuple(
    "person,bicycle,car,motorbike,aeroplane,bus,train,truck,boat,traffic light,fire hydrant,stop sign,parking meter,"
    "bench,bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,backpack,umbrella,handbag,tie,suitcase,frisbee,"
    "skis,snowboard,sports ball,kite,baseball bat,baseball glove,skateboard,surfboard,tennis racket,bottle,wine glass,"
    "cup,fork,knife,spoon,bowl,banana,apple,sandwich,orange,broccoli,carrot,hot dog,pizza,donut,cake,chair,sofa,"
    "pottedplant,bed,diningtable,toilet,tvmonitor,laptop,mouse,remote,keyboard,cell phone,microwave,oven,toaster,sink,"
    "refrigerator,book,clock,vase,scissors,teddy bear,hair drier,toothbrush".split(",")
)
ANCHORS = ((10, 14), (23, 27), (37, 58), (81, 82), (135, 169), (344, 319))  # width, height in input pixels
HEADS = (  # in the order of the outputs
    {"stride": 32, "anchors": [ANCHORS[3], ANCHORS[4], ANCHORS[5]]},
    {"stride": 16, "anchors": [ANCHORS[1], ANCHORS[2], ANCHORS[3]]},
)
HEAD_FILTERS = 3 * (5 + len(LABELS))
LEAKY_SLOPE = 0.1

INPUT = "images"
OUTPUTS = ("coarse", "fine")


class Conv(NamedTuple):
    """Convolution with stride 1 that keeps height and width. All but the heads have batch norm and leaky ReLU."""

    name: str
    source: str
    filters: int
    size: int

    @property
    def is_head(self) -> bool:
        return self.name in OUTPUTS


class MaxPool(NamedTuple):
    """Max pool 2x2. With stride 1 it keeps the size: it pads one row and column at the bottom and right."""

    name: str
    source: str
    stride: int


class Upsample(NamedTuple):
    """Nearest-neighbour upsampling by 2."""

    name: str
    source: str


class Concat(NamedTuple):
    """Concatenation along the channels."""

    name: str
    sources: Tuple[str, str]


Layer = Union[Conv, MaxPool, Upsample, Concat]

TABLE: Tuple[Layer, ...] = (
    Conv("conv1", INPUT, 16, 3),
    MaxPool("pool1", "conv1", 2),
    Conv("conv2", "pool1", 32, 3),
    MaxPool("pool2", "conv2", 2),
    Conv("conv3", "pool2", 64, 3),
    MaxPool("pool3", "conv3", 2),
    Conv("conv4", "pool3", 128, 3),
    MaxPool("pool4", "conv4", 2),
    Conv("conv5", "pool4", 256, 3),  # stride 16, used again by the fine head
    MaxPool("pool5", "conv5", 2),
    Conv("conv6", "pool5", 512, 3),
    MaxPool("pool6", "conv6", 1),
    Conv("conv7", "pool6", 1024, 3),
    Conv("neck", "conv7", 256, 1),
    Conv("conv8", "neck", 512, 3),
    Conv("coarse", "conv8", HEAD_FILTERS, 1),
    Conv("lateral", "neck", 128, 1),
    Upsample("upsampled", "lateral"),
    Concat("merged", ("upsampled", "conv5")),
    Conv("conv9", "merged", 256, 3),
    Conv("fine", "conv9", HEAD_FILTERS, 1),
)


def conv_shapes() -> List[ConvShape]:
    """Shapes of the convolutions in the table's order, which is also the weights file's."""
    channels: Dict[str, int] = {INPUT: 3}
    shapes = []
    for layer in TABLE:
        if isinstance(layer, Conv):
            shapes.append(ConvShape(layer.filters, channels[layer.source], layer.size, not layer.is_head))
            channels[layer.name] = layer.filters
        elif isinstance(layer, Concat):
            channels[layer.name] = sum(channels[source] for source in layer.sources)
        else:
            channels[layer.name] = channels[layer.source]
    return shapes


def emit_onnx(convolutions: Sequence[Convolution], opset: int = 13) -> Any:
    """Build the network as an `onnx.ModelProto` with free batch, height and width.

    Opset 13 and IR version 7 are the newest that TensorRT 8.0 and ONNX Runtime 1.10 read. Opset 8 is for OpenCV 4.1.1,
    which needs Upsample with its scales as an attribute, and pads a pool on one side only with SAME_UPPER. The same
    weights always produce the same bytes.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    remaining = iter(convolutions)
    nodes: List[Any] = []
    constants: List[Any] = []

    def constant(name: str, values: np.ndarray) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(values, np.float32), name))
        return name

    for layer in TABLE:
        if isinstance(layer, Conv):
            convolution = next(remaining)
            kernel = constant(layer.name + ".kernel", convolution.kernel)
            bias = constant(layer.name + ".bias", convolution.bias)
            linear = layer.name if layer.is_head else layer.name + ".linear"
            pads = [layer.size // 2] * 4
            shape = [layer.size, layer.size]
            inputs = [layer.source, kernel, bias]
            nodes.append(helper.make_node("Conv", inputs, [linear], linear, kernel_shape=shape, pads=pads))
            if not layer.is_head:
                nodes.append(helper.make_node("LeakyRelu", [linear], [layer.name], layer.name, alpha=LEAKY_SLOPE))
        elif isinstance(layer, MaxPool):
            attributes: Dict[str, Any] = {"kernel_shape": [2, 2], "strides": [layer.stride] * 2}
            if opset < 10:
                attributes["auto_pad"] = "SAME_UPPER"
            else:
                attributes["pads"] = [0, 0, 1, 1] if layer.stride == 1 else [0, 0, 0, 0]  # top, left, bottom, right
            nodes.append(helper.make_node("MaxPool", [layer.source], [layer.name], layer.name, **attributes))
        elif isinstance(layer, Upsample) and opset < 10:
            attributes = {"mode": "nearest", "scales": [1.0, 1.0, 2.0, 2.0]}
            nodes.append(helper.make_node("Upsample", [layer.source], [layer.name], layer.name, **attributes))
        elif isinstance(layer, Upsample):
            scales = constant(layer.name + ".scales", np.array([1, 1, 2, 2]))
            attributes = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
            nodes.append(helper.make_node("Resize", [layer.source, "", scales], [layer.name], layer.name, **attributes))
        else:
            nodes.append(helper.make_node("Concat", list(layer.sources), [layer.name], layer.name, axis=1))

    def tensor(name: str, shape: Sequence[Any]) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))

    images = tensor(INPUT, ("n", 3, "h", "w"))
    heads = [tensor(name, ("n", HEAD_FILTERS, name + "_h", name + "_w")) for name in OUTPUTS]
    graph = helper.make_graph(nodes, "yolov3-tiny", [images], heads, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], producer_name="nanoyolo")
    model.ir_version = 7 if opset >= 10 else 4
    onnx.checker.check_model(model)
    return model


def emit_keras(convolutions: Sequence[Convolution]) -> Any:
    """Build the network as a Keras model, for TensorFlow 2.6 or newer.

    Channels last, as TensorFlow on a CPU requires: (n, h, w, 3) in, [coarse, fine] heads (n, h / 32 or 16, w / ...,
    3 * (5 + 80)) out.
    """
    from tensorflow.keras import Input, Model, layers

    remaining = iter(convolutions)
    same = {"padding": "same", "data_format": "channels_last"}  # explicit, since a user's keras.json may differ
    tensors: Dict[str, Any] = {INPUT: Input((None, None, 3), name=INPUT)}
    for layer in TABLE:
        if isinstance(layer, Conv):
            convolution = next(remaining)
            conv2d = layers.Conv2D(layer.filters, layer.size, name=layer.name, **same)
            tensor = conv2d(tensors[layer.source])
            conv2d.set_weights([convolution.kernel.transpose(2, 3, 1, 0), convolution.bias])
            if not layer.is_head:
                # By position: the argument's name differs between Keras 2 and 3.
                tensor = layers.LeakyReLU(LEAKY_SLOPE, name=layer.name + "_leaky")(tensor)
        elif isinstance(layer, MaxPool):
            tensor = layers.MaxPooling2D(2, layer.stride, name=layer.name, **same)(tensors[layer.source])
        elif isinstance(layer, Upsample):
            tensor = layers.UpSampling2D(2, same["data_format"], name=layer.name)(tensors[layer.source])
        else:
            tensor = layers.Concatenate(name=layer.name)([tensors[source] for source in layer.sources])
        tensors[layer.name] = tensor
    return Model(tensors[INPUT], [tensors[name] for name in OUTPUTS], name="yolov3-tiny")
