"""The thread that writes: pictures before messages, a disk that fails, and what is too old."""

import os
import threading
import time

import numpy as np
import pytest

from app.errors import OutputError
from app.events import pictures as pictures_module
from app.events import recorder as recorder_module
from app.events.incident import Change, Incident
from app.events.reader import Filter
from app.events.recorder import Recorder
from app.events.store import Store
from app.sinks.picture import Picture

LIMIT = 300  # seconds
IMAGE = np.zeros((8, 8, 3), np.uint8)


def change(kind, name="a", start=100.0, end=None):
    return Change(kind, Incident(name, "", 1, "person", 0, start, end, picture=f"pictures/{name}.jpg"), start)


def wait_until(condition):
    limit = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.01)


class Failing(Store):
    """A store on a disk that fails while `error` is set. blocked: while it is not set, writing takes for ever."""

    def __init__(self, folder):
        super().__init__(folder)
        self.error = None
        self.tried = threading.Event()
        self.free = threading.Event()
        self.free.set()

    def record(self, *args):
        self.tried.set()
        assert self.free.wait(LIMIT)
        if self.error:
            raise OutputError(self.error)
        return super().record(*args)


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setattr(recorder_module, "AGAIN", 0.01)
    with Failing(str(tmp_path)) as store:
        yield store


def names(store):
    return [one.id for one in store.all(Filter())]


def test_changes_and_pictures_are_written(store, tmp_path):
    recorder = Recorder(store, ["mqtt"])
    recorder.put([change("new")], {"a": Picture(IMAGE)}, {"a": 130.0})
    recorder.put([change("end", end=140.0)], {})
    recorder.close()
    recorder.close()
    assert (tmp_path / "pictures" / "a.jpg").read_bytes()[:2] == b"\xff\xd8"
    assert (recorder.recorded, recorder.begun, recorder.lost) == (2, {("", "person"): 1}, 0)
    assert [message.change.type for message in store.outbox("mqtt").pending(9)] == ["new", "end"]


def test_who_is_told_finds_the_picture(store, tmp_path):
    there = []
    record = store.record
    store.record = lambda *args: (there.append(os.listdir(str(tmp_path / "pictures"))), record(*args))[1]
    recorder = Recorder(store)
    recorder.put([change("new")], {"a": Picture(IMAGE)})
    recorder.close()
    assert there == [["a.jpg"]]


def test_when_something_was_last_seen(store):
    recorder = Recorder(store)
    recorder.put([change("new")], {}, {"a": 110.0})
    recorder.put([], {}, {"a": 120.0})
    recorder.close()
    assert [one.incident.end for one in store.close_earlier()] == [120.0]


def test_a_disk_that_fails_for_a_while_loses_nothing(store, capsys):
    store.error = "the disk is full"
    recorder = Recorder(store, ["mqtt"])
    recorder.put([change("new")], {}, {"a": 150.0})
    assert store.tried.wait(LIMIT)
    recorder.put([change("new", "b"), change("end", "b", end=120.0)], {})
    store.error = None
    recorder.close()
    assert names(store) == ["a", "b"]
    assert (store.close_earlier()[0].incident.end, recorder.lost) == (150.0, 0)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "warning: the disk is full; events wait in memory until it works again",
        "events are recorded again",
    ]


def test_what_never_could_be_written_is_counted(store, monkeypatch, capsys):
    monkeypatch.setattr(recorder_module, "CLOSE_LIMIT", 0.05)
    store.error = "the disk is full"
    recorder = Recorder(store)
    recorder.put([change("new"), change("end", end=120.0)], {})
    recorder.close()
    assert recorder.lost == 2
    assert "warning: 2 changes of events could not be recorded, and are lost\n" in capsys.readouterr().err


def test_what_is_too_much_for_the_memory_is_left_out_updates_first(store, monkeypatch, capsys):
    monkeypatch.setattr(recorder_module, "MOST_CHANGES", 2)
    store.free.clear()
    recorder = Recorder(store)
    recorder.put([change("new", "a")], {})
    assert store.tried.wait(LIMIT)
    recorder.put([change("new", "b"), change("update", "b"), change("update", "a"), change("new", "c")], {})
    recorder.put([change("new", "d"), change("new", "e")], {})
    store.free.set()
    recorder.close()
    assert names(store) == ["a", "b", "c", "d"]
    assert recorder.lost == 3
    assert capsys.readouterr().err.count("warning") == 1


def test_only_the_newest_picture_of_an_event_waits(store, monkeypatch, capsys):
    monkeypatch.setattr(recorder_module, "MOST_PICTURES", 2)
    store.free.clear()
    recorder = Recorder(store)
    recorder.put([change("new", "a")], {})
    assert store.tried.wait(LIMIT)
    last = {}
    for name in ("a", "b", "b", "c"):
        last[name] = Picture(IMAGE.copy())
        recorder.put([], {name: last[name]})
    assert list(recorder._pictures.items()) == [("b", last["b"]), ("c", last["c"])]
    assert recorder.pictures_lost == 1
    store.free.set()
    recorder.close()
    assert "a picture of an event is lost: too many wait for the disk" in capsys.readouterr().err


def test_an_event_whose_picture_cannot_be_written_has_none_until_there_is_one(store, tmp_path, monkeypatch):
    def fail(path, data):
        raise OutputError(f"{path}: the disk is full")

    works = pictures_module.write_file
    monkeypatch.setattr(pictures_module, "write_file", fail)
    recorder = Recorder(store, ["mqtt"])
    recorder.put([change("new")], {"a": Picture(IMAGE)})
    wait_until(lambda: recorder.recorded == 1)
    assert store.find("a").picture == ""
    monkeypatch.setattr(pictures_module, "write_file", works)
    recorder.put([change("end", end=120.0)], {"a": Picture(IMAGE)})
    recorder.close()
    assert store.find("a").picture == "pictures/a.jpg"
    assert (tmp_path / "pictures" / "a.jpg").exists()
    assert recorder.pictures_lost == 1


def test_what_is_too_old_or_too_much_goes_with_its_picture(store, tmp_path, monkeypatch):
    monkeypatch.setattr(recorder_module, "TIDY_PERIOD", 0)
    for name, end in (("a", 110.0), ("b", 86400.0), ("c", 86500.0)):
        store.record([change("new", name), change("end", name, end=end)])
        (tmp_path / "pictures" / (name + ".jpg")).write_bytes(b"")
    (tmp_path / "pictures" / "mine.jpg").write_bytes(b"")
    recorder = Recorder(store, keep_days=1, keep_rows=2, now=lambda: 86400.0 + 200.0)
    recorder.put([change("new", "d")], {})
    recorder.close()
    assert names(store) == ["c", "d"]
    assert sorted(os.listdir(str(tmp_path / "pictures"))) == ["c.jpg", "mine.jpg"]
