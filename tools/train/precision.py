"""Chooses the number format: mixed precision where the machine has instructions for it."""

import keras

from tools.machine import BFLOAT16_FLAGS, cpu_flags


def resolve(precision: str, on_gpu: bool) -> str:
    """Resolve `auto`: float16 on a GPU, bfloat16 on a CPU that supports it, else float32."""
    if precision != "auto":
        return precision
    if on_gpu:
        return "float16"
    return "bfloat16" if cpu_flags() & BFLOAT16_FLAGS else "float32"


def has_gpu() -> bool:
    """Whether Keras' backend uses a GPU here."""
    backend = keras.backend.backend()
    if backend == "torch":
        import torch

        return bool(torch.cuda.is_available())
    if backend == "jax":
        import jax

        return bool(jax.default_backend() != "cpu")
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))
