"""`python -m tools.convert --cfg`: configurations, their weights, and what is wrong with either."""

import json
import os

import numpy as np
import pytest
from support.darknet_files import HEAD, NET, YOLO, conv, network, write_weights

from app.backends.onnx import OnnxBackend
from app.layout import Head
from app.modelcard import read_card
from models.yolov3_tiny import LABELS
from tools import convert

# Old TensorFlow was compiled with an older numpy, which is harmless, and which numpy itself keeps quiet about.
pytestmark = pytest.mark.filterwarnings("ignore:numpy.ufunc size changed")
SECTIONS = "[maxpool]\nstride=8\n" + HEAD + "scale_x_y=1.05\n"


@pytest.fixture(autouse=True)
def without_tensorflow(monkeypatch):
    monkeypatch.setattr(convert.importlib.util, "find_spec", lambda name: None)


@pytest.fixture
def files(tmp_path):
    """A configuration, its weights and its names, in a folder of their own."""
    (tmp_path / "a.cfg").write_text(NET + SECTIONS)
    (tmp_path / "a.names").write_bytes("\ufeffcat\r\nd\u00f6g \r\n\r\n".encode("utf-8"))
    write_weights(tmp_path / "a.weights", network(SECTIONS).conv_shapes())
    return tmp_path


def run(folder, *options, cfg=NET + SECTIONS):
    """Convert the configuration in a folder; the exit code."""
    (folder / "a.cfg").write_text(cfg)
    own = ["--cfg", str(folder / "a.cfg"), "--output", str(folder / "out.onnx")]
    return convert.main(own + list(options))


def with_weights(folder):
    return "--weights", str(folder / "a.weights")


def test_card(files, capsys):
    assert run(files, *with_weights(files), "--names", str(files / "a.names")) == 0
    out, err = capsys.readouterr()
    path = str(files / "out.onnx")
    assert out.splitlines() == [path + " and out.json", f"next: python -m app.detect --model {path}"]
    assert err == ""
    card = read_card(str(files / "out.onnx"))
    assert card.labels == ("cat", "d\u00f6g")
    assert card.heads == (Head(8, ((10, 14), (23, 27)), 1.05, False),)
    assert (card.resize, card.size, card.multiple, card.scale) == ("stretch", (64, 64), 8, 1 / 255)
    fields = json.loads((files / "out.json").read_text())
    assert fields["source"]["file"] == "a.weights"
    assert fields["source"]["cfg"]["file"] == "a.cfg"


def test_the_model_is_that_of_the_weights(files):
    """A pool of 8x8 over one bright block, then the head's convolution."""
    assert run(files, *with_weights(files)) == 0
    with OnnxBackend(str(files / "out.onnx"), "cpu") as backend:
        (head,) = backend.infer(np.ones((1, 3, 8, 16), np.float32))
    floats = np.frombuffer((files / "a.weights").read_bytes(), "<f4", offset=20)
    bias, kernel = floats[:14], floats[14:].reshape(14, 3)
    np.testing.assert_allclose(head[0, :, 0, 1], kernel.sum(axis=1) + bias, rtol=1e-5)


@pytest.mark.parametrize(
    "net, options, resize",
    [
        pytest.param(NET + "letter_box=1\n", [], "letterbox", id="letter_box"),
        pytest.param(NET + "letter_box=0\n", [], "stretch", id="no letter_box"),
        pytest.param(NET, ["--resize", "rectangle"], "rectangle", id="as asked for"),
    ],
)
def test_how_frames_are_fitted(files, net, options, resize):
    assert run(files, "--random-weights", *options, cfg=net + SECTIONS) == 0
    assert read_card(str(files / "out.onnx")).resize == resize


def test_new_coords(files):
    squared = NET + conv(14, "logistic") + YOLO + "new_coords=1\nscale_x_y=2.0\n"
    assert run(files, "--random-weights", cfg=squared) == 0
    assert read_card(str(files / "out.onnx")).heads[0][2:] == (2.0, True)


def test_labels_without_a_file(files, capsys):
    assert run(files, "--random-weights") == 0
    assert read_card(str(files / "out.onnx")).labels == ("class 0", "class 1")
    assert "--names FILE" in capsys.readouterr().err
    coco = NET + conv(170) + YOLO.replace("classes=2", "classes=80")
    assert run(files, "--random-weights", cfg=coco) == 0
    assert read_card(str(files / "out.onnx")).labels == LABELS
    assert capsys.readouterr().err == ""


