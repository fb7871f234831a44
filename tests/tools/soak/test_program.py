"""What a soak knows of the program's lines, without a program."""

import pytest

from tools.soak import program
from tools.soak.kill import soak as kill
from tools.soak.program import Filmed, Program, cameras_and_names


def filmed(*indices):
    camera = Filmed(indices[0])
    for index in indices:
        camera.add({"frame": index})
    return camera


def test_frames_that_were_lost():
    assert filmed(7).lost == 0
    assert filmed(7, 8, 9, 10).lost == 0
    assert filmed(7, 9, 12, 16).lost == pytest.approx(0.6), "4 of 10"


def test_frame_numbers():
    assert filmed(0, 1, 5).indices_grow
    assert not filmed(0, 1, 1).indices_grow
    assert not filmed(3, 2, 4).indices_grow


def test_only_the_last_arrivals_are_kept():
    assert len(filmed(*range(500)).arrivals) == 101


class Silent:
    """Stands in for the process."""

    stdout = ['{"frame": 3, "camera": "a"}\n', '{"frame": 1, "camera": "b"}\n', '{"frame": 4, "camera": "a"}\n']
    stderr = ()

    def __init__(self, command, **options):
        pass


def test_each_camera_by_its_name(monkeypatch):
    monkeypatch.setattr(program.subprocess, "Popen", Silent)
    observed = Program("--cam", "a")
    assert observed.wait_for_lines(3, 5)
    assert observed.wait_for_lines(2, 0, ["a"])
    assert not observed.wait_for_lines(2, 0, ["a", "b"])
    assert not observed.wait_for_lines(1, 0, ["c"])
    assert observed.wait_for_frame(0, 0, "b") == observed.filmed["b"].arrivals[0]
    assert observed.wait_for_frame(observed.filmed["a"].arrivals[0], 0, "a") == observed.filmed["a"].arrivals[1]
    assert observed.wait_for_frame(0, 0) is None, "none without a name"


def test_names_of_cameras_and_of_their_outputs():
    assert cameras_and_names(["x.avi"]) == (["--cam", "x.avi"], "camera")
    assert cameras_and_names(["x.avi", "0"]) == (["--cam", "cam0=x.avi", "--cam", "cam1=0"], "{camera}")


def test_kills_of_several_cameras(monkeypatch):
    """Each kill has as many sources of different kinds, and every recording counts."""
    seen = []

    def record_and_kill(sources, folder, chance):
        seen.append(sources)
        lines = [b'{"t": 0.0}', b'{"t": 1.0}', b'{"t"'][: 3 if sources[0] == "x.avi" else 2]
        return [(lines, "video")] * len(sources)

    monkeypatch.setattr("tools.soak.kill.record_and_kill", record_and_kill)
    monkeypatch.setattr("tools.soak.kill._frames", lambda video: 1)
    options = type("Options", (), {"cam": "x.avi", "seed": 0, "kills": 2, "cameras": 3})
    incomplete, unreadable, lost = kill(options)
    assert [len(set(sources)) for sources in seen] == [3, 3]
    assert seen[0][0] == seen[1][2] == "x.avi"
    assert (incomplete.measured, incomplete.reached) == ("3 of 15", False)
    assert (unreadable.measured, unreadable.reached) == ("0 of 6", True)
    assert lost.measured == "1.00 s", "one of two frames, at one a second"
