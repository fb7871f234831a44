"""TensorFlow's frozen graph: that only the right one is loaded, and that TensorFlow keeps quiet."""

import hashlib
import importlib
import importlib.util
import json
import os
import re
import shutil
import sys

import numpy as np
import pytest
from support.program import finish, start

from app.artefact import sidecar_path
from app.backends import open_backend
from app.errors import ModelError
from app.modelcard import find_model, graph_path

MODEL = find_model("yolov3-tiny")
FILES = (MODEL, graph_path(MODEL), sidecar_path(graph_path(MODEL)))
REMAKE = "python -m tools.convert"

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="tensorflow is not installed"),
    pytest.mark.skipif(
        not all(os.path.exists(path) for path in FILES), reason="TensorFlow's graph is not here: " + REMAKE
    ),
    # Old TensorFlow was compiled with an older numpy, which is harmless, and which numpy itself keeps quiet about.
    pytest.mark.filterwarnings("ignore:numpy.ufunc size changed"),
]


@pytest.fixture
def model(tmp_path):
    """The real model, its graph and the graph's sidecar; the large ones as links, so replace them, never write."""
    onnx, graph, sidecar = FILES
    os.symlink(onnx, str(tmp_path / "small.onnx"))
    os.symlink(graph, str(tmp_path / "small.pb"))
    shutil.copy(sidecar, str(tmp_path / "small.pb.json"))
    return tmp_path / "small.onnx"


def replace(path, data):
    path.unlink()
    path.write_bytes(data)


def change_sidecar(model, change):
    """Let `change` alter the fields of the sidecar of a model's graph."""
    path = model.parent / "small.pb.json"
    fields = json.loads(path.read_text())
    change(fields)
    path.write_text(json.dumps(fields))


def failure(model):
    """What is said when the graph is not loaded."""
    with pytest.raises(ModelError) as caught:
        open_backend(str(model), "tensorflow", "cpu")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_graph_beside_the_model_is_what_runs(model):
    replace(model, model.read_bytes())  # read for its hash only
    with open_backend(str(model), "tensorflow", "cpu") as backend:
        assert backend.input_shape == (None, 3, None, None)
        assert re.match(r"tensorflow \d\S+ CPU, \d+ threads$", backend.description)
        assert [head.shape for head in backend.infer(np.zeros((2, 3, 64, 96), np.float32))] == [
            (2, 255, 2, 3),
            (2, 255, 4, 6),
        ]


def test_a_damaged_graph(model):
    """See test_artefact.py for what else may be wrong with a file and its sidecar."""
    replace(model.parent / "small.pb", b"damaged")
    message = failure(model)
    assert "small.pb: damaged" in message
    assert message.endswith(REMAKE)


def test_the_graph_of_another_model(model):
    replace(model, model.read_bytes() + b"\0")
    message = failure(model)
    assert "made from another model" in message
    assert "small.onnx" in message
    assert message.endswith(REMAKE)


@pytest.mark.parametrize(
    "change, phrase",
    [
        pytest.param(lambda fields: fields.pop("input"), "name its input and outputs", id="no input"),
        pytest.param(lambda fields: fields.update(outputs="out"), "name its input and outputs", id="one output"),
        pytest.param(lambda fields: fields.update(input="absent:0"), "small.pb: .*absent", id="an input it has not"),
        pytest.param(lambda fields: fields.update(outputs=["absent:0"]), "absent", id="nor an output"),
    ],
)
def test_a_sidecar_that_does_not_do(model, change, phrase):
    change_sidecar(model, change)
    with pytest.raises(ModelError, match=phrase) as caught:
        with open_backend(str(model), "tensorflow", "cpu") as backend:
            backend.infer(np.zeros((1, 3, 32, 32), np.float32))  # outputs are looked for when they are wanted
    assert "\n" not in str(caught.value)


def test_a_graph_that_is_none(model, capfd):
    """Its hash is right: somebody has written both by hand."""
    data = b"this is not a graph"
    replace(model.parent / "small.pb", data)
    change_sidecar(model, lambda fields: fields.update(sha256=hashlib.sha256(data).hexdigest()))
    assert "small.pb: TensorFlow cannot load it" in failure(model)
    assert capfd.readouterr() == ("", "")


def test_two_at_once(model):
    """Each has its session: the one that is closed takes nothing from the other."""
    tensor = np.zeros((1, 3, 32, 32), np.float32)
    with open_backend(str(model), "tensorflow", "cpu") as one:
        with open_backend(str(model), "tensorflow", "cpu") as two:
            expected = two.infer(tensor)[0].copy()
        np.testing.assert_array_equal(one.infer(tensor)[0], expected)


@pytest.mark.parametrize("on_gpu, gpus", [(True, None), (False, 0)], ids=["GPU", "CPU"])
def test_of_a_gpu_only_the_memory_that_is_needed(on_gpu, gpus):
    from app.backends.tensorflow import _settings

    settings = _settings(on_gpu)
    assert settings.gpu_options.allow_growth, "or TensorFlow takes all of the memory, on a Nano all of the board's"
    assert dict(settings.device_count).get("GPU") == gpus, "on the CPU it must not touch the GPU at all"
    assert settings.inter_op_parallelism_threads == 1


@pytest.mark.slow
def test_nothing_is_printed_and_standard_error_is_given_back(monkeypatch):
    """By the import and by a run."""
    program = """
import sys, numpy
from app.backends import open_backend
with open_backend(sys.argv[1], "tensorflow", "cpu") as backend:
    backend.infer(numpy.zeros((1, 3, 64, 64), numpy.float32))
print("heard", file=sys.stderr)
"""
    for name in [name for name in os.environ if name.startswith("TF_")]:
        monkeypatch.delenv(name)
    assert finish(start(MODEL, code=program)) == (0, "", "heard\n")


def test_standard_error_is_given_back_where_the_import_fails(monkeypatch, capfd):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    monkeypatch.delitem(sys.modules, "app.backends.tensorflow", raising=False)
    with pytest.raises(ModelError, match="python3 -m pip install tensorflow"):
        importlib.import_module("app.backends.tensorflow")
    os.write(2, b"heard")
    assert capfd.readouterr() == ("", "heard")
