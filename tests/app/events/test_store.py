"""What a store keeps, and what it never does: lose an event, double one, or fail for a file that is damaged."""

import os
import shutil
import sqlite3
import threading

import pytest

from app.errors import OutputError, SourceError
from app.events import outbox as outbox_module
from app.events import store as store_module
from app.events.incident import Change, Incident
from app.events.reader import NAME, Filter, Reader
from app.events.store import Store


def incident(name="a", start=100.0, **fields):
    made = Incident(name, "yard", 1, "person", 0, start, score=0.5, picture=f"pictures/{name}.jpg")
    return made._replace(**fields)


def life(name="a", start=100.0, end=None):
    """The first change of an incident, and the last one if it has an end."""
    changes = [Change("new", incident(name, start), start)]
    if end is not None:
        changes.append(Change("end", incident(name, start, end=end), end))
    return changes


@pytest.fixture
def store(tmp_path):
    with Store(str(tmp_path)) as store:
        yield store


def types(changes):
    return [(change.type, change.incident.id, change.number) for change in changes]


def test_changes_are_numbered_and_none_is_kept_twice(store):
    first, last = life(end=105.0)
    assert types(store.record([first])) == [("new", "a", 1)]
    assert store.record([first]) == []
    assert types(store.record([first._replace(type="update"), last, last])) == [("update", "a", 2), ("end", "a", 3)]
    assert store.record([last, first]) == []
    assert store.last_number() == 3
    assert store.find("a") == incident(end=105.0)


def test_a_message_for_each_destination_in_order(store):
    store.record(life("a"), ["mqtt", "webhook:0"])
    store.record(life("b", end=101.0), ["mqtt"])
    box = store.outbox("mqtt")
    messages = box.pending(10)
    assert types(message.change for message in messages) == [("new", "a", 1), ("new", "b", 2), ("end", "b", 3)]
    assert [(message.attempts, message.due) for message in messages] == 3 * [(0, 0.0)]
    box.done(messages[0].row)
    box.postpone(messages[1].row, 900.5, 2)
    box.give_up(messages[2].row)
    (left,) = box.pending(10)
    assert (left.row, left.attempts, left.due) == (messages[1].row, 2, 900.5)
    assert (box.count(), store.outbox("webhook:0").count(), store.outbox("none").pending(1)) == (1, 1, [])
    assert store.waiting() == {"mqtt": 1, "webhook:0": 1}


def test_rows_of_an_outbox_are_never_used_again(store):
    store.record(life("a"), ["mqtt"])
    (message,) = store.outbox("mqtt").pending(1)
    store.outbox("mqtt").done(message.row)
    store.record(life("b"), ["mqtt"])
    assert store.outbox("mqtt").pending(1)[0].row > message.row


def test_too_many_messages_are_given_up_and_counted(store, monkeypatch, capsys):
    monkeypatch.setattr(store_module, "MOST", 3)
    for name in "abcde":
        store.record(life(name), ["mqtt", "webhook:0"])
    box = store.outbox("mqtt")
    assert [message.change.incident.id for message in box.pending(9)] == ["c", "d", "e"]
    assert store.news.given_up == {"mqtt": 2, "webhook:0": 2}
    assert capsys.readouterr().err.count("warning: mqtt: 3 messages wait already") == 1


def test_waiting_for_messages(store):
    box = store.outbox("mqtt")
    assert box.wait(0) is True  # there may be some of an earlier run
    assert box.wait(0) is False
    store.record(life("a"), ["mqtt"])
    assert box.wait(60) is True
    waiting = threading.Thread(target=box.wait, args=(60,))
    waiting.start()
    store.close()
    waiting.join(60)
    assert not waiting.is_alive()


def test_what_was_open_is_closed_once_by_the_next_run(tmp_path):
    with Store(str(tmp_path)) as store:
        store.record(life("a") + life("b", 200.0, 210.0) + life("c", 300.0), ["mqtt"], seen={"a": 142.5, "b": 999.0})
        store.record([], seen={"a": 120.0})
    with Store(str(tmp_path)) as store:
        ends = store.close_earlier(["mqtt"])
        assert [(change.type, change.incident.id, change.incident.end) for change in ends] == [
            ("end", "a", 142.5),
            ("end", "c", 300.0),
        ]
        assert store.close_earlier(["mqtt"]) == []
        assert store.find("b").end == 210.0
        assert [message.change.type for message in store.outbox("mqtt").pending(9)] == 2 * ["new"] + [
            "end",
            "new",
        ] + 2 * ["end"]


