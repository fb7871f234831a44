"""A process that measures the machine's peak by a product of square matrices on all cores.

The spec is `library` (numpy, torch or tensorflow) and `precision`. Answers to any question with `gflops`.
"""

import sys
import time
from typing import Any, Callable

import numpy as np

from tools.bench_training.process import Handler, serve
from tools.json_file import Json

SIDE = 2048
LEAST = 0.3  # seconds of a turn


def begin(spec: Json) -> tuple[Json, Handler]:
    """Make the matrices; the first answer, and what answers the questions."""
    product = _product(spec["library"], spec["precision"])
    product()
    return {}, lambda question: {"gflops": fastest(product)}


def fastest(product: Callable[[], Any]) -> float:
    """GFLOP/s of the fastest product within a turn."""
    times: list[float] = []
    while sum(times) < LEAST or len(times) < 2:
        began = time.perf_counter()
        product()
        times.append(time.perf_counter() - began)
    return 2 * SIDE**3 / min(times) / 1e9


def _product(library: str, precision: str) -> Callable[[], Any]:
    matrix = np.random.default_rng(0).random((SIDE, SIDE), np.float32)
    if library == "torch":
        import torch

        values = torch.from_numpy(matrix).to(getattr(torch, precision))
        return lambda: values @ values
    if library == "tensorflow":
        import tensorflow as tf

        tensor = tf.constant(matrix, precision)
        return lambda: tf.matmul(tensor, tensor).numpy()
    return lambda: matrix @ matrix


if __name__ == "__main__":
    sys.exit(serve(begin))
