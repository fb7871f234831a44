import json

import numpy as np
import pytest

from app.detections import Detections
from app.errors import SourceError, UsageError
from app.frame import Frame
from app.tracking import watch as watch_module
from app.tracking.places import read_line, read_zone
from app.tracking.watch import Watch

LABELS = ("person", "dog")
LINE, ZONE = read_line("door:0,100-200,100"), read_zone("yard:0,50%-100%,50%-100%,100%-0,100%")


def frame(index, *rows, size=(200, 200), time=None, score=0.9):
    """A frame of 10 a second; rows are x and y of the bottom centres of persons 20 wide and 40 high."""
    made = Frame(np.zeros((size[1], size[0], 3), np.uint8), index, time=index / 10 if time is None else time)
    boxes = np.array([[x - 10, y - 40, x + 10, y] for x, y in rows], np.float32).reshape(-1, 4)
    made.detections = Detections(boxes, np.full(len(rows), score), np.zeros(len(rows), int), LABELS)
    return made


def go(watch, frames):
    """The types of the events of each frame."""
    found = []
    for one in frames:
        watch.fit(one.size)
        watch.update(one)
        found.append([event.type for event in one.events])
    return found


def walk(count=20, **given):
    """Somebody who walks down, 5 pixels a frame, and crosses y = 100 in frame 10."""
    return [frame(index, (100, 52 + 5 * index), **given) for index in range(count)]


def test_a_walk_over_a_line_into_a_zone():
    watch = Watch([LINE], [ZONE], inertia=0.3, loitering=0.5)
    frames = walk()
    events = go(watch, frames)
    assert [(number, kind) for number, kinds in enumerate(events) for kind in kinds] == [
        (1, "appear"),
        (11, "cross"),  # 107 is outside of the dead band of 0.15 * 40 pixels
        (13, "enter"),  # 0.3 s after frame 10
        (15, "loiter"),
    ]
    assert [one.detections.tracks.tolist() for one in frames] == [[0]] + [[1]] * 19
    expected = {
        "tracks": 1,
        "lines": {"door": {"in": {"person": 1}, "out": {}}},
        "zones": {"yard": {"entered": {"person": 1}, "inside": 1, "mean_stay_s": None}},
    }
    assert watch.report() == expected
    gone = go(watch, [frame(50)])
    assert gone == [["leave", "vanish"]]
    assert watch.report()["zones"]["yard"] == {"entered": {"person": 1}, "inside": 0, "mean_stay_s": 0.9}


def test_names_of_directions_anchor_and_camera():
    watch = Watch([LINE], directions=("down", "up"), anchor="top")
    frames = walk(30)
    for one in frames:
        one.camera = "front"
    events = go(watch, frames)
    crossing = [event for one in frames for event in one.events if event.type == "cross"]
    assert [(event.direction, event.camera) for event in crossing] == [("down", "front")]
    assert events.index(["cross"]) == 19  # 52 + 5 * 19 - 40 = 107
    assert watch.report()["lines"] == {"door": {"down": {"person": 1}, "up": {}}}


def test_what_scores_less_is_tracked_and_not_reported():
    watch = Watch([LINE], confidence=0.6)
    assert watch.detector_confidence == 0.1
    scores = [0.9, 0.9, *[0.3] * 16, 0.9, 0.9]
    frames = [frame(index, (100, 52 + 5 * index), score=score) for index, score in enumerate(scores)]
    go(watch, frames)
    assert [one.detections.tracks.tolist() for one in frames] == [[0], [1], *[[]] * 16, [1], [1]]
    assert watch.report()["lines"]["door"]["in"] == {"person": 1}


def test_a_track_starts_with_the_score_that_is_reported():
    assert go(Watch(confidence=0.25), walk(5, score=0.55))[1] == ["appear"]
    assert go(Watch(confidence=0.6), walk(5, score=0.55)) == [[]] * 5
    watch = Watch(confidence=0.6)
    watch.choose(0.05)
    assert watch.detector_confidence == 0.05
    assert go(watch, walk(5, score=0.55))[1] == ["appear"]


def test_frames_of_another_size_are_scaled():
    """A camera may come back with another resolution; and a huge file is decoded smaller."""
    watch = Watch([LINE])
    frames = walk(9) + [frame(index, (200, 2 * (52 + 5 * index)), size=(400, 400)) for index in range(9, 20)]
    events = go(watch, frames)
    assert events[11] == ["cross"]
    assert frames[12].detections.tracks.tolist() == [1]
    assert frames[12].detections.boxes.tolist() == [[190, 184, 210, 224]]
    assert [event.seen.box for event in frames[11].events] == [[95, 87, 105, 107]], "in pixels of the first frame"


