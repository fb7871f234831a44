"""Cameras that change while they run: with a fake network, and sources that deliver as cameras do."""

import json
import os
import socket
import subprocess
import sys
import threading
import time

import pytest
from support.fakes import LIMIT
from support.heads import CARD, plant, quiet_heads
from support.program import ROOT

from app import cameras as cameras_module
from app.backends.fake import FakeBackend
from app.cameras import Cameras
from app.config import read_settings
from app.errors import OutputError, UsageError
from app.stop import Stop

pytestmark = pytest.mark.slow

LIVE = "test://64x48@50?live"


def person_and_car():
    heads = quiet_heads(64, 64)
    plant(heads, 0, (20, 30), (16, 16), 0.9)
    plant(heads, 2, (50, 34), (16, 16), 0.5)
    return heads


class Run:
    """A run in a thread, of the cameras in a file. Lines of each camera go to all.jsonl."""

    def __init__(self, folder):
        self.folder = folder
        self.stop = Stop()
        self.thread = None

    def write(self, top="", **tables):
        text = "size = 64\nshow = false\n" + top
        for name, table in tables.items():
            rows = dict({"cam": LIVE, "jsonl": str(self.folder / "all.jsonl")}, **table)
            text += f"[camera.{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in rows.items())
        (self.folder / "cameras.toml").write_text(text)

    def start(self, *words):
        settings = read_settings(["--config", str(self.folder / "cameras.toml"), *words])
        self.cameras = Cameras(settings, "small.onnx", self.stop)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        with self.cameras:
            self.cameras.run()

    def lines(self, name=None, file="all.jsonl"):
        path = self.folder / file
        found = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [line for line in found if line.get("camera") == name] if name else found

    def wait(self, until, what=""):
        deadline = time.monotonic() + LIMIT
        while not until():
            assert time.monotonic() < deadline, what
            assert self.thread.is_alive(), "the run has ended"
            time.sleep(0.01)

    def wait_for_frames(self, *names, more=3):
        counts = {name: len(self.lines(name)) + more for name in names}
        self.wait(lambda: all(len(self.lines(name)) >= count for name, count in counts.items()), str(counts))

    def reload(self):
        """Until it is done."""
        done = threading.Event()
        pipeline, watch = self.cameras.pipeline, self.cameras.pipeline._watch

        def watch_once(on_hangup):
            asked = self.stop._hangup
            watch(on_hangup)
            if asked:
                done.set()

        pipeline._watch = watch_once
        self.stop._hangup = True
        assert done.wait(LIMIT)
        pipeline._watch = watch

    def end(self):
        self.stop.request()
        self.thread.join(LIMIT)
        assert not self.thread.is_alive()
        return self.cameras.pipeline.report()


@pytest.fixture
def run(tmp_path, monkeypatch):
    backends = []

    def open_backend(path, backend, device, precision, workers):
        backends.append(FakeBackend(person_and_car(), workers=workers))
        return backends[-1]

    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.setattr(cameras_module, "open_backend", open_backend)
    monkeypatch.setattr(cameras_module, "read_card", lambda model: CARD)
    made = Run(tmp_path)
    made.backends = backends
    yield made
    if made.thread is not None:
        made.stop.request()
        made.thread.join(LIMIT)


def unbroken(lines):
    """Whether the camera was not opened again, upon which its time starts at 0."""
    times = [line["t"] for line in lines]
    return times == sorted(set(times))


def test_cameras_share_a_backend_and_have_settings_of_their_own(run):
    run.write(front={"classes": ["car"]}, yard={"conf": 0.8})
    run.start()
    run.wait_for_frames("front", "yard")
    report = run.end()
    assert len(run.backends) == 1
    assert run.backends[0].closed
    assert list(report["cameras"]["front"]["detections"]["by_label"]) == ["car"]
    assert list(report["cameras"]["yard"]["detections"]["by_label"]) == ["person"]


