"""Each example runs as its docstring says, in this process; the one with a window needs a display."""

import csv
import os
import re
import runpy
import subprocess
import sys

import cv2
import numpy as np
import pytest
from support.program import MODEL, PATIENCE, ROOT

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


@pytest.mark.slow
def test_count(monkeypatch, tmp_path, capsys):
    """A picture that somebody pulls to the right: what is in it crosses the line from right to left, seen downwards."""
    image = cv2.imread(DEMO)
    height, width = image.shape[:2]
    size = width + 160, height
    film = cv2.VideoWriter(str(tmp_path / "pulled.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, size)
    for shift in range(0, 160, 8):
        wide = np.zeros((height, size[0], 3), np.uint8)
        wide[:, shift : shift + width] = image
        film.write(wide)
    film.release()
    run(monkeypatch, "count.py", tmp_path / "pulled.avi", f"500,0-500,{height}")
    *crossings, totals = capsys.readouterr().out.splitlines()
    assert any(re.match(r"\d+\.\d s: \w+ \d+ goes out$", line) for line in crossings)
    assert not any(line.endswith("goes in") for line in crossings)
    assert totals.startswith("{'in': {}, 'out': {'")


@pytest.mark.slow
def test_camera_window(display):
    """A real window, which closes when q is pressed in it."""
    env = dict(os.environ, DISPLAY=display, PYTHONPATH=ROOT)
    command = [sys.executable, os.path.join(ROOT, "examples", "camera_window.py"), "test://320x240@20?live"]
    process = subprocess.Popen(command, env=env, stderr=subprocess.PIPE, universal_newlines=True)
    try:
        find = ["xdotool", "search", "--sync", "--onlyvisible", "--name", "nanoyolo"]
        window = subprocess.check_output(find, env=env, timeout=PATIENCE).split()[0].decode()
        subprocess.check_call(["xdotool", "windowfocus", "--sync", window, "key", "q"], env=env)
        _, err = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert (process.returncode, err) == (0, "")


def test_to_supervision(monkeypatch, tmp_path, capsys):
    pytest.importorskip("supervision")
    run(monkeypatch, "to_supervision.py", DEMO, tmp_path / "annotated.jpg")
    assert "person" in capsys.readouterr().out
    assert (cv2.imread(str(tmp_path / "annotated.jpg")) != cv2.imread(DEMO)).any()


@pytest.mark.verify
@pytest.mark.slow
def test_ray_job(monkeypatch, tmp_path):
    """On a Ray that it starts on this machine."""
    ray = pytest.importorskip("ray")
    clip = os.path.join(ROOT, "weights", "bikes.mp4")
    if not os.path.exists(clip):
        pytest.skip("the clip is not here: python -m tools.fetch bikes")
    try:
        run(monkeypatch, "ray_job.py", tmp_path / "found.csv", clip)
    finally:
        ray.shutdown()
    with open(str(tmp_path / "found.csv")) as file:
        rows = list(csv.DictReader(file))
    assert {row["file"] for row in rows} == {clip}
    assert {row["label"] for row in rows} <= {"person", "car"}
    assert len({row["frame"] for row in rows}) > 100
