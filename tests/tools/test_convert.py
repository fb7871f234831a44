import hashlib
import importlib.util
import json
import os

import numpy as np
import onnx
import pytest
from support.darknet_files import HEAD, NET, conv
from support.weights_file import write_random_weights

from app.artefact import read_sidecar
from app.backends import open_backend
from app.backends.onnx import OnnxBackend
from app.errors import ModelError, OutputError
from app.modelcard import read_card
from models.yolov3_tiny import ANCHORS, LABELS, NETWORK
from tools import convert
from tools.darknet_models import tiny

# Old TensorFlow was compiled with an older numpy, which is harmless, and which numpy itself keeps quiet about.
pytestmark = pytest.mark.filterwarnings("ignore:numpy.ufunc size changed")
HAS_TENSORFLOW = importlib.util.find_spec("tensorflow") is not None
needs_tensorflow = pytest.mark.skipif(not HAS_TENSORFLOW, reason="tensorflow is not installed")


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "random.weights"
    write_random_weights(path, NETWORK.conv_shapes())
    return path


@pytest.fixture(scope="module")
def converted(weights, tmp_path_factory):
    output = tmp_path_factory.mktemp("converted") / "random.onnx"
    convert.convert(str(weights), str(output))
    return output


def test_card(weights, converted):
    assert sorted(os.listdir(str(converted.parent))) == ["random.json", "random.onnx"]
    with open(str(converted.parent / "random.json")) as file:
        fields = json.load(file)
    assert fields["name"] == "random"
    assert fields["sha256"] == sha256(converted)
    assert fields["source"] == {"file": "random.weights", "sha256": sha256(weights)}
    assert fields["input"] == {"layout": "NCHW", "colour": "RGB", "scale": 1 / 255, "multiple": 32}


def test_the_program_reads_what_was_written(converted):
    card = read_card(str(converted))
    assert card.labels == LABELS
    assert [head.stride for head in card.heads] == [32, 16]
    assert [head.anchors for head in card.heads] == [ANCHORS[3:6], ANCHORS[1:4]]
    with OnnxBackend(str(converted), "cpu") as backend:
        assert backend.input_shape == (None, 3, None, None)
        coarse, fine = backend.infer(np.zeros((1, 3, 64, 96), np.float32))
    assert (coarse.shape, fine.shape) == ((1, 255, 2, 3), (1, 255, 4, 6))
    assert np.isfinite(coarse).all()


@pytest.mark.parametrize("change", [b"", bytes(4)], ids=["too short", "too long"])
def test_weights_of_the_wrong_length(weights, tmp_path, change):
    path = tmp_path / "wrong.weights"
    path.write_bytes(weights.read_bytes() + change if change else weights.read_bytes()[:-4])
    with pytest.raises(ModelError, match="8,858,734 floats"):
        convert.convert(str(path), str(tmp_path / "out.onnx"))
    assert os.listdir(str(tmp_path)) == ["wrong.weights"]


def test_output_that_cannot_be_written(weights, tmp_path):
    with pytest.raises(OutputError, match="no folder"):
        convert.convert(str(weights), str(tmp_path / "absent" / "out.onnx"))


