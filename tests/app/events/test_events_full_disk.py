"""Events on a disk that fills up: what happens meanwhile waits in memory."""

import os
import time

import numpy as np
import pytest
from support.disk import fill, small_disk

from app.events import recorder as recorder_module
from app.events.incident import Change, Incident
from app.events.pictures import path_of
from app.events.reader import Filter
from app.events.recorder import Recorder
from app.events.store import Store
from app.sinks.picture import Picture

pytestmark = pytest.mark.slow

LIMIT = 300  # seconds


def wait_until(condition):
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def changes(number):
    name = f"{number:010d}.000-aaaaaa"
    incident = Incident(name, "yard", number, "person", 0, 100.0 + number, picture=path_of(name))
    return [Change("new", incident, 100.0), Change("end", incident._replace(end=200.0 + number), 200.0)]


@pytest.fixture
def disk(tmp_path, monkeypatch):
    monkeypatch.setattr(recorder_module, "AGAIN", 0.05)
    with small_disk(tmp_path / "disk", "6m") as disk:
        yield disk


def test_nothing_is_lost_when_the_disk_is_full_for_a_while(disk, capsys):
    with Store(str(disk / "store")) as store:
        recorder = Recorder(store, ["mqtt"])
        recorder.put(changes(0), {})
        wait_until(lambda: recorder.recorded == 2)
        fill(disk / "filler")
        for number in range(1, 300):
            recorder.put(changes(number), {})
        wait_until(lambda: "events wait in memory" in capsys.readouterr().err)
        os.remove(str(disk / "filler"))
        wait_until(lambda: recorder.recorded == 600)
        recorder.close()
        found = list(store.all(Filter()))
        assert [one.track for one in found] == list(range(300))
        assert all(one.end is not None for one in found)
        assert store.outbox("mqtt").count() == 600
    assert "events are recorded again" in capsys.readouterr().err
    assert recorder.lost == 0


def test_the_oldest_pictures_make_room_for_new_ones(disk, capsys):
    image = np.random.RandomState(0).randint(0, 255, (240, 320, 3), np.uint8)  # 60 kB as a JPEG
    folder = disk / "store" / "pictures"
    with Store(str(disk / "store")) as store:
        (folder / "mine.jpg").write_bytes(b"mine")
        recorder = Recorder(store)
        for number in range(200):
            recorder.put(changes(number), {changes(number)[0].incident.id: Picture(image)})
            wait_until(lambda count=2 * (number + 1): recorder.recorded == count)
        recorder.close()
        found = list(store.all(Filter()))
        left = [one for one in found if one.picture]
        assert found[200 - len(left) :] == left, "the newest"
        assert sorted(os.listdir(str(folder))) == [*(one.id + ".jpg" for one in left), "mine.jpg"]
        assert 32 <= len(left) < 150
    assert (recorder.pictures_lost, recorder.lost, len(found)) == (0, 0, 200)
    assert capsys.readouterr().err.count("the oldest pictures of events make room for new ones") == 1
