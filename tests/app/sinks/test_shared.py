import json
import threading

import pytest
from support.video import picture, write

from app.errors import OutputError
from app.frame import Frame
from app.sinks import Sink
from app.sinks.jsonl import JsonLinesSink
from app.sinks.shared import Shared


class Counting(Sink):
    """Counts what is called, and notices two calls at once."""

    name = "counting"
    wants_canvas = False
    may_block = True

    def __init__(self):
        self.calls = []
        self.busy = threading.Lock()

    def note(self, *call):
        assert self.busy.acquire(blocking=False), "two threads at once"
        self.calls.append(call)
        self.busy.release()

    def write(self, frame, canvas, detections):
        self.note("write", frame.index)

    def idle(self, canvas, outage):
        self.note("idle", outage)

    def reopen(self):
        self.note("reopen")

    def close(self):
        self.note("close")


def test_a_part_is_used_as_the_sink_is():
    sink = Counting()
    with Shared(sink) as shared, shared.part() as part:
        assert (part.name, part.wants_canvas, part.may_block, part.queue_size) == ("counting", False, True, 0)
        write(part, picture(0), 3)
        part.idle(picture(0), "gone")
        part.reopen()
    assert sink.calls == [("write", 3), ("idle", "gone"), ("reopen",), ("close",)]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)], ids=["owner first", "owner last", "in between"])
def test_the_last_one_closes_it_once(order):
    sink = Counting()
    shared = Shared(sink)
    users = [shared, shared.part(), shared.part()]
    for number in order:
        assert sink.calls == []
        users[number].close()
    assert sink.calls == [("close",)]
    users[1].close()
    assert sink.calls == [("close",)], "closing twice is allowed"


def test_it_stays_open_while_all_cameras_are_replaced():
    sink = Counting()
    with Shared(sink) as shared:
        shared.part().close()
        with shared.part() as part:
            write(part, picture(0), 1)
    assert sink.calls == [("write", 1), ("close",)]


def test_a_sink_with_a_queue_is_not_shared():
    sink = Counting()
    sink.queue_size = 1
    with pytest.raises(AssertionError):
        Shared(sink)


def test_an_error_goes_to_the_camera_that_wrote(tmp_path):
    with Shared(JsonLinesSink(str(tmp_path / "found.jsonl"))) as shared:
        one, other = shared.part(), shared.part()
        tmp_path.rmdir()
        with pytest.raises(OutputError, match="found.jsonl"):
            write(one, picture(0))
        tmp_path.mkdir()
        write(other, picture(0))  # the lock is free again
        one.close()
        other.close()


def test_lines_of_several_cameras_are_whole(tmp_path):
    """Each camera writes in a thread of its own; a line has one of them, and their order is that of its frames."""
    path, count = tmp_path / "found.jsonl", 60
    image = picture(0)

    def camera(name, part):
        for index in range(count):
            frame = Frame(image, index)
            frame.camera = name
            part.write(frame, image, frame.detections)
            if index % 20 == 10:
                part.reopen()
        part.close()

    with Shared(JsonLinesSink(str(path))) as shared:
        threads = [threading.Thread(target=camera, args=(name, shared.part())) for name in ("front", "yard", "door")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(lines) == 3 * count
    for name in ("front", "yard", "door"):
        assert [line["frame"] for line in lines if line["camera"] == name] == list(range(count))
