"""Events of the real program, with a detector whose finds are known: also where it is killed at any moment."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
from support.program import PATIENCE, ROOT, finish, start

from app.errors import SourceError
from app.events.reader import Filter, Reader
from app.events.store import Store

pytestmark = pytest.mark.slow

FILM = "test://200x200@10?frames=300"  # 20 walkers
ENDLESS = "test://200x200@10?frames=100000000"
WALKERS = 20


def run(folder, *words, cam=FILM, seconds=0):
    return start(seconds, "--cam", cam, "--store", folder, *words, module="tools.soak.walkers")


def events(folder):
    with Reader(str(folder)) as reader:
        return list(reader.all(Filter()))


def whole_pictures(folder, found):
    for one in found:
        data = (folder / one.picture).read_bytes()
        assert data[:2] == b"\xff\xd8"
        assert data[-2:] == b"\xff\xd9"


def test_a_film_from_its_begin_to_its_end(tmp_path):
    words = ["--line", "door:0,120-200,120", "--zone", "low:0,100-200,100-200,200-0,200"]
    code, _, err = finish(run(tmp_path, *words, "--report", tmp_path / "report.json"))
    assert code == 0, err
    assert "20 events\n" in err
    found = events(tmp_path)
    assert [one.track for one in found] == list(range(1, WALKERS + 1))
    assert [one.label for one in found] == WALKERS // 2 * ["person", "dog"]
    whole_pictures(tmp_path, found)
    complete = [one for one in found if one.lines]
    assert len(complete) == WALKERS - 1  # the last one has no time to get there
    for one in complete:
        assert (one.camera, one.zones, one.lines) == ("cam0", ("low",), ("door/in",))
        assert one.end - one.start == pytest.approx(1.8, abs=0.01)  # 20 frames, of which the first only confirms
        assert one.speed == pytest.approx(40, abs=0.1)  # 4 pixels in a tenth of a second
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["events"] == {"count": WALKERS, "held_back": 0, "lost_changes": 0, "lost_pictures": 0}


def test_rules_of_cameras_in_a_file(tmp_path):
    (tmp_path / "cameras.toml").write_text(
        f'store = "{tmp_path}/store"\n'
        f'[camera.one]\ncam = "{FILM}"\nevent_classes = ["dog"]\n'
        f'[camera.two]\ncam = "{FILM}"\nzone = "low:0,100-200,100-200,200-0,200"\nevent_zones = "low"\n'
        f'[camera.three]\ncam = "{FILM}"\ncool_down = 4\n'
        f'[camera.four]\ncam = "{FILM}"\nevent_score = 0.95\n'
    )
    code, _, err = finish(start(0, "--config", tmp_path / "cameras.toml", module="tools.soak.walkers"))
    assert code == 0, err
    cameras = [one.camera for one in events(tmp_path / "store")]
    # Of a label one comes every 3 s, so every second one has to wait.
    assert {name: cameras.count(name) for name in set(cameras)} == {"one": 10, "two": 20, "three": 10}
    assert "40 events; 10 held back" in err.replace("\n", " ")


def test_it_is_listed_while_it_is_written_and_ended_by_a_signal(tmp_path):
    process = run(tmp_path, cam="test://200x200@50?live")
    deadline = time.monotonic() + PATIENCE
    while not (os.path.exists(str(tmp_path / "events.sqlite")) and "goes on" in listed(tmp_path)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    code, _, err = finish(process)
    assert code == 0, err
    assert "goes on" not in listed(tmp_path)
    assert all(one.end is not None for one in events(tmp_path))


def listed(folder):
    command = [sys.executable, "-m", "app.events", "list", "--store", str(folder)]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True
    )
    return finish(process)[1]


def test_killed_at_random_moments(tmp_path):
    kills, chance = 6, random.Random(24)
    for turn in range(kills):
        process = run(tmp_path, cam=f"run{turn}={ENDLESS}", seconds=0.001)
        deadline = time.monotonic() + PATIENCE
        while not any(one.camera == f"run{turn}" for one in events_so_far(tmp_path)):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        time.sleep(chance.uniform(0, 1))
        process.kill()
        process.communicate()
    before = events(tmp_path)
    assert any(one.end is None for one in before)
    code, _, err = finish(run(tmp_path, cam=f"last={FILM}"))
    assert code == 0, err
    found = events(tmp_path)
    assert [one.id for one in found if one.end is None] == []
    for turn in range(kills):
        tracks = [one.track for one in found if one.camera == f"run{turn}"]
        assert tracks == list(range(1, len(tracks) + 1)), "none is missing in between, and none is there twice"
    assert all(0 <= one.end - one.start < 3 for one in found if one.camera != "last")
    whole_pictures(tmp_path, found)
    Store(str(tmp_path)).close()
    assert [name for name in os.listdir(str(tmp_path)) if "damaged" in name] == []


def events_so_far(folder):
    try:
        return events(folder)
    except SourceError:  # it is about to be made
        return []


def test_a_damaged_store_costs_only_what_was_in_it(tmp_path):
    assert finish(run(tmp_path))[0] == 0
    data = bytearray((tmp_path / "events.sqlite").read_bytes())
    data[: len(data) // 2] = os.urandom(len(data) // 2)
    (tmp_path / "events.sqlite").write_bytes(data)
    code, _, err = finish(run(tmp_path))
    assert code == 0
    assert err.count("is damaged; it was kept as") == 1
    assert len(events(tmp_path)) == WALKERS


def test_nothing_of_it_is_imported_without_an_option():
    code = "import sys; from app import detect, cameras; detect.read_settings([])"
    code += "; print(sorted(name for name in sys.modules if name.startswith('app.events') or name == 'sqlite3'))"
    out = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, universal_newlines=True)
    assert out == "['app.events', 'app.events.arguments']\n"