def test_thresholds_change_and_no_camera_is_opened_again(run, capsys):
    run.write(front={}, yard={})
    run.start()
    run.wait_for_frames("front", "yard")
    run.write(front={"classes": ["car"]}, yard={})
    run.reload()
    run.wait_for_frames("front", "yard")
    report = run.end()
    assert "changed what is reported: front\n" in capsys.readouterr().err
    labels = [sorted(found["label"] for found in line["detections"]) for line in run.lines("front")]
    change = labels.index(["car"])
    assert labels == change * [["car", "person"]] + (len(labels) - change) * [["car"]]
    assert change >= 3
    assert all(len(line["detections"]) == 2 for line in run.lines("yard"))
    for name in ("front", "yard"):
        assert report["cameras"][name]["frames"] == len(run.lines(name))
        assert report["cameras"][name]["reconnects"] == 0


def test_a_camera_comes_one_goes_and_the_other_goes_on(run, capsys):
    run.write(front={}, yard={"jsonl": str(run.folder / "yard.jsonl")})
    run.start()
    run.wait_for_frames("front")
    run.wait(lambda: run.lines(file="yard.jsonl"))
    run.write(front={}, door={})
    run.reload()
    count = len(run.lines(file="yard.jsonl"))
    run.wait_for_frames("front", "door")
    report = run.end()
    told = capsys.readouterr().err
    assert "opened: door\n" in told
    assert "closed: yard\n" in told
    assert len(run.lines(file="yard.jsonl")) == count
    assert list(report["cameras"]) == ["front", "yard", "door"]
    assert unbroken(run.lines("front"))


def test_a_camera_that_changes_is_opened_again_and_keeps_what_it_wrote(run, capsys):
    film = run.folder / "front.mkv"
    run.write(front={"save": str(film), "fps": 40}, yard={"fps": 30})
    run.start()
    run.wait_for_frames("front", "yard")
    run.wait(film.exists)
    run.write(front={"save": str(film), "fps": 20}, yard={"fps": 30})
    run.reload()
    size = film.stat().st_size
    run.wait_for_frames("front", "yard")
    report = run.end()
    assert "opened again: front\n" in capsys.readouterr().err
    assert film.stat().st_size == size > 0
    assert (run.folder / "front-1.mkv").stat().st_size > 0
    assert not unbroken(run.lines("front"))
    assert list(report["cameras"]) == ["front", "yard"]
    assert report["cameras"]["front"]["frames"] == len(run.lines("front"))
    assert report["cameras"]["front"]["fps"]["configured"] == 20, "and not 60"
    assert report["fps"]["configured"] == 50
    assert unbroken(run.lines("yard"))


def test_all_cameras_are_replaced(run):
    """The run does not end while there is none."""
    run.write(front={})
    run.start()
    run.wait(lambda: run.lines())
    run.write(yard={}, door={})
    run.reload()
    run.wait_for_frames("yard", "door")
    report = run.end()
    assert "camera" not in run.lines()[0], "there was only one"
    assert list(report["cameras"]) == ["front", "yard", "door"]
    assert report["cameras"]["front"]["frames"] >= 1


def test_a_camera_that_is_removed_leaves_no_images_behind(run):
    run.write(front={}, yard={})
    run.start()
    run.wait_for_frames("front", "yard")
    gone = run.cameras.pipeline.channels[0]
    run.write(yard={})
    run.reload()
    assert (gone.name, len(gone.detector._spare), gone.output._last.size) == ("front", 0, 0)
    assert gone.source.ended, "with its last frame"
    run.end()


@pytest.mark.parametrize(
    "table, reason",
    [
        pytest.param({"conf": 2}, "cameras.toml:", id="a value"),
        pytest.param({"size": 65}, "front: size 65 is not a multiple of 32", id="a size that the model cannot take"),
        pytest.param({"classes": ["crocodile"]}, "front: ", id="a label"),
        pytest.param({"cam": "nowhere.mp4"}, "nowhere.mp4", id="a file that is not there"),
        pytest.param({"save": "film.txt"}, "should end in", id="a recording"),
        pytest.param({"jsonl": "nowhere/at/all.jsonl"}, "mkdir -p", id="an output"),
    ],
)
def test_what_is_wrong_changes_nothing(run, capsys, table, reason):
    run.write(front={}, yard={})
    run.start()
    run.wait_for_frames("front", "yard")
    run.write(front=table, door={})
    run.reload()
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "stay as they were" in line]
    assert line.startswith("warning: ")
    assert reason in line
    run.wait_for_frames("front", "yard")
    report = run.end()
    assert list(report["cameras"]) == ["front", "yard"]
    assert unbroken(run.lines("front"))
    assert not os.path.exists("film.txt")