def test_a_name_is_a_model_in_weights(files, monkeypatch, capsys):
    monkeypatch.setattr("app.modelcard.WEIGHTS", str(files))
    (files / "a.cfg").write_text(NET + SECTIONS)
    assert convert.main(["--cfg", str(files / "a.cfg"), "--random-weights", "--output", "mine"]) == 0
    assert convert.main(["--cfg", str(files / "a.cfg"), "--random-weights"]) == 0
    assert "--model mine\n" in capsys.readouterr().out
    assert {"mine.onnx", "mine.json", "a.onnx", "a.json"} <= set(os.listdir(str(files)))


def failure(folder, capsys, code, *options, **changes):
    """The one line of a conversion that fails and leaves nothing."""
    before = sorted(os.listdir(str(folder)))
    assert run(folder, *options, **changes) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert len(err.splitlines()) == 1
    assert sorted(os.listdir(str(folder))) == before
    return err


@pytest.mark.parametrize(
    "cfg, phrase",
    [
        pytest.param(NET + conv(255) + YOLO, "line 8, [yolo]: 2 masks of 5 + 2 classes need filters=14", id="filters"),
        pytest.param(NET + conv(10**7) + YOLO, "filters=10000000 should be from 1 to 65536", id="ten million filters"),
        pytest.param("<!DOCTYPE html>", "should begin with a [net] section", id="a web page"),
        pytest.param("", "should begin with a [net] section", id="empty"),
        pytest.param(NET + "[crnn]\n" + HEAD, "line 5, [crnn]: recurrent layers are not supported", id="recurrent"),
        pytest.param(NET + conv(60000) * 1 + conv(3000) + HEAD, "makes at most 75,000,000", id="too many at random"),
    ],
)
def test_wrong_configurations(files, capsys, cfg, phrase):
    err = failure(files, capsys, 4, "--random-weights", cfg=cfg)
    assert str(files / "a.cfg") in err
    assert phrase in err


@pytest.mark.parametrize("change, bytes_held", [(-4, 220), (4, 228), (-300, -76)])
def test_weights_of_another_length(files, capsys, change, bytes_held):
    path = files / "a.weights"
    data = path.read_bytes()
    assert len(data) == 20 + 4 * 14 * 4
    path.write_bytes(data[:change] if change < 0 else data + bytes(change))
    err = failure(files, capsys, 4, *with_weights(files))
    if bytes_held > 0:
        assert f"holds {bytes_held} bytes of weights, this network needs 224 (56 floats); is it of a.cfg?" in err
    else:
        assert "0 bytes is too short for a Darknet weights file" in err


@pytest.mark.parametrize(
    "names, phrase",
    [
        pytest.param(b"cat\n", "has 1 names, but the network has 2 classes", id="too few"),
        pytest.param(b"a\nb\nc\n", "has 3 names, but the network has 2 classes", id="too many"),
        pytest.param(b"a\n\nb\n", "no empty line", id="an empty line"),
        pytest.param(b"a\nb\x1b[2J\n", "one name a line", id="control characters"),
        pytest.param(b"", "no empty line", id="an empty file"),
        pytest.param(None, "No such file", id="no file"),
    ],
)
def test_wrong_names(files, capsys, names, phrase):
    path = files / "b.names"
    if names is not None:
        path.write_bytes(names)
    assert phrase in failure(files, capsys, 2, "--random-weights", "--names", str(path))


def test_wrong_options(files, capsys):
    assert "needs its weights" in failure(files, capsys, 2)
    both = failure(files, capsys, 2, "--random-weights", *with_weights(files))
    assert "exclude each other" in both
    absent = failure(files, capsys, 4, "--weights", str(files / "absent.weights"))
    assert "absent.weights: No such file or directory" in absent
    assert "should be a name, or end in .onnx" in failure(files, capsys, 2, "--random-weights", "--output", "a.weights")


def test_an_input_is_not_written_over(files, capsys):
    (files / "out.json").write_bytes((files / "a.names").read_bytes())
    assert "out.json" in failure(files, capsys, 2, "--random-weights", "--names", str(files / "out.json"))
