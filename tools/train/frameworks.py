"""Imports Keras, its backend, and TensorFlow, which reads the data, without their start-up messages."""

import os

from app.backends import importing
from app.errors import UsageError
from app.files import without_stderr

BACKENDS = ("tensorflow", "jax", "torch")
INSTALL = "python3 -m pip install -e '.[train]'"


def import_keras() -> None:
    """Import them all; the backend is that of KERAS_BACKEND, else TensorFlow. Raises ModelError, UsageError."""
    name = os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    if name not in BACKENDS:
        raise UsageError(f"KERAS_BACKEND={name}: should be one of {', '.join(BACKENDS)}")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    with importing(f"Keras with {name}", INSTALL), without_stderr():
        import keras  # noqa: F401
        import matplotlib  # noqa: F401
        import tensorflow as tf

        if name != "tensorflow":
            tf.config.set_visible_devices([], "GPU")  # or it would allocate the memory of the GPU that the other uses