def test_what_is_for_all_cameras_needs_a_restart(run, capsys):
    run.write(front={}, yard={})
    run.start()
    run.wait_for_frames("front")
    run.write('precision = "fp16"\n', front={}, yard={})
    for _ in range(2):
        run.reload()
    run.end()
    assert capsys.readouterr().err.count("precision: changed in the settings") == 1


def test_what_is_wrong_at_the_start_opens_no_camera(run, monkeypatch):
    monkeypatch.setattr(cameras_module, "open_camera", None)
    run.write(front={}, yard={"classes": ["crocodile"]})
    with pytest.raises(UsageError, match="yard: .*crocodile"):
        run.start()


@pytest.mark.parametrize("given, workers", [([], None), (["--workers", "3"], 3)])
def test_workers(run, given, workers):
    run.write(front={}, yard={})
    run.start(*given)
    run.wait_for_frames("front")
    expected = cameras_module.choose_workers(workers, [True, True]).first
    assert run.end()["workers"]["count"] == expected == run.backends[0].workers


def test_a_reload_keeps_the_tracks_of_the_cameras_that_stay(run, capsys):
    """And a camera that is opened again goes on with its totals."""
    shared = {"events": str(run.folder / "events.jsonl"), "line": ["door:0,20-64,20"], "conf": 0.6}
    run.write(front=shared, yard=shared)
    run.start()
    run.wait_for_frames("front", "yard")
    run.cameras._open["front"].channel.watch.lines[0].totals["in"]["person"] = 7
    run.write(front=dict(shared, line=["door:0,30-64,30", "gate:0,1-9,9"], retry=3), yard=shared)
    os.rename(str(run.folder / "events.jsonl"), str(run.folder / "events-1.jsonl"))
    run.reload()
    run.wait_for_frames("front", "yard", more=5)
    report = run.end()
    assert "opened again: front\n" in capsys.readouterr().err
    assert {tuple(found["track"] for found in line["detections"]) for line in run.lines("yard")[2:]} == {(1,)}
    events = [(line["camera"], line["type"]) for line in run.lines(file="events-1.jsonl")]
    assert sorted(events) == [("front", "appear"), ("yard", "appear")]
    assert [(line["camera"], line["type"]) for line in run.lines(file="events.jsonl")] == [("front", "appear")]
    lines = report["cameras"]["front"]["lines"]
    assert lines == {"door": {"in": {"person": 7}, "out": {}}, "gate": {"in": {}, "out": {}}}
    assert report["tracks"] == 3, "one of yard and two of front, which was opened twice"
    assert "lines" not in report
    assert json.loads((run.folder / "events.front.totals.json").read_text())["lines"] == lines


def test_lines_change_and_the_camera_is_not_opened_again(run, capsys):
    shared = {"events": str(run.folder / "events.jsonl"), "line": ["door:0,20-64,20"], "conf": 0.6}
    run.write(front=shared)
    run.start()
    run.wait(lambda: len(run.lines()) > 5)
    run.write(front=dict(shared, line=["door:0,65-64,65"]))
    run.reload()
    assert (
        "door: 0,65 is outside the picture, which is 64x48; the settings stay as they were" in capsys.readouterr().err
    )
    run.write(front=dict(shared, line=["door:0,30-64,30"], zone=["yard:0,0-64,0-64,48-0,48"], inertia=0, conf=0.7))
    run.reload()
    assert capsys.readouterr().err.endswith("changed lines and zones: front\n")
    count = len(run.lines())
    run.wait(lambda: len(run.lines()) > count + 5)
    report = run.end()
    assert unbroken(run.lines())
    assert [line["type"] for line in run.lines(file="events.jsonl")] == ["appear", "enter"]
    assert (report["tracks"], report["zones"]["yard"]["inside"]) == (1, 1)


def test_masks_change_and_the_camera_is_not_opened_again(run, capsys):
    def found():
        return [one["label"] for one in run.lines()[-1]["detections"]]

    run.write(front={"mask": ["all:0,0-64,0-64,48-0,48"]})
    run.start()
    run.wait(lambda: len(run.lines()) > 5)
    assert found() == []
    run.write(front={"mask": ["all:0,0-65,0-64,48-0,48"]})
    run.reload()
    assert "all: 65,0 is outside the picture, which is 64x48; the settings stay as they were" in capsys.readouterr().err
    run.write(front={})
    run.reload()
    assert capsys.readouterr().err.endswith("changed masks: front\n")
    run.wait(lambda: sorted(found()) == ["car", "person"])
    run.write(front={"mask": ["all:0,0-64,0-64,48-0,48:black"]})
    run.reload()
    run.wait(lambda: found() == [])
    run.end()
    assert unbroken(run.lines())


