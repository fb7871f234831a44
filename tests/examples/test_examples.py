"""Each example runs as its docstring says, in this process; the one with a window needs a display."""

import csv
import os
import runpy
import sys

import cv2
import pytest
from support.program import CLIP, MODEL, ROOT

DEMO = os.path.join(ROOT, "demo.jpg")

pytestmark = pytest.mark.skipif(not os.path.exists(MODEL), reason="the model is not here: make demo")


def run(monkeypatch, name, *args):
    path = os.path.join(ROOT, "examples", name)
    monkeypatch.setattr(sys, "argv", [path, *map(str, args)])
    runpy.run_path(path, run_name="__main__")


def test_image(monkeypatch, tmp_path, capsys):
    run(monkeypatch, "image.py", DEMO, tmp_path / "annotated.jpg")
    assert "person 0." in capsys.readouterr().out
    assert cv2.imread(str(tmp_path / "annotated.jpg")).shape == cv2.imread(DEMO).shape


def test_folder_to_csv(monkeypatch, tmp_path):
    os.mkdir(str(tmp_path / "photos"))
    for name in ("a.jpg", "b.jpg"):
        os.symlink(DEMO, str(tmp_path / "photos" / name))
    run(monkeypatch, "folder_to_csv.py", tmp_path / "photos", tmp_path / "found.csv")
    with open(str(tmp_path / "found.csv")) as file:
        rows = list(csv.DictReader(file))
    assert {row["image"] for row in rows} == {"a.jpg", "b.jpg"}
    assert "person" in {row["label"] for row in rows}
    assert all(float(row["x1"]) < float(row["x2"]) for row in rows)


def test_camera_window(monkeypatch):
    """With the window replaced by a list: what a real one shows is tested with `python -m app.detect --show`."""
    shown = []
    monkeypatch.setattr(cv2, "imshow", lambda title, image: shown.append(image.copy()))
    monkeypatch.setattr(cv2, "waitKey", lambda delay: ord("q") if len(shown) == 50 else -1)
    run(monkeypatch, "camera_window.py", CLIP)
    assert len(shown) == 50
    assert shown[0].shape == (272, 640, 3)


def test_to_supervision(monkeypatch, tmp_path, capsys):
    pytest.importorskip("supervision")
    run(monkeypatch, "to_supervision.py", DEMO, tmp_path / "annotated.jpg")
    assert "person" in capsys.readouterr().out
    assert (cv2.imread(str(tmp_path / "annotated.jpg")) != cv2.imread(DEMO)).any()