def test_paths_may_come_before_the_event_and_stay(store):
    store.update("a", clip="clips/1.mkv")
    first, last = life(end=105.0)
    (kept,) = store.record([first], ["mqtt"])
    assert (kept.incident.clip, kept.incident.picture) == ("clips/1.mkv", "pictures/a.jpg")
    store.update("a", picture="")
    store.record([last], ["mqtt"])
    assert store.find("a")[-2:] == ("", "clips/1.mkv")
    assert store.outbox("mqtt").pending(2)[1].change.incident.clip == "clips/1.mkv"
    number = store.last_number()
    store.clip_removed("clips/1.mkv")
    assert [(one.id, one.clip) for _, one in store.since(number, 9)] == [("a", "")]


def test_paths_for_events_that_never_come_are_bounded(store, monkeypatch):
    monkeypatch.setattr(store_module, "MOST_EARLY", 2)
    for name in "abc":
        store.update(name, clip=name)
    store.record([change for name in "abc" for change in life(name)])
    assert [one.clip for one in store.all(Filter())] == ["", "b", "c"]


def test_filters(store):
    store.record(
        [
            Change("new", incident("a", 100.0, zones=("drive", "lawn")), 100.0),
            Change("new", incident("b", 200.0, zones=("drive-way",)), 200.0),
            Change("new", incident("c", 300.0, camera="door", label="dog"), 300.0),
        ]
    )
    ids = lambda **wanted: [one.id for one in store.all(Filter(**wanted))]  # noqa: E731
    assert ids() == ["a", "b", "c"]
    assert ids(zone="drive") == ["a"]
    assert ids(camera="door") == ids(label="dog") == ["c"]
    assert ids(since=200.0) == ["b", "c"]
    assert ids(since=100.0, until=200.0) == ["a"]
    assert [one.id for one in store.newest(Filter(camera="yard"), 1)] == ["b"]


def test_an_event_is_found_by_a_part_of_its_id(store):
    store.record(life("1700000000.000-abcdef") + life("1700000000.000-uvwxyz") + life("%"))
    assert store.find("abcdef").id == store.find("1700000000.000-a").id == "1700000000.000-abcdef"
    assert [store.find(name) for name in ("1700000000", "q", "", "_")] == 4 * [None]


def test_by_its_whole_id_an_event_is_found_without_a_look_at_all(store):
    store.record([change for name in ("a", "a1", "a2") for change in life(name)])
    asked = []
    with store._database.reading() as connection:
        connection.set_trace_callback(lambda text: asked.append(text))  # 3.6 takes no method of a list
    assert store.find("a").id == store.get("a").id == "a"
    assert store.get("a1x") is None
    plans = [row[3] for one in asked for row in connection.execute("EXPLAIN QUERY PLAN " + one).fetchall()]
    assert len(plans) == 3
    assert all("USING INDEX" in plan for plan in plans), plans


def test_a_store_that_can_only_be_read(tmp_path, monkeypatch):
    Store(str(tmp_path)).close()
    connect = sqlite3.connect

    def read_only(path, **options):
        return connect(f"file:{path}?mode=ro", uri=True, **options)

    monkeypatch.setattr(sqlite3, "connect", read_only)
    with pytest.raises(OutputError, match="cannot be written: attempt to write a readonly database"):
        Store(str(tmp_path))


def test_a_bound_on_what_is_kept(store):
    store.record(life("open", 1.0))
    for number in range(6):
        store.record(life(str(number), 100.0 + number, 110.0 + number))
    assert [one.id for one in store.forget(before=112.0)] == ["0", "1"]
    assert [one.id for one in store.forget(most=3)] == ["2", "3"]
    assert store.forget(most=3) == []
    assert [one.id for one in store.all(Filter())] == ["open", "4", "5"]


def test_one_program_at_a_time(tmp_path, store):
    with pytest.raises(OutputError, match="another program is writing to it; give this one its own with --store"):
        Store(str(tmp_path))


def test_it_can_be_read_while_it_is_written(tmp_path, store):
    store.record(life("a"))
    with Reader(str(tmp_path)) as reader:
        store.record(life("b"))
        assert [one.id for one in reader.all(Filter())] == ["a", "b"]


def test_what_fails_in_the_middle_is_not_kept_at_all(store):
    with pytest.raises(AttributeError):
        store.record([*life("a"), None], ["mqtt"])
    assert (store.find("a"), store.outbox("mqtt").count(), store.last_number()) == (None, 0, 0)


def damage(path):
    with open(path, "r+b") as file:
        file.seek(0)
        file.write(b"x" * 2000)


def aside(folder, reason):
    return sorted(name for name in os.listdir(str(folder)) if name.startswith(NAME + "." + reason))