def test_a_new_camera_whose_line_does_not_fit_is_left_out(run, capsys):
    run.write(front={}, door={})
    run.start()
    run.wait_for_frames("front")
    run.write(front={}, door={}, yard={"line": ["door:0,0-65,0"]})
    run.reload()
    run.wait(lambda: run.cameras._open["yard"].channel.told)
    run.wait_for_frames("front")
    run.write(front={}, door={})
    run.reload()
    run.end()
    warning = "warning: door: 65,0 is outside the picture, which is 64x48; the other cameras go on\n"
    assert warning in capsys.readouterr().err
    assert len(run.lines("front")) > 6


def test_a_reload_with_a_line_that_is_none_changes_nothing(run, capsys):
    run.write(front={}, door={})
    run.start()
    run.wait_for_frames("front")
    run.write(door={}, front={"line": ["door:0,0-0,0"]})
    run.reload()
    run.wait_for_frames("front")
    run.end()
    assert "both ends are the same point" in capsys.readouterr().err


def ask(live, request):
    """A connection on which that was asked for."""
    sock = socket.create_connection(("127.0.0.1", live.port), LIMIT)
    sock.sendall(request.encode() + b"\r\nHost: localhost\r\n\r\n")
    return sock


def test_viewers_keep_their_connections_across_a_reload(run):
    run.write(top='serve = "127.0.0.1:0"\n', front={}, door={})
    run.start()
    run.wait_for_frames("front")
    live = run.cameras._outputs._live
    with ask(live, "GET /front/stream.mjpg HTTP/1.1") as stream, ask(live, "GET /api/state HTTP/1.1") as other:
        first = json.loads(other.recv(1 << 16).partition(b"\r\n\r\n")[2])
        run.write(top='serve = "127.0.0.1:0"\n', front={"size": 96}, yard={})
        run.reload()
        run.wait_for_frames("front", "yard")
        received = b""
        last = first["cameras"]["front"]["frame"] + 20
        while not any(int(part.split(b"\r")[0]) > last for part in received.split(b"X-Frame: ")[1:-1]):
            received += stream.recv(1 << 16)
        other.sendall(b"GET /api/state HTTP/1.1\r\nHost: localhost\r\n\r\n")
        second = json.loads(other.recv(1 << 16).partition(b"\r\n\r\n")[2])
    assert (sorted(first["cameras"]), sorted(second["cameras"])) == (["door", "front"], ["front", "yard"])
    assert second["mosaic"]["cameras"] == ["front", "yard"]
    assert second["cameras"]["front"]["seen"] == {"person": 1, "car": 1}
    run.end()
    assert not live._thread.is_alive()


def test_the_report_is_served_while_cameras_run(run):
    run.write(
        top='serve = "127.0.0.1:0"\n', front={"line": ["gate:0,20-60,20"], "zone": ["mat:0,0-60,0-60,40"]}, door={}
    )
    run.start()
    run.wait_for_frames("front", "door")
    live = run.cameras._outputs._live
    for path, key in (("/api/report", "fps"), ("/healthz", "healthy"), ("/api/events", "events")):
        with ask(live, f"GET {path} HTTP/1.1") as sock:
            assert key in json.loads(sock.recv(1 << 16).partition(b"\r\n\r\n")[2])
    run.end()


def test_a_port_that_is_taken_ends_the_program_at_its_start(run):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        run.write(top=f"serve = {taken.getsockname()[1]}\n", front={})
        with pytest.raises(OutputError, match="another program has this port"):
            run.start()


def test_without_serve_nothing_of_it_is_imported(run):
    code = "import sys, app.cameras, app.sinks.opening, app.detect; app.config.read_settings([])"
    code += "; print([name for name in sys.modules if name.startswith('app.web') or name in ('asyncio', 'ssl')])"
    out = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, universal_newlines=True)
    assert out.strip() == "['app.web', 'app.web.arguments']"
