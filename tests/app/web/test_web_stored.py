"""The live view of a run that has a store: its events, with pictures."""

import json
import time
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from support.fakes import FakeClock
from support.live import GET, TOKEN, Cameras, Net

from app.clips import replay as replay_module
from app.clips.replay import Replay
from app.errors import OutputError
from app.events.incident import Change, Incident
from app.events.store import Store
from app.sinks.matroska import MatroskaWriter
from app.sinks.picture import encode
from app.tracking.events import Event, Sighting
from app.web import stored as stored_module

ID = "1700000000.000-abcdef"
SEEN = Incident(ID, "door", 3, "person", 0, 1.7e9, None, 0.9, (1.0, 2.0, 3.0, 4.0), picture=f"pictures/{ID}.jpg")


@pytest.fixture
def store(tmp_path):
    with Store(str(tmp_path)) as store:
        yield store


@pytest.fixture
def net(store):
    return Net(Cameras("door", events=SimpleNamespace(store=store)))


def ask(net, path):
    return json.loads(net.ask(path)[2])


def test_an_event_and_what_changes_of_it(net, store):
    assert ask(net, b"/api/events") == {"version": 1, "last": 0, "events": []}
    store.record([Change("new", SEEN, SEEN.start)])
    (found,) = ask(net, b"/api/events?since=0")["events"]
    assert (found["type"], found["id"], found["event"], found["time"], found["end"]) == ("event", 1, ID, 1.7e9, None)
    assert (found["picture"], found["clip"]) == (f"/api/events/{ID}.jpg", "")
    assert ask(net, b"/api/state")["last_event"] == 1
    assert ask(net, b"/api/events?since=1")["events"] == []
    store.record([Change("end", SEEN._replace(end=1.7e9 + 5), 1.7e9 + 8)])
    assert [(one["id"], one["end"]) for one in ask(net, b"/api/events?since=1")["events"]] == [(2, 1.7e9 + 5)]
    assert len(ask(net, b"/api/events?since=3")["events"]) == 1  # of a store before this one


def test_only_the_newest(net, store, monkeypatch):
    monkeypatch.setattr(stored_module, "MOST", 2)
    store.record([Change("new", SEEN._replace(id=name), SEEN.start) for name in ("a", "b", "c")])
    assert [one["event"] for one in ask(net, b"/api/events")["events"]] == ["b", "c"]


def test_its_picture(net, store, tmp_path):
    path = f"/api/events/{ID}.jpg".encode()
    assert net.ask(path)[0] == 404
    store.record([Change("new", SEEN, SEEN.start)])
    assert net.ask(path)[0] == 404
    (tmp_path / "pictures" / f"{ID}.jpg").write_bytes(b"\xff\xd8 a picture")
    status, headers, body = net.ask(path)
    assert (status, headers["content-type"], body) == (200, "image/jpeg", b"\xff\xd8 a picture")
    store.update(ID, picture="")
    assert net.ask(path)[0] == 404


@pytest.mark.parametrize(
    "name", ["1700000000.000-abcde", "1700000000.000-", "abcdef", "..", "../events.sqlite", "1700000000.000-ABCDEF"]
)
def test_nothing_else_is_given_out(net, store, name, tmp_path):
    store.record([Change("new", SEEN, SEEN.start)])
    (tmp_path / "pictures" / f"{ID}.jpg").write_bytes(b"a picture")
    assert net.ask(f"/api/events/{name}.jpg".encode())[0] == 404


def test_without_the_token_there_is_no_picture(store):
    net = Net(Cameras("door", events=SimpleNamespace(store=store)), TOKEN)
    assert net.ask(f"/api/events/{ID}.jpg".encode())[0] == 401


def test_a_run_without_a_store_has_no_such_pictures():
    assert Net(Cameras("door")).ask(f"/api/events/{ID}.jpg".encode())[0] == 404


def test_what_is_in_the_store_is_not_kept_in_memory_as_well(net):
    net.cameras.film("door", events=[Event("appear", 1.0, Sighting(7, "person", 0, 0.9, [1.0, 2.0, 3.0, 4.0]))])
    assert net.cameras.hub.events.last == 0


