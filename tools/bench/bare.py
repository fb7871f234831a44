"""ONNX Runtime's session and nothing else: the limits for any loop, without one worker a core and with it."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Iterator, Sequence

import numpy as np

from app.timing import WARM_UP_FRAMES


class Bare:
    """A session that uses all threads for one inference, with ONNX Runtime's own settings otherwise."""

    def __init__(self, model: str, shape: Sequence[int], threads: int) -> None:
        self._session = session(model, threads)
        self._tensor = noise(shape)
        self._input = self._session.get_inputs()[0].name

    def __call__(self, frames: int) -> float:
        return rate(lambda: self._session.run(None, {self._input: self._tensor}), frames)


class SideBySide:
    """A session in which as many inferences run at the same time as there are threads, each in a single one."""

    def __init__(self, model: str, shape: Sequence[int], threads: int) -> None:
        self._session = session(model, 1)
        self._tensors = [noise(shape) for _ in range(threads)]
        self._input = self._session.get_inputs()[0].name

    def __call__(self, frames: int) -> float:
        with ThreadPoolExecutor(len(self._tensors)) as pool:
            self._run(pool, WARM_UP_FRAMES * len(self._tensors))
            start = time.monotonic()
            self._run(pool, frames)
            return frames / (time.monotonic() - start)

    def _run(self, pool: ThreadPoolExecutor, frames: int) -> None:
        left = iter(range(frames))  # each thread takes the next one when it has done its last
        for _ in pool.map(lambda tensor: self._infer(tensor, left), self._tensors):
            pass  # which raises what a thread has raised

    def _infer(self, tensor: np.ndarray, left: Iterator[int]) -> None:
        for _ in left:
            self._session.run(None, {self._input: tensor})


def session(model: str, threads: int) -> Any:
    """A session of ONNX Runtime as one opens it first, but for the number of threads."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def noise(shape: Sequence[int]) -> np.ndarray:
    """A tensor (1, 3, height, width) float32 of random numbers from 0 to 1, always the same."""
    return np.random.default_rng(0).random((1, 3, *shape), np.float32)


def rate(infer: Callable[[], object], frames: int) -> float:
    """Calls per second of a function that is called so often, after a warm-up."""
    for _ in range(WARM_UP_FRAMES):
        infer()
    start = time.monotonic()
    for _ in range(frames):
        infer()
    return frames / (time.monotonic() - start)
