"""Imports Keras and its backend without their start-up messages, and with the backend's fast kernels."""

import os

from app.backends import importing
from app.errors import UsageError
from app.files import without_stderr

BACKENDS = ("tensorflow", "jax", "torch")
INSTALL = "python3 -m pip install -e '.[train]'"


def import_keras() -> None:
    """Import it; the backend is that of KERAS_BACKEND, else TensorFlow. Raises ModelError, UsageError."""
    name = os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    if name not in BACKENDS:
        raise UsageError(f"KERAS_BACKEND={name}: should be one of {', '.join(BACKENDS)}")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    # TensorFlow uses oneDNN of its own accord only on CPUs with AVX-512 VNNI; with AVX2 it doubles the speed too.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    with importing(f"Keras with {name}", INSTALL), without_stderr():
        import keras  # noqa: F401
        import matplotlib  # noqa: F401
