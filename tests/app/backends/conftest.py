"""Models that the tests of backends share."""

import os
import platform

import cv2
import pytest
from support.runtimes import MODEL, skip_unless_installed

from app.artefact import sidecar_path
from app.modelcard import card_path, graph_path
from tools.convert import convert

platform.processor()  # TensorFlow's import asks for it; it starts a process, once


@pytest.fixture(scope="session")
def network_for(tmp_path_factory):
    """The real network as a backend reads it, with its card, or a skipped test."""
    converted = str(tmp_path_factory.mktemp("opset8") / "yolov3-tiny.onnx")
    weights = os.path.splitext(MODEL)[0] + ".weights"

    def path(name):
        skip_unless_installed(name)
        if not os.path.exists(card_path(MODEL)):
            pytest.skip("the model is not here: python -m tools.convert")
        if name == "tensorflow" and not os.path.exists(sidecar_path(graph_path(MODEL))):
            pytest.skip("TensorFlow's graph is not here: python -m tools.convert")
        if name != "opencv" or tuple(int(part) for part in cv2.__version__.split(".")[:2]) >= (4, 6):
            return MODEL
        if not os.path.exists(weights):
            pytest.skip("this OpenCV needs a file of opset 8, and the weights are not here: python -m tools.fetch")
        if not os.path.exists(converted):
            convert(weights, converted, opset=8)
        return converted

    return path
