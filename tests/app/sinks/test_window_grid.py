import os
import subprocess
import threading

import numpy as np
import pytest
from support.fakes import LIMIT
from support.program import PATIENCE, start
from support.video import picture, write
from support.xwindow import ask_to_close

from app.errors import OutputError
from app.sinks import grid as grid_module
from app.sinks.grid import EMPTY, Grid, Mosaic, layout
from app.sinks.window import LARGEST, WindowSink


@pytest.mark.parametrize(
    "count, expected",
    [
        pytest.param(1, (1, 1, 1280, 800), id="one"),
        pytest.param(2, (2, 1, 640, 480), id="two: no higher than 4:3"),
        pytest.param(3, (2, 2, 640, 400), id="three"),
        pytest.param(4, (2, 2, 640, 400), id="four"),
        pytest.param(5, (3, 2, 426, 319), id="five"),
        pytest.param(9, (3, 3, 426, 266), id="nine"),
        pytest.param(10, (4, 3, 320, 240), id="ten"),
    ],
)
def test_layout(count, expected):
    assert layout(count) == expected


@pytest.mark.parametrize("count", range(1, 40))
def test_a_layout_has_room_and_fits_the_screen(count):
    columns, rows, width, height = layout(count)
    assert columns * (rows - 1) < count <= columns * rows
    assert 0 <= columns - rows <= 1
    assert columns * width <= LARGEST[0]
    assert rows * height <= LARGEST[1]


def test_each_picture_is_letterboxed_into_its_tile():
    """Of 64x64 in 640x480: 480x480 in the middle, grey bars of 80 on both sides."""
    image = Mosaic().draw([("a", picture(250, (64, 48))), ("b", picture(200, (64, 64)))])
    assert image.shape == (480, 1280, 3)
    assert (image[240, 5:635] == 250).all()
    assert (image[240, 640 + 80 : 1280 - 80] == 200).all()
    assert (image[240, 640 + 1 : 640 + 79] == 128).all()
    assert (image[240, 1280 - 79 :] == 128).all()


def test_the_name_is_on_the_tile_and_not_on_the_frame():
    frames = [picture(100, (640, 480)), picture(100, (640, 480))]
    image = Mosaic().draw([("front", frames[0]), ("yard", frames[1])])
    for left in (0, 640):
        corner = image[:30, left : left + 60]
        assert (corner == 0).any()
        assert corner.max() > 200
    assert all((frame == 100).all() for frame in frames)


def test_before_its_first_image_a_tile_is_empty_but_for_its_name():
    image = Mosaic().draw([("a", picture(250, (640, 480))), ("b", None)])
    assert (image[100:, 640:] == EMPTY).all()
    assert image[:30, 640:700].max() > 200


def test_only_what_has_changed_is_drawn():
    mosaic, old, new = Mosaic(), picture(100, (640, 480)), picture(200, (640, 480))
    canvas = mosaic.draw([("a", old), ("b", old)])
    canvas[240, 100] = 7
    canvas[240, 740] = 7
    again = mosaic.draw([("a", old), ("b", new)])
    assert again is canvas
    assert (again[240, 100] == 7).all()
    assert (again[240, 740] == 200).all()


def test_another_number_of_cameras_is_another_layout():
    mosaic, image = Mosaic(), picture(200, (640, 400))
    assert mosaic.draw([("a", image), ("b", image)]).shape == (480, 1280, 3)
    assert mosaic.draw([("a", image), ("b", image), ("c", image)]).shape == (800, 1280, 3)
    assert mosaic.draw([("c", image)]) is image, "a single camera is shown as it is"
    two = mosaic.draw([("a", image), ("c", image)])
    assert (two[240, 100] == 200).all()
    assert (two[240, 740] == 200).all()


class FakeWindow:
    """What WindowSink is, without a display."""

    def __init__(self, title, on_close):
        self.on_close = on_close
        self.shown = []
        self.threads = set()
        self.closed = False
        self.then = lambda image: None
        self.changed = threading.Condition()
        FakeWindow.last = self

    def show(self, image):
        with self.changed:
            self.threads.add(threading.current_thread().name)
            self.shown.append(image.copy())
            self.changed.notify_all()
        self.then(image)

    def close(self):
        self.threads.add(threading.current_thread().name)
        self.closed = True

    def wait(self, until):
        with self.changed:
            assert self.changed.wait_for(lambda: until(self.shown), LIMIT)


@pytest.fixture
def window(monkeypatch):
    """A function that tells the last window."""
    monkeypatch.setattr(grid_module, "WindowSink", FakeWindow)
    monkeypatch.setattr(grid_module, "PERIOD", 0.0)
    return lambda: FakeWindow.last


