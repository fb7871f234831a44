import json

import numpy as np

from app.frame import NOTHING, Frame
from app.sinks.events import EventsSink
from app.tracking.events import Event, Sighting

SEEN = Sighting(17, "person", 0, 0.91304, [1.0, 2.0, 3.0, 4.126])
IMAGE = np.zeros((8, 8, 3), np.uint8)


def frame(*events):
    made = Frame(IMAGE)
    made.events = events
    return made


def test_one_line_for_each_event(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text("of an earlier run\n")
    with EventsSink(str(path)) as sink:
        sink.write(frame(), IMAGE, NOTHING)
        assert path.read_text() == ""
        first = Event("cross", 12.4004, SEEN, line="door", direction="in")
        sink.write(frame(first, Event("vanish", 12.4, SEEN, "yard", seconds=3)), IMAGE, NOTHING)
        sink.write(frame(), IMAGE, NOTHING)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    same = {"track": 17, "label": "person", "class": 0, "score": 0.913, "box": [1, 2, 3, 4.13]}
    assert lines == [
        dict(same, type="cross", t=12.4, camera="", line="door", direction="in"),
        dict(same, type="vanish", t=12.4, camera="yard", seconds=3),
    ]


def test_added_to_what_is_there(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text('{"whole": 1}\n{"half')
    with EventsSink(str(path), append=True) as sink:
        sink.write(frame(Event("appear", 1, SEEN)), IMAGE, NOTHING)
    lines = path.read_text().splitlines()
    assert lines[0] == '{"whole": 1}'
    assert json.loads(lines[1])["type"] == "appear"