def test_places_that_do_not_fit():
    watch = Watch([read_line("door:0,100-201,100")])
    one = frame(0, (100, 100))
    with pytest.raises(UsageError, match="201,100 is outside the picture, which is 200x200"):
        watch.fit(one.size)
    watch.update(one)
    assert (one.events, watch.report()["tracks"]) == ((), 0)


def test_totals_survive_a_restart(tmp_path):
    path = str(tmp_path / "totals.json")
    watch = Watch([LINE], totals=path)
    go(watch, walk())
    assert not (tmp_path / "totals.json").exists()
    watch.save(at_once=True)
    again = Watch([LINE], totals=path)
    assert again.report()["lines"]["door"]["in"] == {"person": 1}
    go(again, walk())
    assert again.report()["lines"]["door"]["in"] == {"person": 2}
    again.save(at_once=True)
    assert json.loads((tmp_path / "totals.json").read_text())["lines"]["door"]["in"] == {"person": 2}
    (tmp_path / "totals.json").write_text("{")
    with pytest.raises(SourceError, match="totals.json: is damaged"):
        Watch([LINE], totals=path)


def test_totals_are_written_when_they_have_changed_and_not_too_often(tmp_path, monkeypatch):
    path, now = tmp_path / "totals.json", [1000.0]
    monkeypatch.setattr(watch_module.time, "monotonic", lambda: now[0])
    watch = Watch([LINE], totals=str(path))
    watch.save()
    assert not path.exists()
    go(watch, walk())
    watch.save()
    path.unlink()
    go(watch, [frame(20 + index, (100, 150 - 5 * index)) for index in range(20)])
    now[0] += watch_module.SAVE_PERIOD - 0.1
    watch.save()
    assert not path.exists()
    now[0] += 0.2
    watch.save()
    assert json.loads(path.read_text())["lines"]["door"] == {"in": {"person": 1}, "out": {"person": 1}}
    path.unlink()
    now[0] += 1000
    watch.save(at_once=True)
    assert not path.exists(), "nothing has changed"


def test_totals_go_on_where_the_camera_is_opened_again():
    before = Watch([LINE, read_line("gate:0,0-1,1")])
    go(before, walk())
    after = Watch([LINE, read_line("other:0,0-1,1")])
    after.continue_from(before)
    after.fit((200, 200))
    assert after.report()["lines"] == {
        "door": {"in": {"person": 1}, "out": {}},
        "other": {"in": {}, "out": {}},
    }


def test_other_lines_and_zones_from_the_next_frame_on(tmp_path):
    path = str(tmp_path / "totals.json")
    watch, frames = Watch([LINE], [ZONE], inertia=0), walk(29)
    go(watch, frames[:15])
    other = Watch(
        [LINE, read_line("gate:0,150-200,150")], [read_zone("yard:0,0-9,0-9,9"), ZONE._replace(name="all")], totals=path
    )
    other.fit(watch.size)
    watch.change_to(other)
    events = go(watch, frames[15:])
    assert [kind for kinds in events for kind in kinds] == ["leave", "enter", "cross"]
    report = watch.report()
    assert report["tracks"] == 1
    assert report["lines"] == {name: {"in": {"person": 1}, "out": {}} for name in ("door", "gate")}
    assert report["zones"]["yard"]["entered"] == {"person": 1}, "before"
    assert report["zones"]["all"] == {"entered": {"person": 1}, "inside": 1, "mean_stay_s": None}
    watch.save(at_once=True)
    assert json.loads((tmp_path / "totals.json").read_text())["lines"] == report["lines"]


@pytest.mark.parametrize("mixed", [False, True])
def test_whether_classes_mix_also_changes(mixed):
    watch = Watch([LINE], mix_classes=not mixed)
    go(watch, walk(2))
    other = Watch([LINE], mix_classes=mixed)
    other.fit(watch.size)
    watch.change_to(other)
    go(watch, walk(3)[2:])
    assert watch.tracker.mix_classes is mixed


def test_a_thousand_boxes_and_none_for_an_hour():
    watch = Watch([LINE], [ZONE])
    rows = [(10 + x * 9, 45 + y * 9) for x in range(40) for y in range(25)]
    frames = [frame(index, *rows, size=(400, 400)) for index in range(3)]
    go(watch, frames)
    assert all(len(one.detections) == 1000 for one in frames)
    go(watch, [frame(3, time=3600.0, size=(400, 400))])
    assert watch.tracker.confirmed() == {}
    assert watch.report()["zones"]["yard"]["inside"] == 0