def pixel(image, tile):
    return image[240, 320 + 640 * tile, 0]


def test_one_thread_shows_the_images_of_all(window):
    with Grid("title", lambda: None) as grid:
        tiles = [grid.tile("a"), grid.tile("b")]
        threads = [
            threading.Thread(target=write, args=(tile, picture(value))) for tile, value in zip(tiles, (100, 200))
        ]
        for thread in threads:
            thread.start()
        window().wait(lambda shown: shown and (pixel(shown[-1], 0), pixel(shown[-1], 1)) == (100, 200))
        tiles[1].idle(picture(50), "gone")
        window().wait(lambda shown: pixel(shown[-1], 1) == 50)
        assert pixel(window().shown[-1], 0) == 100
    assert window().closed
    assert window().threads == {"window"}


def test_nothing_is_shown_before_the_first_image(window):
    with Grid("title", lambda: None) as grid:
        grid.tile("a")
    assert window().shown == []
    assert window().closed


def test_the_window_goes_on_being_shown_without_new_images(window):
    """Since keys are read when it is."""
    with Grid("title", lambda: None) as grid:
        write(grid.tile("a"), picture(100))
        window().wait(lambda shown: len(shown) >= 3)


def test_a_tile_goes_with_its_camera(window):
    with Grid("title", lambda: None) as grid:
        tiles = [grid.tile("a"), grid.tile("b")]
        for tile in tiles:
            write(tile, picture(100))
        window().wait(lambda shown: shown and shown[-1].shape[1] == 1280)
        tiles[0].close()
        tiles[0].close()
        write(tiles[1], picture(200))
        window().wait(lambda shown: shown[-1].shape == (48, 64, 3) and (shown[-1] == 200).all())


def test_the_last_image_is_shown_before_the_end(window):
    grid = Grid("title", lambda: None)
    tile = grid.tile("a")
    write(tile, picture(99))
    grid.close()
    assert (window().shown[-1] == 99).all()


def test_the_user_closes_it(window):
    asked = []
    with Grid("title", lambda: asked.append(1)) as grid:
        tile = grid.tile("a")
        window().then = lambda image: window().on_close()
        write(tile, picture(1))
        grid._thread.join(LIMIT)
        count = len(window().shown)
        write(tile, picture(2))  # while the program ends
    assert asked == [1]
    assert len(window().shown) == count, "it is not opened again"
    assert window().closed


@pytest.mark.parametrize("how", ["the next image", "the end"])
def test_a_window_that_fails_ends_the_program(window, how):
    def fail(image):
        raise OutputError("cannot show a window")

    grid = Grid("title", lambda: None)
    tile = grid.tile("a")
    window().then = fail
    write(tile, picture(1))
    grid._thread.join(LIMIT)
    with pytest.raises(OutputError, match="cannot show"):
        write(tile, picture(2)) if how == "the next image" else grid.close()
    grid.close()


def test_without_a_display_it_is_an_error(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(OutputError, match="--no-show"):
        Grid("title", lambda: None)


@pytest.mark.slow
def test_real_windows_of_another_thread(display, monkeypatch):
    monkeypatch.setenv("DISPLAY", display)
    shown = threading.Event()
    real = WindowSink.show

    def show(sink, image):
        real(sink, image)
        if image.shape == (800, 1280, 3):
            shown.set()

    monkeypatch.setattr(WindowSink, "show", show)
    with Grid("title", lambda: None) as grid:
        for name in ("a", "b", "c"):
            write(grid.tile(name), np.full((480, 640, 3), 100, np.uint8))
        assert shown.wait(PATIENCE)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["q is pressed", "it is closed"])
def test_a_window_of_two_cameras_that_the_user_closes_ends_the_program(display, how):
    env = dict(os.environ, DISPLAY=display)
    cameras = ["--cam", "front=test://320x240@20?live", "--cam", "test://320x240@20?live"]
    process = start(*cameras, "--size", 64, "--show", env=env)
    try:
        find = ["xdotool", "search", "--sync", "--onlyvisible", "--name", "nanoyolo"]
        windows = subprocess.check_output(find, env=env, timeout=PATIENCE).split()
        assert len(windows) == 1
        if how == "it is closed":
            ask_to_close(display, int(windows[0]))
        else:
            subprocess.check_call(["xdotool", "windowfocus", "--sync", windows[0].decode(), "key", "q"], env=env)
        _, err = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert process.returncode == 0, err
    assert "  front: " in err
    assert "  cam1: " in err
