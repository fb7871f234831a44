"""What a run opens for its events, and in which order it is closed."""

import numpy as np
import pytest

from app import notify
from app.config import read_settings
from app.detections import Detections
from app.errors import OutputError, UsageError
from app.events.incident import Change, Incident
from app.events.opening import Events
from app.events.reader import Filter, Reader
from app.events.store import Store
from app.frame import Frame
from app.sinks import Sink

CANVAS = np.zeros((64, 64, 3), np.uint8)


class Notifier:
    """Notes what it is asked for."""

    def __init__(self, run, store):
        self.store, self.opened, self.changes, self.closed = store, [], [], False
        self.left = None

    def sink(self, camera, watch=None, labels=()):
        self.opened.append((camera, watch, list(labels)))
        return Sink() if camera == "front" else None

    def changed(self, change, frame):
        self.changes.append((change.type, frame.index))

    def figures(self):
        return {"mqtt_sent": 3, "mqtt_retried": 0, "mqtt_given_up": 1}

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.closed = True
        self.left = self.store.outbox("mqtt").count()


def open_events(folder, *words):
    settings = read_settings(["--cam", "front=0", "--cam", "yard=1", "--store", str(folder), *words])
    return Events(settings.run, settings.cameras), settings.cameras


def frame(index, *tracks):
    made = Frame(CANVAS, index, 100.0 + index, time=float(index))
    made.events, count = (), len(tracks)
    boxes = np.tile(np.float32([10, 10, 30, 40]), (count, 1)).reshape(-1, 4)
    made.detections = Detections(
        boxes, np.full(count, 0.9, np.float32), np.zeros(count, np.int32), ("person",), np.array(tracks, np.int64)
    )
    return made


def write(sinks, *frames):
    for one in frames:
        for sink in sinks:
            sink.write(one, CANVAS, one.detections)


def close(sinks):
    for sink in sinks:
        sink.close()


def test_a_store_alone(tmp_path):
    settings = read_settings(["--store", str(tmp_path)])
    with Events(settings.run, settings.cameras) as events:
        (sink,) = events.sinks(settings.cameras[0], None)
        write([sink], frame(0, 1), frame(1, 1, 2))
        close([sink])
    assert events.figures() == {"events": {"count": 2, "held_back": 0, "lost_changes": 0, "lost_pictures": 0}}
    assert events.begun() == {("cam0", "person"): 2}
    events.close()
    with Reader(str(tmp_path)) as reader:
        assert [(one.camera, one.end is not None) for one in reader.all(Filter())] == 2 * [("cam0", True)]


def test_who_is_told_gets_all_before_it_is_closed(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(notify, "open_notify", lambda run, store: made.append(Notifier(run, store)) or made[0])
    opened, (front, yard) = open_events(tmp_path, "--mqtt", "mqtt://localhost", "--classes", "person")
    with opened as events:
        sinks, others = events.sinks(front, None), events.sinks(yard, None)
        assert (len(sinks), len(others)) == (2, 1)
        write(sinks[:1], frame(4, 7))
        close(sinks + others)
    (notifier,) = made
    assert notifier.opened == [("front", None, ["person"]), ("yard", None, ["person"])]
    assert notifier.changes == [("new", 4), ("end", 4)]
    assert notifier.closed
    assert notifier.left == 2, "what the recorder had to write was there"
    assert events.figures()["messages"] == {"mqtt": {"sent": 3, "retried": 0, "given_up": 1, "waiting": 2}}, (
        "also once the store is closed"
    )


def test_an_event_with_a_clip(tmp_path):
    opened, (front, _) = open_events(tmp_path, "--clips", "--pre-roll", "1", "--post-roll", "0")
    with opened as events:
        incidents, clips = events.sinks(front, None)
        write([incidents, clips], frame(0), frame(1, 1), frame(2, 1))
        close([incidents, clips])
    figures = events.figures()["clips"]
    assert (figures["files"], figures["left_out"]) == (1, 0)
    with Reader(str(tmp_path)) as reader:
        (found,) = reader.all(Filter())
    assert found.clip.startswith("clips/front/")
    assert (tmp_path / found.clip).read_bytes()[:4] == b"\x1aE\xdf\xa3"


def test_what_cannot_be_opened_leaves_the_store_free(tmp_path):
    (tmp_path / "empty").write_text("")
    with pytest.raises(UsageError, match="secret"):
        open_events(tmp_path, "--webhook", "http://127.0.0.1:9/", "--webhook-secret-file", str(tmp_path / "none"))
    events, _ = open_events(tmp_path)
    with pytest.raises(OutputError, match="another program"):
        open_events(tmp_path)
    events.close()


def test_what_waits_for_an_option_that_is_no_more_is_told(tmp_path, capsys):
    change = Change("new", Incident("a", "yard", 1, "person", 0, 100.0), 100.0)
    with Store(str(tmp_path)) as store:
        store.record([change], ["mqtt", "webhook:0"])
    events, _ = open_events(tmp_path)
    events.close()
    err = capsys.readouterr().err
    assert "warning: mqtt: no option asks for it; what an earlier run has left for it stays in the store: 1\n" in err
    assert "warning: webhook:0: no option" in err
    with Store(str(tmp_path)) as store:
        assert store.waiting() == {"mqtt": 1, "webhook:0": 1}


@pytest.mark.parametrize(
    "words",
    [
        ["--store", "s"],
        ["--clips"],
        ["--mqtt", "mqtt://localhost"],
        ["--webhook", "http://localhost/"],
        ["--on-event", "true"],
        ["--event-classes", "person"],
        ["--quiet-hours", "8:00-9:00"],
        ["--cool-down", "5"],
    ],
)
def test_what_brings_a_store_and_tracking(words):
    settings = read_settings(words)
    assert settings.run.store == (words[1] if words[0] == "--store" else "runs/store")
    assert settings.cameras[0].track


def test_what_brings_none():
    settings = read_settings(["--track", "--record"])
    assert settings.run.store is None
    assert not read_settings(["--record"]).cameras[0].track


@pytest.mark.parametrize(
    "words, message",
    [
        (["--event-zones", "yard"], "--event-zones: cam0 has no zone or line yard; there is none; add one"),
        (["--event-zones", "a", "--zone", "b:0,0-9,0-9,9"], "cam0 has no zone or line a; there are b"),
        (["--event-classes", "dog", "--classes", "person"], "--event-classes: --classes leaves dog out"),
        (["--quiet-hours", "8"], "should be hours as 22:00-06:00"),
        (["--event-score", "2"], "from 0 to 1"),
        (["--cool-down", "-1"], "from 0"),
    ],
)
def test_what_is_wrong(words, message):
    with pytest.raises(UsageError) as caught:
        read_settings(words)
    assert message in str(caught.value)


def test_a_message_begins_with_the_place_in_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.toml").write_text(
        '[camera.a]\ncam = 0\nzone = "yard:0,0-9,0-9,9"\nevent_zones = ["yard"]\nevent_classes = ["person", "dog"]\n'
        '[camera.b]\ncam = 1\nevent_zones = "drive"\n'
    )
    with pytest.raises(UsageError) as caught:
        read_settings(["--config", "a.toml"])
    assert str(caught.value).startswith("a.toml:8: event_zones: b has no zone or line drive")