def test_command(weights, converted, tmp_path, capsys, monkeypatch):
    """For old OpenCV, where TensorFlow is not installed."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    output = str(tmp_path / "mine.onnx")
    assert convert.main(["--weights", str(weights), "--output", output, "--opset", "8"]) == 0
    assert capsys.readouterr().out == output + " and mine.json\n"
    assert read_card(output).name == "mine"
    assert onnx.load(output).opset_import[0].version == 8


def test_the_same_weights_give_the_same_files(weights, converted, request, tmp_path, capsys):
    """By the command too. The graph is the same in what it computes; the names of its nodes may differ."""
    output = tmp_path / "random.onnx"
    assert convert.main(["--weights", str(weights), "--output", str(output)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == [str(output), "and", "random.json"]
    for name in ("random.onnx", "random.json"):
        assert sha256(tmp_path / name) == sha256(converted.parent / name)
    assert len(lines) == (2 if HAS_TENSORFLOW else 1)
    if HAS_TENSORFLOW:
        assert lines[1][:3] == [str(tmp_path / "random.pb"), "and", "random.pb.json,"]
        tensor = np.random.RandomState(2).uniform(size=(1, 3, 64, 32)).astype(np.float32)
        with_graph = str(request.getfixturevalue("with_graph"))
        with open_backend(str(output), "tensorflow", "cpu") as one, open_backend(
            with_graph, "tensorflow", "cpu"
        ) as two:
            for head, expected in zip(one.infer(tensor), two.infer(tensor)):
                np.testing.assert_array_equal(head, expected)


@pytest.mark.parametrize(
    "changes, code, phrase",
    [
        (["--opset", "11"], 2, "--opset"),
        (["--output", "mine.weights"], 2, "end in .onnx"),
        (["--weights", "absent"], 4, "tools.fetch"),
    ],
)
def test_command_that_fails(weights, tmp_path, capsys, changes, code, phrase):
    own = ["--weights", str(weights), "--output", str(tmp_path / "out.onnx")]
    assert convert.main(own + changes) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert phrase in captured.err
    assert len(captured.err.splitlines()) == 1
    assert os.listdir(str(tmp_path)) == []


def test_a_conversion_that_fails_leaves_no_card_of_the_old_model(weights, tmp_path, monkeypatch):
    """Where there is a card, the model beside it is complete."""
    output = tmp_path / "model.onnx"
    convert.convert(str(weights), str(output))

    def full(path, data):
        raise OutputError("the disk is full")

    monkeypatch.setattr(convert, "write_file", full)
    with pytest.raises(OutputError):
        convert.convert(str(weights), str(output))
    assert not (tmp_path / "model.json").exists()


@pytest.fixture(scope="module")
def with_graph(weights, converted, tmp_path_factory):
    """A model with its graph."""
    model = tmp_path_factory.mktemp("graph") / "random.onnx"
    model.write_bytes(converted.read_bytes())
    convert.convert_graph(tiny(str(weights)), str(model))
    return model


@needs_tensorflow
def test_graph(converted, with_graph):
    assert sorted(os.listdir(str(with_graph.parent))) == ["random.onnx", "random.pb", "random.pb.json"]
    graph = with_graph.parent / "random.pb"
    fields = read_sidecar(str(graph))
    assert fields["sha256"] == sha256(graph)
    assert fields["model"] == {"file": "random.onnx", "sha256": sha256(with_graph)}
    assert fields["made_with"].startswith("tensorflow ")
    assert len(fields["outputs"]) == 2


@needs_tensorflow
@pytest.mark.parametrize("shape", [(1, 3, 64, 96), (2, 3, 32, 32)], ids=str)
def test_graph_computes_the_same(with_graph, shape):
    tensor = np.random.RandomState(1).uniform(size=shape).astype(np.float32)
    with open_backend(str(with_graph), "onnx", "cpu") as reference:
        with open_backend(str(with_graph), "tensorflow", "cpu") as backend:
            assert backend.input_shape == reference.input_shape
            for head, expected in zip(backend.infer(tensor), reference.infer(tensor)):
                np.testing.assert_allclose(head, expected, rtol=0, atol=1e-3)


@needs_tensorflow
@pytest.mark.slow
def test_graph_of_a_network_with_one_head(tmp_path, capsys):
    (tmp_path / "a.cfg").write_text(NET + conv(6, "mish", size=3, pad=1, stride=2, batch_normalize=1) + HEAD)
    output = str(tmp_path / "a.onnx")
    assert convert.main(["--cfg", str(tmp_path / "a.cfg"), "--random-weights", "--output", output]) == 0
    assert "a.pb and a.pb.json, for --backend tensorflow" in capsys.readouterr().out
    tensor = np.random.RandomState(1).uniform(size=(1, 3, 4, 6)).astype(np.float32)
    with open_backend(output, "onnx", "cpu") as reference, open_backend(output, "tensorflow", "cpu") as backend:
        (expected,), (head,) = reference.infer(tensor), backend.infer(tensor)
        np.testing.assert_allclose(head, expected, rtol=1e-4, atol=1e-5)


@needs_tensorflow
@pytest.mark.slow
def test_what_keras_cannot_pad_is_left_out_of_tensorflow_alone(tmp_path, capsys):
    (tmp_path / "a.cfg").write_text(NET + "[maxpool]\nsize=3\nstride=2\n" + HEAD)
    output = str(tmp_path / "a.onnx")
    assert convert.main(["--cfg", str(tmp_path / "a.cfg"), "--random-weights", "--output", output]) == 0
    assert "warning: no file for --backend tensorflow: pool0: Keras does not pad" in capsys.readouterr().err
    assert sorted(os.listdir(str(tmp_path))) == ["a.cfg", "a.json", "a.onnx"]
