"""What the machine computes in: mixed precision where it has instructions for it."""

import keras

# Names in /proc/cpuinfo of instructions that multiply in bfloat16.
BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}


def policy(precision: str, on_gpu: bool) -> str:
    """Keras' policy for an option of `tools.train`: float16 is for GPUs, bfloat16 for CPUs that have it."""
    if precision == "auto":
        if on_gpu:
            return "mixed_float16"
        return "mixed_bfloat16" if _cpu_flags() & BFLOAT16_FLAGS else "float32"
    return precision if precision == "float32" else "mixed_" + precision


def has_gpu() -> bool:
    """Whether Keras' backend computes on a GPU here."""
    backend = keras.backend.backend()
    if backend == "torch":
        import torch

        return bool(torch.cuda.is_available())
    if backend == "jax":
        import jax

        return bool(jax.default_backend() != "cpu")
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def _cpu_flags() -> set[str]:
    try:
        with open("/proc/cpuinfo", encoding="ascii") as file:
            lines = [line for line in file if line.lower().startswith(("flags", "features"))]
    except (OSError, UnicodeDecodeError):
        return set()
    return set(lines[0].split(":")[1].split()) if lines else set()
