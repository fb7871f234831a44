"""Turns a Darknet configuration into the table of its network, or says by section and line what is not supported.

Source of the layers and their defaults: the `parse_*` functions of `parser.c`, and `maxpool_layer.c`,
`shortcut_layer.c` and `reorg_layer.c`, of AlexeyAB's Darknet.
"""

from typing import Callable, Dict, Sequence, Tuple

from models import darknet_table as table
from models.darknet_builder import LARGEST, Builder, Tensor
from models.darknet_heads import add_head
from models.darknet_sections import Section, read_sections

# Options that change what a convolution computes, or what the weights file holds of it.
CHANGES = (
    "antialiasing xnor binary bin_output sway rotate stretch stretch_sway reverse coordconv flipped dontload "
    "dontloadscales maxpool_depth share_index"
).split()
REASONS = {
    "region": "the head of YOLOv2 is not supported",
    "detection": "the head of YOLOv1 is not supported",
    "Gaussian_yolo": "the head of Gaussian YOLO is not supported",
    "reorg": "the order in which it moves pixels, that of YOLOv2, is not supported",
}
REASONS.update(dict.fromkeys("rnn crnn gru lstm conv_lstm history".split(), "recurrent layers are not supported"))
REASONS.update(dict.fromkeys("connected conn softmax soft cost".split(), "layers of classifiers are not supported"))


def read_cfg(path: str) -> table.Network:
    """The table of a configuration file's network.

    Raises CfgError when it is not a detector that can be converted, and OSError when the file cannot be read.
    """
    return build(read_sections(path))


def build(sections: Sequence[Section], names: Sequence[str] = ()) -> table.Network:
    """The table of a network from its sections, [net] first. names: what its outputs are called. Raises CfgError."""
    builder = Builder(sections[0], names)
    for section in sections[1:]:
        if section.type not in SECTIONS:
            raise section.error(REASONS.get(section.type, "this kind of layer is not supported"))
        changes = [key for key in CHANGES if section.integer(key, 0)] + ["share_index"] * (
            "share_index" in section.options
        )
        if changes:
            raise section.error(f"{changes[0]}={section.options[changes[0]][:20]} is not supported")
        SECTIONS[section.type](builder, section)
        builder.outputs.append(builder.last)
    return builder.network()


def _convolutional(builder: Builder, section: Section) -> None:
    source = builder.input(section)
    size = section.whole("size", 1, 255)
    dilation = 1 if size == 1 else section.whole("dilation", 1, 255)
    padding = size // 2 if section.integer("pad", 0) else section.whole("padding", 0, 255, least=0)
    stride = _strides(section)
    filters, groups = section.whole("filters", 1, LARGEST), section.whole("groups", 1, LARGEST)
    if source.channels % groups or filters % groups:
        raise section.error(f"groups={groups} should divide its {source.channels} channels and filters={filters}")
    batch_norm = bool(section.integer("batch_normalize", 0) or section.integer("cbn", 0))
    extent = dilation * (size - 1 - 2 * padding) + 1
    layer = table.Conv(
        builder.name("conv"), (source.name,), source.channels, filters, size, stride, dilation * padding, dilation,
        groups, batch_norm,
    )  # fmt: skip
    builder.put(section, layer, filters, builder.slide(section, extent, stride))
    builder.activate(section, "logistic")


def _maxpool(builder: Builder, section: Section) -> None:
    source, stride = builder.input(section), _strides(section, section.integer("stride", 1))
    size = section.whole("size", section.integer("stride", 1), 255)
    padding = section.whole("padding", size - 1, 255, least=0)
    layer = table.MaxPool(builder.name("pool"), (source.name,), size, stride, padding)
    builder.put(section, layer, source.channels, builder.slide(section, size - padding, stride))


def _strides(section: Section, default: int = 1) -> Tuple[int, int]:
    """The steps of a window down and across: stride_y and stride_x, or else `stride`."""
    steps = [section.integer(key, 0) for key in ("stride_y", "stride_x")]
    both = section.whole("stride", default, 255) if min(steps) < 1 else default
    down, across = (step if step > 0 else both for step in steps)
    return down, across


