"""TensorRT: engines that `tools.build_engine` built from an ONNX file, one for each input shape, on an NVIDIA GPU."""

import traceback
from typing import Any, List, Optional, Sequence, Tuple

import numpy as np

from app.backends import Backend, Shape, check_precision, check_tensor, one_line
from app.backends import tensorrt_releases as releases
from app.backends.cuda import Buffer, Gpu, driver
from app.engine import EngineSource, EngineTarget, build_command, find_engine, has_engine
from app.errors import ModelError
from app.modelcard import hash_model


class TensorRTBackend(Backend):
    """A model in TensorRT. `path` is the ONNX file; its engines lie beside it, and are loaded for the first tensor.

    One thread infers; any may close it afterwards. The context is that thread's only during a call.
    """

    input_shape: Shape = (None, None, None, None)  # any shape that has an engine
    fills_cpu = False

    def __init__(self, path: str, device: str = "auto", precision: str = "auto", workers: int = 1) -> None:
        """Find the GPU. Raises ModelError if there is none. `precision` auto prefers FP16 engines to FP32 ones.

        workers: one at a time can infer, since a GPU does the inferences one after the other.
        """
        if device == "cpu":
            raise ModelError("TensorRT runs on a GPU only; for the CPU use --backend onnx")
        if precision != "auto":
            check_precision("TensorRT", precision, ("fp32", "fp16"))
        self._source = EngineSource(path, hash_model(path), (), precision)
        self._session: Optional[_Session] = None
        self._gpu = Gpu()
        self._target = EngineTarget(releases.RUNTIME, self._gpu.architecture)
        self.description = f"{releases.RUNTIME} {self._gpu.name}"

    def has_engine(self) -> bool:
        """Whether the model has an engine that runs here, for an input of any shape."""
        return has_engine(self._source, self._target)

    @staticmethod
    def about() -> str:
        gpu = Gpu()
        gpu.close()
        return f"{releases.RUNTIME.split()[1]}: {gpu.name}"

    def infer(self, tensor: np.ndarray) -> List[np.ndarray]:
        """See Backend. Loads an engine for the first tensor, and whenever the shape changes.

        Raises ModelError, with the command that builds it, when there is no engine for the shape.
        """
        check_tensor(tensor, self.input_shape)
        try:
            with self._gpu:
                try:
                    return self._loaded(tensor.shape).run(tensor)
                except Exception as error:
                    _let_go(error)
                    raise
        except driver.Error as error:
            raise ModelError(f"CUDA failed: {one_line(error)}") from error

    def _loaded(self, shape: Tuple[int, ...]) -> "_Session":
        """The engine for a shape, loaded unless it is the current one."""
        if self._session is not None and self._session.shape == shape:
            return self._session
        source = self._source._replace(shape=shape)
        path, data, fields = find_engine(source, self._target)
        if self._session is not None:
            self._session.close()
            self._session = None
        try:
            self._session = _Session(data, shape, fields["outputs"])
        except ModelError as error:
            again = build_command(source.model, source.shape, fields["precision"])
            raise ModelError(f"{path}: {error}; build it again with: {again}") from error
        self.description = "{} {} {}".format(releases.RUNTIME, self._gpu.name, fields["precision"])
        return self._session

    def close(self) -> None:
        if self._session is not None:
            with self._gpu:
                self._session.close()
            self._session = None
        self._gpu.close()


def _let_go(error: Optional[BaseException]) -> None:
    """Free what an exception's traceback refers to, while the context is current in which it was allocated."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


class _Session:
    """One engine in the GPU's memory, its stream and its buffers. Used and closed with the GPU's context current."""

    def __init__(self, data: bytes, shape: Sequence[int], outputs: Sequence[str]) -> None:
        """outputs: names in the model's order, which the engine may not keep. Raises ModelError."""
        self.shape = tuple(shape)
        self._buffers: List[Buffer] = []
        self._engine: Optional[releases.Engine] = None
        self._stream: Any = driver.Stream()
        try:
            self._engine = releases.load_engine(data)
            self._prepare(self._engine, outputs)
        except Exception:  # its traceback keeps this object alive
            self.close()
            raise

    def _prepare(self, engine: releases.Engine, outputs: Sequence[str]) -> None:
        tensors = engine.tensors
        places = {tensor.name: index for index, tensor in enumerate(tensors)}
        inputs = [index for index, tensor in enumerate(tensors) if tensor.is_input]
        if len(inputs) != 1 or len(outputs) != len(tensors) - 1 or not set(outputs) < set(places):
            raise ModelError("its tensors differ from its sidecar: {}".format(", ".join(places)))
        if not all(engine.is_float32(index) for index in places.values()):
            raise ModelError("its inputs and outputs are not all float32")
        if not engine.set_shape(inputs[0], self.shape):
            raise ModelError(f"it does not take a tensor of shape {self.shape}: {releases.LOG.reason()}")
        for index in range(len(tensors)):
            self._buffers.append(Buffer(engine.shape(index)))
        if not engine.bind([buffer.address for buffer in self._buffers]):
            raise ModelError(f"it does not take its buffers: {releases.LOG.reason()}")
        self._input = self._buffers[inputs[0]]
        self._outputs = [self._buffers[places[name]] for name in outputs]

    def run(self, tensor: np.ndarray) -> List[np.ndarray]:
        """One inference. The outputs are page-locked memory that the next call overwrites."""
        self._input.upload(tensor, self._stream)
        assert self._engine is not None
        if not self._engine.enqueue(self._stream.handle):
            raise ModelError(f"TensorRT failed: {releases.LOG.reason()}")
        for output in self._outputs:
            output.download(self._stream)
        self._stream.synchronize()
        return [output.host for output in self._outputs]

    def close(self) -> None:
        """Free everything, in reverse order of allocation."""
        try:
            self._stream.synchronize()  # no work may use the memory that is freed next
        except driver.Error:
            pass  # the GPU had failed before, which was reported
        self._input, self._outputs = None, []  # type: ignore[assignment]
        while self._buffers:
            self._buffers.pop().free()
        if self._engine is not None:
            self._engine.close()
        self._engine = self._stream = None