def test_a_store_that_cannot_be_read_costs_the_page_its_events_only(net, store, monkeypatch):
    store.record([Change("new", SEEN, SEEN.start)])
    assert ask(net, b"/api/state")["last_event"] == 1

    def fail(*args):
        raise OutputError("the disk is broken")

    for name in ("last_number", "since", "find"):
        monkeypatch.setattr(store, name, fail)
    assert ask(net, b"/api/state")["last_event"] == 1
    assert ask(net, b"/api/events") == {"version": 1, "last": 1, "events": []}
    assert net.ask(f"/api/events/{ID}.jpg".encode())[0] == 404


CLIP = "clips/door/2023-11-14/22-13-10.mkv"


def film(path, frames=30):
    """A recording of 10 FPS whose JPEGs say their numbers."""
    path.parent.mkdir(parents=True)
    pictures = [encode(np.full((16, 16, 3), 8 * number, np.uint8)) for number in range(frames)]
    with open(str(path), "wb") as file:
        writer = MatroskaWriter(file, 16, 16, 10)
        for number, data in enumerate(pictures):
            writer.write(data, number / 10)
        writer.close()
    return pictures


def numbers(sent):
    return [int(part.split(b"\r")[0]) for part in sent.split(b"X-Frame: ")[1:]]


def play(net, transport, until):
    """Let the server's timers run until something has come: what they wait for happens in a thread."""
    limit = time.monotonic() + 60
    while not until():
        assert time.monotonic() < limit, transport.sent
        time.sleep(0.01)
        net.run_later(once=True)


def test_a_clip_is_played_at_its_own_speed_and_then_ends(net, store, tmp_path, monkeypatch):
    clock = FakeClock()
    monkeypatch.setattr(replay_module, "Replay", partial(Replay, now=clock.now))
    pictures = film(tmp_path / CLIP)
    store.record([Change("new", SEEN._replace(clip=CLIP), SEEN.start)])
    (found,) = ask(net, b"/api/events")["events"]
    assert found["clip"] == f"/api/events/{ID}.mjpg"
    _, transport = net.connect(GET % found["clip"].encode())
    assert b"multipart/x-mixed-replace" in transport.sent
    play(net, transport, lambda: numbers(transport.sent))
    assert pictures[0] in transport.sent
    for seconds, newest in ((0.05, 1), (0.06, 2), (1.0, 12), (5.0, 30)):
        clock.sleep(seconds)
        net.run_later(once=True)
        assert numbers(transport.sent)[-1] == newest
    assert transport.closed
    assert numbers(transport.sent) == [1, 2, 12, 30]


def test_who_stops_looking_ends_it(net, store, tmp_path):
    film(tmp_path / CLIP)
    store.record([Change("new", SEEN._replace(clip=CLIP), SEEN.start)])
    connection, transport = net.connect(GET % f"/api/events/{ID}.mjpg".encode())
    play(net, transport, lambda: numbers(transport.sent))
    clip = connection._stream._stream.clip
    connection.connection_lost(None)
    assert clip._replay.film._file.closed
    net.run_later(once=True)
    assert net.later == []


def test_a_clip_that_is_gone_or_damaged(net, store, tmp_path):
    path = f"/api/events/{ID}.mjpg".encode()
    store.record([Change("new", SEEN._replace(clip=CLIP), SEEN.start)])
    assert net.ask(path)[0] == 404
    film(tmp_path / CLIP)
    (tmp_path / CLIP).write_bytes(b"no film")
    _, transport = net.connect(GET % path)
    play(net, transport, lambda: transport.closed)
    assert numbers(transport.sent) == []
    for outside in ("../secret.mkv", "events.sqlite", "/etc/passwd", "clips/../events.sqlite"):
        store.update(ID, clip=outside)
        assert net.ask(path)[0] == 404


def test_a_clip_of_several_events_starts_shortly_before_the_one():
    began = time.mktime((2023, 11, 14, 22, 13, 10, 0, 0, -1))
    assert stored_module._began("/a/clips/door/2023-11-14/22-13-10.mkv", 5.0) == began
    assert stored_module._began("/a/clips/door/2023-11-14/22-13-10-2.mkv", 5.0) == began
    assert stored_module._began("/a/clips/door/some/film.mkv", 5.0) == 5.0
