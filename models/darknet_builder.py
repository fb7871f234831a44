"""Adds layer by layer to the table of a network, and follows the tensors: their channels, and strides for sizes.

With strides instead of sizes, the network takes every input whose sides are multiples of all of them.
"""

from math import gcd
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from models import darknet_table as table
from models.darknet_sections import Section

LARGEST = 1 << 16  # channels of a layer, and sides of the input
LARGEST_STRIDE = 1024
MOST_FLOATS = 400 * 10**6  # an ONNX file holds at most 2 GB
FUNCTIONS = ("linear", "leaky", "logistic", "mish", "swish", "relu", "relu6", "ramp", "tanh", "elu")


class Tensor(NamedTuple):
    """What a layer returns. stride: pixels of the input per row and per column; (0, 0) for a single pixel."""

    name: str
    channels: int
    stride: Tuple[int, int]


class Builder:
    """The table so far. Every method takes the section that its layers are of, and raises CfgError.

    last: what the section before returns; None if it is a head. outputs: the same of every section after [net].
    """

    def __init__(self, net: Section, names: Sequence[str]) -> None:
        """Begin with the [net] section. names: what the heads' outputs will be called."""
        self.net = net
        self.names = names
        self.width, self.height = (net.whole(key, 0, LARGEST) for key in ("width", "height"))
        if net.integer("channels", 0) != 3:
            raise net.error(f"channels={net.integer('channels', 0)} should be 3, for colour pictures")
        self.last: Optional[Tensor] = Tensor(table.INPUT, 3, (1, 1))
        self.outputs: List[Optional[Tensor]] = []
        self.layers: Dict[str, table.Layer] = {}
        self.heads: List[table.Head] = []
        self.classes = 0
        self._multiple = 1

    def network(self) -> table.Network:
        """The table, once everything has been added."""
        if not self.heads:
            raise self.net.error("no [yolo] section follows, so this is not a detector that can be converted")
        for key, side in (("width", self.width), ("height", self.height)):
            if side % self._multiple:
                raise self.net.error(f"{key}={side} should be a multiple of {self._multiple}, the network's stride")
        network = table.Network(
            layers=tuple(self.layers.values()),
            heads=tuple(self.heads),
            classes=self.classes,
            width=self.width,
            height=self.height,
            multiple=self._multiple,
            letter_box=self.net.integer("letter_box", 0) != 0,
        )
        floats = sum(shape.floats() for shape in network.conv_shapes())
        if floats > MOST_FLOATS:
            raise self.net.error(f"the network has {floats:,} weights; an ONNX file can hold {MOST_FLOATS:,}")
        return network

    def input(self, section: Section) -> Tensor:
        """What the section before this one returns."""
        if self.last is None:
            raise section.error("follows a [yolo] section, whose output no layer can use; put a [route] between them")
        return self.last

    def at(self, section: Section, index: int) -> Tensor:
        """What an earlier section returns: counted from 0 after [net], or back from this one if negative."""
        position = index + len(self.outputs) if index < 0 else index
        if not 0 <= position < len(self.outputs):
            raise section.error(f"there is no layer {index}: {len(self.outputs)} come before this one")
        tensor = self.outputs[position]
        if tensor is None:
            raise section.error(f"layer {index} is a [yolo] section, whose output no layer can use")
        return tensor

    def name(self, kind: str) -> str:
        """A name for a layer: its kind and the number of its section."""
        return kind + str(len(self.outputs))

    def put(self, section: Section, layer: table.Layer, channels: int, stride: Tuple[int, int]) -> Tensor:
        """Add a layer, which returns so many channels at this stride."""
        if not 0 < channels <= LARGEST:
            raise section.error(f"returns {channels} channels; should be from 1 to {LARGEST}")
        for step in filter(None, stride):
            self._multiple = self._multiple * step // gcd(self._multiple, step)
        if self._multiple > LARGEST_STRIDE:
            raise section.error(f"the network's stride is {self._multiple}; should be at most {LARGEST_STRIDE}")
        self.layers[layer.name] = layer
        self.last = Tensor(layer.name, channels, stride)
        return self.last

    def slide(self, section: Section, extent: int, stride: Tuple[int, int]) -> Tuple[int, int]:
        """The stride of what a window makes that steps by `stride`; extent: its side less the padding of both sides.

        With an extent from 1 to the stride, an input of k * stride pixels gives k. Others give more or fewer, and
        height and width would no longer be those of the picture divided by a whole number.
        """
        if not 0 < extent <= min(stride):
            wanted = f"from 1 to the stride, {min(stride)}" if min(stride) > 1 else "1"
            raise section.error(f"size less padding is {extent}, which crops or pads the picture; should be {wanted}")
        down, across = self.input(section).stride
        return down * stride[0], across * stride[1]

    def activate(self, section: Section, default: str = "linear") -> None:
        """Add the section's activation, if it is not linear."""
        function, tensor = section.text("activation", default), self.input(section)
        if function not in FUNCTIONS:
            raise section.error(f"activation={function[:40]} is not supported; these are: {', '.join(FUNCTIONS)}")
        if function != "linear":
            layer = table.Activation(self.name(function), (tensor.name,), function)
            self.put(section, layer, tensor.channels, tensor.stride)

    def cut(self, section: Section, tensor: Tensor, start: int, stop: int, name: str) -> Tensor:
        """The channels of a tensor from `start` up to `stop`."""
        layer = table.Slice(self.name(name), (tensor.name,), start, stop)
        return self.put(section, layer, stop - start, tensor.stride)

    def concatenate(self, section: Section, tensors: Sequence[Tensor]) -> None:
        """Make one tensor of several; one alone is left as it is."""
        if len(tensors) == 1:
            self.last = tensors[0]
        else:
            layer = table.Concat(self.name("concat"), tuple(tensor.name for tensor in tensors))
            self.put(section, layer, sum(tensor.channels for tensor in tensors), tensors[0].stride)

    def check_sizes(self, section: Section, tensors: Sequence[Tensor]) -> None:
        """Check that tensors have one height and width."""
        sizes = [self._size(tensor) for tensor in tensors]
        if len(set(sizes)) > 1:
            raise section.error(f"its inputs should have one width and height, they have {', '.join(sizes[:4])}")

    def _size(self, tensor: Tensor) -> str:
        """Width and height of a tensor at the input's size, as 13x13."""
        down, across = tensor.stride
        return f"{self.width // across}x{self.height // down}" if down and across else "1x1"
