"""Reads Darknet `.weights` files, given the shapes of the convolutions, and folds batch normalisation into the kernels.

The file is a header (int32 major, minor, revision; then the count of images seen in training, int64 from version
0.2 on, int32 before), followed by little-endian float32 and nothing else: no names, shapes or checksum. Only the
network's table tells how to cut it, so one float more or less than the table needs is an error.

Source of the layout: `parser.c` (`load_convolutional_weights`) of Darknet.
"""

from typing import List, NamedTuple, Sequence

import numpy as np

# Darknet's value. Frameworks default to 1e-3, which shifts every channel with a small variance.
BATCH_NORM_EPSILON = 1e-5


class WeightsError(ValueError):
    """The file is not a Darknet weights file, or not one for this network."""


class ConvShape(NamedTuple):
    """The parameters of a convolution that the file holds."""

    filters: int
    channels: int
    size: int
    batch_norm: bool

    def floats(self) -> int:
        """Number of float32 values this convolution occupies in the file."""
        per_filter = 4 if self.batch_norm else 1
        return self.filters * (per_filter + self.channels * self.size * self.size)


class Convolution(NamedTuple):
    """A convolution with its batch normalisation folded in.

    kernel: (filters, channels, size, size) float32; bias: (filters,) float32.
    """

    kernel: np.ndarray
    bias: np.ndarray


def read_weights(path: str, shapes: Sequence[ConvShape]) -> List[Convolution]:
    """Read the convolutions of a network, in the order of its table.

    Raises WeightsError when the file's length does not fit `shapes`, and OSError when it cannot be read.
    """
    with open(path, "rb") as file:
        data = file.read()
    if len(data) < 20:
        raise WeightsError(f"{path}: {len(data)} bytes is too short for a Darknet weights file")
    major, minor = np.frombuffer(data, "<i4", 2).tolist()
    header = 12 + (8 if major * 10 + minor >= 2 else 4)
    expected = sum(shape.floats() for shape in shapes)
    if len(data) - header != 4 * expected:
        raise WeightsError(
            f"{path}: holds {len(data) - header:,} bytes of weights, this network needs {4 * expected:,} "
            f"({expected:,} floats)"
        )
    floats = np.frombuffer(data, "<f4", expected, header)

    convolutions = []
    start = 0
    for shape in shapes:
        convolutions.append(_fold(floats[start : start + shape.floats()], shape))
        start += shape.floats()
    return convolutions


def _fold(floats: np.ndarray, shape: ConvShape) -> Convolution:
    """One convolution from its part of the file, with its batch normalisation folded into kernel and bias."""
    kernel_shape = (shape.filters, shape.channels, shape.size, shape.size)
    vectors = floats[: -shape.channels * shape.size * shape.size * shape.filters].reshape(-1, shape.filters)
    kernel = floats[vectors.size :].reshape(kernel_shape)
    if not shape.batch_norm:
        return Convolution(kernel, vectors[0])
    beta, gamma, mean, variance = vectors
    scale = gamma / np.sqrt(variance + np.float32(BATCH_NORM_EPSILON))
    return Convolution(kernel * scale[:, None, None, None], beta - mean * scale)
