"""A fake backend, for tests and for measuring the loop without a network: fixed outputs after a fixed delay."""

import time
from typing import List, Sequence

import numpy as np

from app.backends import Backend, Shape, check_tensor


class FakeBackend(Backend):
    """Returns the same `outputs` for every tensor. It checks the tensor as strictly as a real backend.

    seconds: how long an inference sleeps, as if another chip did the work.
    """

    description = "fake"
    fills_cpu = False

    def __init__(
        self,
        outputs: Sequence[np.ndarray],
        input_shape: Shape = (None, 3, None, None),
        seconds: float = 0.0,
        workers: int = 1,
    ) -> None:
        self.outputs = list(outputs)
        self.input_shape = input_shape
        self.seconds = seconds
        self.workers = workers
        self.calls = 0
        self.closed = False

    def infer(self, tensor: np.ndarray) -> List[np.ndarray]:
        if self.closed:
            raise ValueError("infer() after close()")
        check_tensor(tensor, self.input_shape)
        time.sleep(self.seconds)
        self.calls += 1
        return self.outputs

    def share(self, workers: int) -> None:
        self.workers = workers

    def close(self) -> None:
        self.closed = True