def test_a_damaged_file_is_kept_and_a_new_one_begins(tmp_path, capsys):
    with Store(str(tmp_path)) as store:
        store.record(life("a"))
    damage(str(tmp_path / NAME))
    with Store(str(tmp_path)) as store:
        assert store.close_earlier() == []
        store.record(life("b"))
        assert [one.id for one in store.all(Filter())] == ["b"]
    (name,) = aside(tmp_path, "damaged-")
    assert (tmp_path / name).read_bytes()[:3] == b"xxx"
    message = capsys.readouterr().err
    assert message.startswith(
        f"warning: {tmp_path / NAME}: is damaged; it was kept as {tmp_path / name}, and a new one"
    )
    assert message.count("\n") == 1


def test_a_file_that_is_damaged_in_the_middle_is_noticed(tmp_path):
    with Store(str(tmp_path)) as store:
        store.record([change for number in range(200) for change in life(str(number))])
    with open(str(tmp_path / NAME), "r+b") as file:
        file.seek(4096 * 3)
        file.write(b"\xff" * 4096 * 3)
    Store(str(tmp_path)).close()
    assert len(aside(tmp_path, "damaged-")) == 1


def test_another_kind_of_file_is_kept_too(tmp_path):
    with sqlite3.connect(str(tmp_path / NAME)) as connection:
        connection.execute("CREATE TABLE mine (a)")
    connection.close()
    Store(str(tmp_path)).close()
    Store(str(tmp_path)).close()
    assert len(aside(tmp_path, "damaged-")) == 1


def test_a_file_of_a_newer_version_is_kept_and_a_new_one_begins(tmp_path, capsys):
    with Store(str(tmp_path)) as store:
        store.record(life("a"))
    with sqlite3.connect(str(tmp_path / NAME)) as connection:
        connection.execute("PRAGMA user_version = 2")
    connection.close()
    with pytest.raises(SourceError, match="is of version 2, and this program reads version 1"):
        Reader(str(tmp_path))
    with Store(str(tmp_path)) as store:
        assert store.last_number() == 0
    (name,) = [one for one in aside(tmp_path, "newer-") if not one.endswith(("-wal", "-shm"))]
    assert "is from a newer version" in capsys.readouterr().err
    with sqlite3.connect(str(tmp_path / name)) as connection:
        assert connection.execute("SELECT id FROM incidents").fetchall() == [("a",)]
    connection.close()


def test_a_file_that_is_damaged_while_it_is_used_is_replaced(tmp_path, capsys):
    with Store(str(tmp_path)) as store:
        store.record([change for number in range(100) for change in life(str(number))], ["mqtt"])
        path = tmp_path / NAME
        store._database.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with open(str(path), "r+b") as file:
            file.write(b"\xff" * os.path.getsize(str(path)))
        store._database._local.connection = None  # as a thread that is new: what others have is in their memory
        with pytest.raises(OutputError, match="was damaged"):
            store.record(life("b"), ["mqtt"])
        assert [change.number for change in store.record(life("b"), ["mqtt"])] == [1]
        last = life("5", end=105.0)[1]
        assert types(store.record([last], ["mqtt"])) == [("end", "5", 2)]  # its "new" is in the other file
        assert store.outbox("mqtt").count() == 2
    assert len(aside(tmp_path, "damaged-")) >= 1
    assert capsys.readouterr().err.count("is damaged") == 1


def test_a_store_that_is_deleted_while_it_is_used_begins_anew(tmp_path, capsys):
    folder = tmp_path / "store"
    with Store(str(folder)) as store:
        store.record(life("a"), ["mqtt"])
        box = store.outbox("mqtt")
        shutil.rmtree(str(folder))
        store.record(life("b", end=105.0), ["mqtt"])
        assert [message.change.incident.id for message in box.pending(10)] == ["b", "b"]
        threads = [threading.Thread(target=store.record, args=[life("c", end=105.0)]) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    with Reader(str(folder)) as reader:
        assert sorted(found.id for found in reader.all(Filter())) == ["b", "c"]
    assert (
        capsys.readouterr().err == f"warning: {folder / NAME}: was deleted; a new one begins, without what was in it\n"
    )


def test_a_store_that_is_closed_says_so(tmp_path):
    store = Store(str(tmp_path))
    store.close()
    store.close()
    with pytest.raises(OutputError, match="it is closed"):
        store.record(life("a"))
    assert outbox_module.MOST == 10000


def test_no_store_to_read(tmp_path):
    with pytest.raises(SourceError, match="there is no store; make one with"):
        Reader(str(tmp_path))


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot create it"):
        Store(str(tmp_path / "file" / "store"))
