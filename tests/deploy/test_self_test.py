"""The self-test itself, without a board: what it accepts, and that it passes here with the real runtimes."""

import importlib.util
import json
import os
import shutil
import sys

import cv2
import numpy as np
import pytest
from commands import JETSON, ROOT, run

SCRIPT = JETSON / "self-test" / "self_test.py"
SPEC = importlib.util.spec_from_file_location("self_test", str(SCRIPT))
self_test = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(self_test)

PERSON = {"label": "person", "score": 0.9, "box": [100.0, 0.0, 200.0, 200.0]}
FAINT = {"label": "bicycle", "score": 0.27, "box": [0.0, 0.0, 50.0, 50.0]}


@pytest.mark.parametrize(
    "found",
    [
        pytest.param([PERSON, FAINT], id="the same"),
        pytest.param([FAINT, PERSON], id="in another order"),
        pytest.param([PERSON], id="a faint one below the threshold"),
        pytest.param([dict(PERSON, score=0.86), FAINT], id="a score as FP16 may move it"),
        pytest.param([dict(PERSON, box=[104, 0, 200, 200]), FAINT], id="a box as FP16 may move it"),
    ],
)
def test_accepted(found):
    self_test.compare(found, [PERSON, FAINT])


@pytest.mark.parametrize(
    "found, phrase",
    [
        ([], "person 0.90 at [100, 0, 200, 200] is missing"),
        ([dict(PERSON, label="dog")], "person 0.90 at [100, 0, 200, 200] is missing"),
        ([dict(PERSON, score=0.84)], "scores 0.84"),
        ([dict(PERSON, box=[112, 0, 212, 200])], "the nearest has an IoU of 0.79"),
        ([PERSON, PERSON], "person 0.90 at [100, 0, 200, 200] is not expected"),
        ([PERSON, dict(PERSON, label="dog", score=0.3)], "dog 0.30 at [100, 0, 200, 200] is not expected"),
    ],
)
def test_refused(found, phrase):
    with pytest.raises(self_test.Failed) as failure:
        self_test.compare(found, [PERSON, FAINT])
    assert phrase in str(failure.value)


def test_the_canvas_gives_exactly_the_shape():
    """For every recorded shape the network's input is that shape, and the picture lies whole in the canvas."""
    from app.letterbox import Letterbox

    image = cv2.imread(self_test.PICTURE)
    for shape in self_test.read_expected():
        width, height = (int(side) for side in shape.split("x"))
        canvas, left, top = self_test.on_canvas(image, width, height)
        rows, columns = canvas.shape[:2]
        letterbox = Letterbox.fit(columns, rows, max(width, height))
        assert (letterbox.width, letterbox.height) == (width, height), shape
        assert np.array_equal(canvas[top : top + image.shape[0], left : left + image.shape[1]], image), shape


def test_what_is_recorded_tells_right_from_wrong():
    shapes = self_test.read_expected()
    assert {"160x128", "160x96", "416x320", "416x256", "416x416"} <= set(shapes)
    assert all(sum(one["score"] >= 0.3 for one in found) >= 2 for found in shapes.values())
    assert os.path.getsize(self_test.PICTURE) < 100e3


@pytest.mark.parametrize("shape, backend", [("160x128", "onnx"), ("416x320", "onnx"), ("416x256", "opencv")])
def test_it_passes_here(shape, backend):
    code, out, err = run(sys.executable, SCRIPT, shape, "--backend", backend, env={"NOTIFY_SOCKET": "/not/there"})
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == "self-test passed at " + shape


@pytest.mark.parametrize(
    "arguments, phrase",
    [
        (["160x992"], "nothing is recorded for 160x992; on the developer's machine: python deploy/"),
        (["160x992", "--known"], "nothing is recorded for 160x992"),
        (["160x128", "--backend", "nonsense"], "app.detect ended with code 2: error: argument --backend"),
    ],
)
def test_it_says_why_not(arguments, phrase):
    code, out, err = run(sys.executable, SCRIPT, *arguments)
    assert (code, len(err.splitlines())) == (1, 1)
    assert err.startswith("self-test failed: " + phrase), err


@pytest.fixture
def version(tmp_path):
    """A copy of the version, to be broken: its code, with links to its model."""
    for folder in ("app", "deploy/jetson/self-test"):
        shutil.copytree(str(ROOT / folder), str(tmp_path / folder))
    (tmp_path / "weights").symlink_to(ROOT / "weights")
    return tmp_path


@pytest.mark.parametrize(
    "name, before, after",
    [
        pytest.param("heads/darknet.py", "= head.stride", "= head.stride * 1.1", id="stride"),
        pytest.param("letterbox.py", "reversed(cv2.split(", "list(cv2.split(", id="colours"),
        pytest.param("layout.py", "tuple((positive(w", "tuple((1.2 * positive(w", id="anchors"),
        pytest.param("modelcard.py", '=names(fields["labels"]', '=names(fields["labels"][::-1]', id="labels"),
    ],
)
def test_it_fails_when_detection_is_broken(version, name, before, after):
    path = version / "app" / name
    text = path.read_text()
    assert before in text  # else it is written otherwise by now, and this test has to follow
    path.write_text(text.replace(before, after))
    script = version / "deploy" / "jetson" / "self-test" / "self_test.py"
    code, out, err = run(sys.executable, script, "160x128", "--backend", "onnx")
    assert code == 1, (out, err)
    assert err.startswith("self-test failed: ")


def test_recording_what_is_recorded_changes_nothing(version):
    folder = version / "deploy" / "jetson" / "self-test"
    shapes = json.loads((folder / "expected.json").read_text())["shapes"]
    assert run(sys.executable, folder / "self_test.py", "160x128", "--record")[0] == 0
    again = json.loads((folder / "expected.json").read_text())["shapes"]
    assert set(again) == set(shapes)
    self_test.compare([one for one in again["160x128"] if one["score"] >= 0.25], shapes["160x128"])
