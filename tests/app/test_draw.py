import os
import subprocess

import numpy as np
import pytest
from support.program import PATIENCE, finish, start

from app import draw
from app.config.file import read_config
from app.errors import SourceError
from app.tracking.sketch import Sketch


@pytest.fixture
def window(monkeypatch):
    """A window of a picture of 1600x800 that is not opened: it shows half of that."""
    monkeypatch.setattr(draw, "display_available", lambda: True)
    return draw.Window(np.full((800, 1600, 3), 90, np.uint8), Sketch((1600, 800)), 800)


def test_clicks_are_in_pixels_of_the_frame(window):
    down = draw.cv2.EVENT_LBUTTONDOWN
    window._on_mouse(down, 100, 50, 0, None)
    window._on_mouse(draw.cv2.EVENT_MOUSEMOVE, 200, 50, 0, None)
    window._on_mouse(down, 300, 150, 0, None)
    assert window._sketch.toml() == ['line = ["line1:200,100-600,300"]']


def test_what_is_drawn_is_shown(window):
    empty = window.picture()
    assert empty.shape[0] > 400
    assert empty.shape[1:] == (800, 3)
    assert empty[400:].any()
    sketch = window._sketch
    sketch.key("b")
    for point in ((1000, 400), (1200, 400), (1200, 600), (1000, 600)):
        sketch.click(*point)
    sketch.key("\r")
    assert not window.picture()[205:250, 505:595].any()
    sketch.key("l")
    sketch.click(400, 200)
    before = window.picture()
    assert (before[90:110, 190:210] != empty[90:110, 190:210]).any(), "the first point"
    sketch.click(400, 700)
    assert (window.picture()[200:300, 195:205] != before[200:300, 195:205]).any()


def test_the_picture_of_a_film_is_its_first():
    assert draw.take_picture("test://64x48?frames=3", draw.CameraOptions()).index == 0


def test_a_source_without_a_picture(tmp_path):
    with pytest.raises(SourceError):
        draw.take_picture(str(tmp_path / "none.mp4"), draw.CameraOptions())


def test_without_a_display(monkeypatch, capsys):
    monkeypatch.delenv("DISPLAY", raising=False)
    assert draw.main(["--cam", "test://64x48?frames=3"]) == 5
    assert "no display" in capsys.readouterr().err
    assert draw.main([]) == 2


@pytest.mark.slow
def test_lines_and_zones_are_clicked(display, tmp_path):
    env = dict(os.environ, DISPLAY=display)
    process = start("--cam", "test://640x480?frames=5", module="app.draw", env=env)
    try:
        find = ["xdotool", "search", "--sync", "--onlyvisible", "--name", "nanoyolo"]
        window = subprocess.check_output(find, env=env, timeout=PATIENCE).split()[-1].decode()

        def xdotool(*words):
            subprocess.check_call(["xdotool", *map(str, words)], env=env)

        def click(x, y):
            xdotool("mousemove", "--sync", "--window", window, x, y, "sleep", 0.1, "click", 1, "sleep", 0.1)

        def press(key):
            xdotool("windowfocus", "--sync", window, "key", key, "sleep", 0.1)

        click(100, 200)
        click(300, 200)
        press("z")
        click(50, 250)
        click(150, 250)
        click(150, 350)
        press("Return")
        press("q")
        code, out, err = finish(process)
    finally:
        process.kill()
    assert code == 0, err
    (tmp_path / "drawn.toml").write_text(out)
    found = {key: value.content for key, value in read_config(str(tmp_path / "drawn.toml")).top.items()}
    assert found == {"line": ["line1:100,200-300,200"], "zone": ["zone1:50,250-150,250-150,350"]}
    assert out.splitlines()[-1] == "# --line line1:100,200-300,200 --zone zone1:50,250-150,250-150,350"
