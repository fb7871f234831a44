"""Regularising layers that Keras does not have: DropConnect, stochastic depth, and fractional max pooling.

Each works with every backend, in compiled graphs, and with channels last. Random numbers come from Keras, so its seed
(`keras.utils.set_random_seed`) repeats a run.
"""

import math
from typing import Any, Optional

import keras
from keras import layers, ops

SQUARE_ROOT_OF_2 = math.sqrt(2)


class DropConnectDense(layers.Dense):  # type: ignore[misc]  # Keras has no types
    """A dense layer that sets a share `rate` of its kernel's weights to 0 in every training step (Wan et al. 2013).

    The others are multiplied by 1 / (1 - rate), so that the expected sum stays the same. The bias is kept. All images
    of a batch share one mask; Wan draws one for each image, which would take a kernel per image. Inference uses the
    plain kernel, which is the mean of all masks (Wan draws samples from a normal distribution of that mean), so it is
    an ordinary dense layer there. Raises ValueError for a rate outside [0, 1).
    """

    def __init__(self, units: int, rate: float, seed: Optional[int] = None, **options: Any) -> None:
        super().__init__(units, **options)
        if not 0 <= rate < 1:
            raise ValueError(f"drop-connect: the rate should be at least 0 and below 1, is {rate}")
        self.rate, self.seed = rate, seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, inputs: Any, training: Optional[bool] = None) -> Any:
        if not training or not self.rate:
            return super().call(inputs)
        kernel = ops.convert_to_tensor(self.kernel)  # torch's dropout takes no variable
        outputs = ops.matmul(inputs, keras.random.dropout(kernel, self.rate, seed=self.generator))
        if self.use_bias:
            outputs = ops.add(outputs, self.bias)
        return self.activation(outputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


def dropped_branch(rate: float) -> Any:
    """Stochastic depth: a layer that drops a share `rate` of the images in a residual branch (Huang et al. 2016).

    For (n, h, w, c). It is Keras' Dropout with one draw per image: what is kept is divided by 1 - rate in training, and
    inference changes nothing. Huang multiplies by 1 - rate at inference instead; the expected values are the same.
    """
    return layers.Dropout(rate, noise_shape=(None, 1, 1, 1))


def linear_decay(rate: float, blocks: int) -> list[float]:
    """The rates for a network's residual blocks, first to last: they grow linearly up to `rate` (Huang 2016, 3)."""
    return [rate * (block + 1) / blocks for block in range(blocks)]


class FractionalMaxPooling2D(layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Max pooling (n, h, w, c) to (n, h', w', c) that shrinks by a `ratio` between 1 and 2 (Graham 2014).

    h' = floor(h / ratio), at least h / 2. The windows are 2x2, and start at rows 0 to h - 2 that are 1 or 2 apart: they
    overlap in one row or touch. The rows are pseudo-random: with u from [0, 1) and a = (h - 2) / (h' - 1), window i
    starts at floor((i + u) a) - floor(u a), as in torch.nn.FractionalMaxPool2d(2). Columns likewise. In training, u is
    drawn for every batch, once for the rows and once for the columns; at inference it is 0.5. Raises ValueError for
    another ratio, and for a height or width that is not known or under 3.
    """

    def __init__(self, ratio: float = SQUARE_ROOT_OF_2, seed: Optional[int] = None, **options: Any) -> None:
        super().__init__(**options)
        if not 1 < ratio < 2:
            raise ValueError(f"fractional max pooling: the ratio should be between 1 and 2, is {ratio}")
        self.ratio, self.seed = ratio, seed
        self.generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape: Any) -> None:
        self.lengths = tuple(input_shape[1:3])
        if None in self.lengths or min(self.lengths) < 3:
            raise ValueError(
                f"fractional max pooling: needs a known height and width of at least 3, not {self.lengths}"
            )
        self.built = True

    def call(self, inputs: Any, training: Optional[bool] = None) -> Any:
        outputs = inputs
        draws = keras.random.uniform((2,), seed=self.generator) if training else None
        for axis in (1, 2):
            length = self.lengths[axis - 1]
            if draws is None:
                first: Any = fixed_starts(length, self.ratio)
            else:
                first = _random_starts(length, self.ratio, draws[axis - 1])
            first = ops.cast(first, "int32")
            outputs = ops.maximum(ops.take(outputs, first, axis), ops.take(outputs, first + 1, axis))
        return outputs

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        images, height, width, channels = input_shape
        return images, _pooled(height, self.ratio), _pooled(width, self.ratio), channels

    def starts(self) -> tuple[list[int], list[int]]:
        """The rows and the columns at which the windows start at inference, for an exporter."""
        height, width = self.lengths
        return fixed_starts(height, self.ratio), fixed_starts(width, self.ratio)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "ratio": self.ratio, "seed": self.seed}


def fixed_starts(length: int, ratio: float) -> list[int]:
    """Where the windows of a fractional max pooling of `length` rows start at inference."""
    last = _pooled(length, ratio) - 1
    # (i + 1/2) (length - 2) / last, rounded down, in whole numbers.
    return [(2 * i + 1) * (length - 2) // (2 * last) - (length - 2) // (2 * last) for i in range(last + 1)]


def _random_starts(length: int, ratio: float, draw: Any) -> Any:
    last = _pooled(length, ratio) - 1
    step = (length - 2) / last
    starts = ops.floor((ops.arange(last + 1, dtype="float32") + draw) * step) - ops.floor(draw * step)
    return ops.minimum(starts, length - 2)  # rounding could lead one row further


def _pooled(length: int, ratio: float) -> int:
    return max(int(length / ratio), -(-length // 2))  # windows of 2 cannot cover more
