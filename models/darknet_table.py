"""The table of a network of Darknet's family: its layers in order, and its detection heads.

A table is what `darknet_cfg` makes of a configuration, and all that the emitters `darknet_onnx` and `darknet_keras`
know of a network. Every layer names the layers it takes its input from; `INPUT` is the picture (n, 3, h, w).
"""

from typing import List, NamedTuple, Set, Tuple, Union

from models.darknet import ConvShape

INPUT = "images"
LEAKY_SLOPE = 0.1

Sources = Tuple[str, ...]


class Conv(NamedTuple):
    """Convolution, with its batch normalisation if it has one; without its activation.

    stride: down and across. padding: rows and columns of zeros on every side.
    """

    name: str
    sources: Sources
    channels: int
    filters: int
    size: int
    stride: Tuple[int, int]
    padding: int
    dilation: int
    groups: int
    batch_norm: bool


class Activation(NamedTuple):
    """An activation function, by Darknet's name of it."""

    name: str
    sources: Sources
    function: str


class MaxPool(NamedTuple):
    """Max pool. stride: down and across. padding: in all, of both sides; the smaller half is at the top and left."""

    name: str
    sources: Sources
    size: int
    stride: Tuple[int, int]
    padding: int

    def pads(self, axis: int) -> Tuple[int, int]:
        """Padding before and after, down (axis 0) or across (axis 1), as small as the output allows.

        The input is a multiple of the stride. Then the last window ends `size - stride - before` past it, and what is
        padded beyond is never looked at. Equal sides are preferred, since some readers know no others.
        """
        before, stride = self.padding // 2, self.stride[axis]
        if 0 < self.size - 2 * before <= stride:
            return before, before
        return before, max(0, self.size - stride - before)


class Upsample(NamedTuple):
    """Nearest-neighbour upsampling by `stride`."""

    name: str
    sources: Sources
    stride: int


class Slice(NamedTuple):
    """The channels from `start` up to `stop`."""

    name: str
    sources: Sources
    start: int
    stop: int


class Concat(NamedTuple):
    """Concatenation along the channels."""

    name: str
    sources: Sources


class Add(NamedTuple):
    """Sum of two tensors of one shape."""

    name: str
    sources: Sources


class Multiply(NamedTuple):
    """Product of two tensors; one of them may be a single pixel, which scales whole channels."""

    name: str
    sources: Sources


class AveragePool(NamedTuple):
    """The mean of every channel, as a single pixel."""

    name: str
    sources: Sources


class SpaceToDepth(NamedTuple):
    """Moves blocks of `block` x `block` pixels into the channels: row, then column, then the input's channel."""

    name: str
    sources: Sources
    block: int


Layer = Union[Conv, Activation, MaxPool, Upsample, Slice, Concat, Add, Multiply, AveragePool, SpaceToDepth]


class Head(NamedTuple):
    """A detection head: `source` is the layer whose output are its raw logits, `name` what the output is called.

    anchors: width and height in input pixels. scale_x_y: how far a centre may leave its cell; 1 is not at all.
    squared: sides are (2 * sigmoid(t)) ** 2 * anchor instead of exp(t) * anchor (`new_coords` in Darknet).
    """

    name: str
    source: str
    stride: int
    anchors: Tuple[Tuple[float, float], ...]
    scale_x_y: float
    squared: bool


class Network(NamedTuple):
    """A detector's table.

    width, height: of the input it was configured for; any multiples of `multiple` do. letter_box: whether Darknet pads
    its pictures to the input's shape; else it stretches them.
    """

    layers: Tuple[Layer, ...]
    heads: Tuple[Head, ...]
    classes: int
    width: int
    height: int
    multiple: int
    letter_box: bool

    def conv_shapes(self) -> List[ConvShape]:
        """Shapes of the convolutions in the table's order, which is also the weights file's."""
        return [
            ConvShape(layer.filters, layer.channels // layer.groups, layer.size, layer.batch_norm)
            for layer in self.layers
            if isinstance(layer, Conv)
        ]

    def needed(self) -> Set[str]:
        """Names of the layers that a head depends on. The others have weights in the file, but nobody sees them."""
        needed = {head.source for head in self.heads}
        for layer in reversed(self.layers):
            if layer.name in needed:
                needed.update(layer.sources)
        return needed
