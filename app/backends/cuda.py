"""The GPU through pycuda: the primary context, one stream, page-locked buffers.

ONNX Runtime, TensorFlow and the CUDA runtime use the primary context too, so all of them can run in one process;
`pycuda.autoinit` would create another. A thread has a stack of contexts: everything here is allocated, used and freed
in one thread, between a push and a pop.
"""

from typing import Any, Sequence

import numpy as np

from app.backends import importing, one_line
from app.errors import ModelError

__all__ = ["Buffer", "Gpu", "driver"]

NVCC = "export PATH=$PATH:/usr/local/cuda/bin && python3 -m pip install pycuda (pip compiles it, which needs nvcc)"

with importing("pycuda", NVCC):
    try:
        import pycuda.driver as driver
    except ImportError as error:
        if "libcuda" in str(error):
            raise ModelError(f"the CUDA driver is missing ({one_line(error)}); install NVIDIA's driver")
        raise


class Buffer:
    """An array in page-locked memory, `host`, and GPU memory of the same size at `address`."""

    def __init__(self, shape: Sequence[int]) -> None:
        self.host: np.ndarray = driver.pagelocked_empty(tuple(shape), np.float32)
        self._device: Any = driver.mem_alloc(self.host.nbytes)
        self.address = int(self._device)

    def upload(self, array: np.ndarray, stream: Any) -> None:
        """Copy an array to `host` and on to the GPU. Assigning to `host` would lose the page-locked memory."""
        np.copyto(self.host, array)
        driver.memcpy_htod_async(self._device, self.host, stream)

    def download(self, stream: Any) -> None:
        """Copy GPU memory to `host`. It is complete once the stream is synchronised."""
        driver.memcpy_dtoh_async(self.host, self._device, stream)

    def free(self) -> None:
        """Free both. The page-locked memory is freed with its array."""
        self._device.free()
        del self.host, self._device


class Gpu:
    """The first GPU. Inside `with gpu:` its primary context is the thread's current context.

    name: as the driver reports it. architecture: `sm53` for compute capability 5.3. shares_memory: whether it shares
    its memory with the CPU, as on a Jetson.
    """

    def __init__(self) -> None:
        """Raises ModelError if there is no GPU, or no driver for it."""
        if not hasattr(driver.Device, "retain_primary_context"):
            raise ModelError(f"this pycuda is older than 2020.1; install a newer one with: {NVCC}")
        try:
            driver.init()
            device = driver.Device(0)
            self.name: str = device.name()
            self.architecture = "sm{}{}".format(*device.compute_capability())
            self.shares_memory = bool(device.get_attribute(driver.device_attribute.INTEGRATED))
            self._context = device.retain_primary_context()
        except driver.Error as error:
            raise ModelError(f"there is no GPU that CUDA can use: {one_line(error)}") from error

    def __enter__(self) -> "Gpu":
        self._context.push()
        return self

    def __exit__(self, *exception: Any) -> None:
        driver.Context.pop()

    def close(self) -> None:
        """Release the context. Everything allocated in it must have been freed."""
        if self._context is not None:
            self._context.detach()
            self._context = None
