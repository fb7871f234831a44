"""Reads Darknet `.weights` files, given the shapes of the convolutions, and folds batch normalisation into the kernels.

The file is a header (int32 major, minor, revision; then the count of images seen in training, int64 from version
0.2 on, int32 before), followed by little-endian float32 and nothing else: no names, shapes or checksum. Only the
network's table tells how to cut it, so one float more or less than the table needs is an error.

Source of the layout: `parser.c` (`load_convolutional_weights`) of Darknet.
"""

import os
from typing import Iterator, List, NamedTuple, Optional, Sequence

import numpy as np

# Darknet's value. Frameworks default to 1e-3, which shifts every channel with a small variance.
BATCH_NORM_EPSILON = 1e-5


class WeightsError(ValueError):
    """The file is not a Darknet weights file, or not one for this network."""


class ConvShape(NamedTuple):
    """The parameters of a convolution that the file holds. channels: those that one filter sees, of its group."""

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


class Parameters(NamedTuple):
    """A convolution as the file has it.

    kernel: (filters, channels, size, size) float32. The others: (filters,) float32; `beta` is the bias where there is
    no batch normalisation, and the rest None.
    """

    kernel: np.ndarray
    beta: np.ndarray
    gamma: Optional[np.ndarray] = None
    mean: Optional[np.ndarray] = None
    variance: Optional[np.ndarray] = None

    def fold(self) -> Convolution:
        """The convolution with its batch normalisation folded into kernel and bias."""
        if self.gamma is None or self.mean is None or self.variance is None:
            return Convolution(self.kernel, self.beta)
        scale = self.gamma / np.sqrt(self.variance + np.float32(BATCH_NORM_EPSILON))
        return Convolution(self.kernel * scale[:, None, None, None], self.beta - self.mean * scale)


def read_weights(path: str, shapes: Sequence[ConvShape]) -> List[Convolution]:
    """Read the convolutions of a network, in the order of its table, with their batch normalisation folded in.

    Raises as `read_parameters` does.
    """
    return [parameters.fold() for parameters in read_parameters(path, shapes)]


def read_parameters(path: str, shapes: Sequence[ConvShape]) -> Iterator[Parameters]:
    """Read the convolutions of a network, in the order of its table. Nothing is read before the first is asked for.

    Raises WeightsError when the file's length does not fit `shapes`, before it allocates anything, or its numbers
    cannot be weights, and OSError when the file cannot be read.
    """
    with open(path, "rb") as file:
        length = os.fstat(file.fileno()).st_size
        start = file.read(20)
        if len(start) < 20:
            raise WeightsError(f"{path}: {length} bytes is too short for a Darknet weights file")
        major, minor = np.frombuffer(start, "<i4", 2).tolist()
        header = 12 + (8 if major * 10 + minor >= 2 else 4)
        expected = sum(shape.floats() for shape in shapes)
        if length - header != 4 * expected:
            raise WeightsError(
                f"{path}: holds {length - header:,} bytes of weights, this network needs {4 * expected:,} "
                f"({expected:,} floats)"
            )
        file.seek(header)
        for shape in shapes:
            floats = np.fromfile(file, "<f4", shape.floats())
            if floats.size != shape.floats():
                raise WeightsError(f"{path}: became shorter while it was read")
            parameters = _cut(floats, shape)
            if not np.isfinite(floats).all():
                raise WeightsError(f"{path}: holds numbers that are not finite: the training failed, or it is damaged")
            if parameters.variance is not None and parameters.variance.min() < 0:
                raise WeightsError(f"{path}: holds negative variances: it is of another network, or damaged")
            yield parameters


def random_parameters(shapes: Sequence[ConvShape]) -> Iterator[Parameters]:
    """Random convolutions, always the same, whose activations do not die out."""
    random = np.random.RandomState(0)
    for shape in shapes:
        vectors = [random.normal(0, 0.1, shape.filters)]
        if shape.batch_norm:
            variance = random.uniform(5, 20, shape.filters)  # so large that no reader's epsilon matters
            vectors += [random.uniform(0.8, 1.2, shape.filters) * np.sqrt(variance)]
            vectors += [random.normal(0, 0.1, shape.filters), variance]
        products = shape.channels * shape.size * shape.size
        kernel = np.empty((shape.filters, products), np.float32)
        for row in kernel:  # all at once they would take twice the memory, in double precision
            row[:] = random.standard_normal(products) * np.sqrt(2 / products)
        shaped = kernel.reshape(shape.filters, shape.channels, shape.size, shape.size)
        yield Parameters(shaped, *(vector.astype(np.float32) for vector in vectors))


def _cut(floats: np.ndarray, shape: ConvShape) -> Parameters:
    """One convolution from its part of the file."""
    per_filter = 4 if shape.batch_norm else 1
    vectors = floats[: per_filter * shape.filters].reshape(per_filter, shape.filters)
    kernel = floats[vectors.size :].reshape(shape.filters, shape.channels, shape.size, shape.size)
    return Parameters(kernel, *vectors)