def _upsample(builder: Builder, section: Section) -> None:
    source, stride = builder.input(section), section.whole("stride", 2, 255)
    if section.real("scale", 1) != 1:
        raise section.error(f"scale={section.text('scale', '')[:20]} is not supported")
    if not min(source.stride) or source.stride[0] % stride or source.stride[1] % stride:
        raise section.error(f"stride={stride} gives an output that the input's size is no multiple of")
    layer = table.Upsample(builder.name("upsample"), (source.name,), stride)
    builder.put(section, layer, source.channels, (source.stride[0] // stride, source.stride[1] // stride))


def _route(builder: Builder, section: Section) -> None:
    tensors = [builder.at(section, index) for index in section.integers("layers")]
    builder.check_sizes(section, tensors)
    groups = section.whole("groups", 1, LARGEST)
    if groups > 1:
        group = section.whole("group_id", 0, groups - 1, least=0)
        tensors = [_group(builder, section, tensor, groups, group, place) for place, tensor in enumerate(tensors)]
    builder.concatenate(section, tensors)


def _group(builder: Builder, section: Section, tensor: Tensor, groups: int, group: int, place: int) -> Tensor:
    """One of `groups` equal parts of a tensor's channels."""
    if tensor.channels % groups:
        raise section.error(f"groups={groups} should divide the {tensor.channels} channels of its input")
    length = tensor.channels // groups
    return builder.cut(section, tensor, group * length, (group + 1) * length, f"group{place}_")


def _shortcut(builder: Builder, section: Section) -> None:
    """The sum with earlier layers. Of one with more channels the first are added; of one with fewer, to the first."""
    total = builder.input(section)
    if section.text("weights_type", "none") != "none":
        raise section.error("weights_type is not supported")
    for place, index in enumerate(section.integers("from")):
        other = builder.at(section, index)
        builder.check_sizes(section, [total, other])
        channels, end = total.channels, f"{place}_"
        least = min(channels, other.channels)
        added = builder.cut(section, other, 0, least, "from" + end) if other.channels > least else other
        first = builder.cut(section, total, 0, least, "first" + end) if channels > least else total
        layer = table.Add(builder.name("add" + end), (first.name, added.name))
        summed = builder.put(section, layer, least, total.stride)
        if channels > least:
            rest = builder.cut(section, total, least, channels, "rest" + end)
            merged = table.Concat(builder.name("sum" + end), (summed.name, rest.name))
            summed = builder.put(section, merged, channels, total.stride)
        total = summed
    builder.activate(section)


def _sam(builder: Builder, section: Section) -> None:
    source, other = builder.input(section), builder.at(section, section.integers("from")[0])
    builder.check_sizes(section, [source, other])
    _multiply(builder, section, source, other)


def _scale_channels(builder: Builder, section: Section) -> None:
    source, other = builder.input(section), builder.at(section, section.integers("from")[0])
    if section.integer("scale_wh", 0) or any(source.stride):
        raise section.error("its input should be a single pixel, as [avgpool] makes it")
    _multiply(builder, section, source, other)


def _multiply(builder: Builder, section: Section, source: Tensor, other: Tensor) -> None:
    """The product with an earlier layer, in that layer's shape, and its activation."""
    if source.channels != other.channels:
        raise section.error(f"its inputs should have equal channels, they have {source.channels} and {other.channels}")
    layer = table.Multiply(builder.name("multiply"), (other.name, source.name))
    builder.put(section, layer, other.channels, other.stride)
    builder.activate(section)


def _avgpool(builder: Builder, section: Section) -> None:
    source = builder.input(section)
    builder.put(section, table.AveragePool(builder.name("average"), (source.name,)), source.channels, (0, 0))


def _reorg3d(builder: Builder, section: Section) -> None:
    source, block = builder.input(section), section.whole("stride", 1, 255)
    if section.integer("reverse", 0):
        raise section.error("reverse=1 is not supported")
    layer = table.SpaceToDepth(builder.name("reorg"), (source.name,), block)
    stride = source.stride[0] * block, source.stride[1] * block
    builder.put(section, layer, source.channels * block * block, stride)


def _dropout(builder: Builder, section: Section) -> None:
    """Nothing, once training is over."""
    builder.input(section)


SECTIONS: Dict[str, Callable[[Builder, Section], None]] = {
    "convolutional": _convolutional, "conv": _convolutional, "maxpool": _maxpool, "max": _maxpool,
    "upsample": _upsample, "route": _route, "shortcut": _shortcut, "sam": _sam, "scale_channels": _scale_channels,
    "avgpool": _avgpool, "avg": _avgpool, "reorg3d": _reorg3d, "dropout": _dropout, "yolo": add_head,
}  # fmt: skip
