"""The runtimes behind the backends, and the real network that they run."""

import importlib.util

import pytest

from app.modelcard import find_model

MODEL = find_model("yolov3-tiny")
RUNTIMES = {"onnx": "onnxruntime", "tensorflow": "tensorflow", "opencv": "cv2", "openvino": "openvino"}


def skip_unless_installed(name):
    if importlib.util.find_spec(RUNTIMES.get(name, "sys")) is None:
        pytest.skip(f"{RUNTIMES[name]} is not installed")
