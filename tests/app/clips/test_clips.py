"""Times are in seconds of the camera; what is told of an event is in seconds since 1970, from a clock of its own."""

import random

import pytest
from support.recorded import Disk, files, frame, indices, put, times

from app.clips.clips import ClipSink
from app.clips.replay import Film
from app.clips.retention import Limits
from app.events.incident import Change, Incident

WALL = 1700000000.0  # when the camera's time is 0
STEP = 0.125
EVENTS = 40


class Camera:
    """A clip sink, the frames that it gets, and what it announces."""

    def __init__(self, folder, before=2.0, after=1.0, disk=None, limits=None):
        self.folder = folder
        self.disk = disk or Disk()
        self.archive = self.disk.archive(folder, limits)
        self.told = []
        self.removed = []
        self.sink = ClipSink(
            self.archive,
            "yard",
            before,
            after,
            lambda event, path: self.told.append((event, path)),
            self.removed.append,
        )
        self.starts = {}
        self.index = 0

    def tell(self, made, kind, name, start=None, end=None, score=0.5):
        """As the sink of events does, before the frame itself comes. Times of the camera."""
        start = self.starts.setdefault(name, made.time if start is None else start)
        incident = Incident(name, "yard", 1, "person", 0, WALL + start, None if end is None else WALL + end, score)
        self.sink.listen(Change(kind, incident, WALL + made.time), made)

    def film(self, at, changes=(), size=(16, 8)):
        """Frames at these times. changes: of the time of a frame, kind, name and more for `tell`."""
        for time in at:
            made = frame(time, self.index, size)
            self.index += 1
            for when, kind, name, *rest in changes:
                if when == time:
                    self.tell(made, kind, name, **(rest[0] if rest else {}))
            put(self.sink, made)
            self.disk.sleep(STEP)

    def clips(self):
        """Of each clip the indices of its frames, the first clip first."""
        return sorted(indices(path) for path in files(self.folder))


def at(first, last):
    """The times of frames in a span, the ends included."""
    return [index * STEP for index in range(int(first / STEP), int(last / STEP) + 1)]


def span(first, last):
    """The indices of frames in a span."""
    return [int(time / STEP) for time in at(first, last)]


@pytest.fixture
def camera(tmp_path):
    made = Camera(tmp_path)
    yield made
    made.sink.close()


def test_a_clip_begins_before_its_event_and_ends_after_it(camera):
    camera.film(at(0, 12), [(5, "new", "a"), (7, "end", "a")])
    assert camera.clips() == [span(3, 8)]
    (path,) = files(camera.folder)
    assert times(path) == [time - 3 for time in at(3, 8)]
    assert camera.told == [("a", str(path.relative_to(camera.folder)))]


def test_what_was_seen_before_it_was_told(camera):
    """An event is told once its track is confirmed, and its end once it has been gone for a while."""
    changes = [(5, "new", "a", {"start": 4.25}), (7.5, "end", "a", {"end": 7.0})]
    camera.film(at(0, 12), changes)
    assert camera.clips() == [span(2.25, 8)]


def test_an_end_that_is_told_after_the_clip_should_have_ended(camera):
    camera.film(at(0, 12), [(5, "new", "a"), (9, "end", "a", {"end": 7})])
    assert camera.clips() == [span(3, 8.875)], "what is written stays; the frame of the end is not in it"


def test_at_the_beginning_there_is_not_more_than_there_was(camera):
    camera.film(at(0, 4), [(1, "new", "a"), (2, "end", "a")])
    assert camera.clips() == [span(0, 3)]


def test_events_that_overlap_share_a_clip(camera):
    changes = [(4, "new", "a"), (5, "new", "b"), (6, "end", "a"), (7, "end", "b"), (8, "new", "c"), (8.5, "end", "c")]
    camera.film(at(0, 20), changes)
    assert camera.clips() == [span(2, 9.5)]
    (path,) = files(camera.folder)
    assert camera.told == [(name, str(path.relative_to(camera.folder))) for name in "abc"]


def test_events_that_do_not_have_their_own(camera):
    changes = [(4, "new", "a"), (5, "end", "a"), (6.25, "new", "b"), (7, "end", "b")]
    camera.film(at(0, 20), changes)
    assert camera.clips() == [span(2, 6), span(4.25, 8)], "with the seconds before it, also where both have them"
    assert len({path for _, path in camera.told}) == 2


def test_an_event_of_one_frame(camera):
    camera.film(at(0, 9), [(5, "new", "a"), (5, "end", "a")])
    assert camera.clips() == [span(3, 6)]


def test_an_event_that_is_over_when_it_is_told(camera):
    """The camera was away: what there is of its time is kept, and nothing of the time after it."""
    changes = [(60, "new", "a", {"start": 4}), (60, "end", "a", {"end": 4})]
    camera.sink._ring._seconds = 100
    camera.film([*at(0, 6), *at(60, 62)], changes)
    assert camera.clips() == [span(2, 5)]


def test_frames_that_come_as_they_like(camera):
    when = [0, 0.5, 2.9, 3.1, 4.0, 5.0, 5.01, 5.5, 7.0, 7.9, 8.1, 9.0]
    camera.film(when, [(5.0, "new", "a"), (7.0, "end", "a")])
    assert camera.clips() == [[3, 4, 5, 6, 7, 8, 9]], "from 3.1 to 7.9"


def test_frames_that_were_dropped(camera):
    """The frame in which something was told never came: times count from the next one."""
    for time in at(0, 12):
        made = frame(time, int(time / STEP))
        if time in (5, 7):
            camera.tell(made, "new" if time == 5 else "end", "a")
        elif time not in (3, 8, 8.125):
            put(camera.sink, made)
    assert camera.clips() == [
        [index for index in span(3, 8) if index not in span(3, 3) + span(5, 5) + span(7, 7) + span(8, 8)]
    ]


def test_what_is_told_early_waits_for_its_frame(camera):
    """The sink's own thread is some frames behind."""
    frames = [frame(time, int(time / STEP)) for time in at(0, 12)]
    for made in frames:
        if made.time in (5, 7):
            camera.tell(made, "new" if made.time == 5 else "end", "a")
    for made in frames:
        put(camera.sink, made)
    assert camera.clips() == [span(3, 8)]


def test_the_camera_was_away_in_the_middle_of_an_event(camera):
    camera.film([*at(0, 6), *at(100, 104)], [(5, "new", "a"), (102, "end", "a", {"end": 6})])
    assert camera.clips() == [span(3, 6) + [49 + index for index in range(16)]]


def test_unknown_ends_are_of_an_earlier_run(camera):
    camera.film(at(0, 9), [(5, "end", "old")])
    assert camera.clips() == []
    assert camera.told == []


def test_an_event_whose_beginning_was_missed(camera):
    """The camera was opened again meanwhile: its clip begins as early as there are pictures."""
    camera.film(at(0, 9), [(2, "update", "a", {"start": -50}), (3, "end", "a")])
    assert camera.clips() == [span(0, 4)]


def test_the_snapshot_is_in_the_clip(camera):
    camera.film(at(0, 4.875), [])
    best = frame(5, 40)
    camera.tell(best, "new", "a")
    put(camera.sink, best)
    camera.index += 1
    camera.film(at(5.125, 9), [(6, "end", "a")])
    with Film(str(files(camera.folder)[0])) as film:
        assert best.picture.jpeg() in [jpeg for _, jpeg in film], "the very same bytes"


def test_what_goes_on_for_long_goes_on_in_the_next_file(camera, monkeypatch):
    monkeypatch.setattr("app.clips.clips.LONGEST", 10.0)
    changes = [
        (5, "new", "a"),
        (14, "update", "a", {"score": 0.4}),
        (20, "update", "a", {"score": 0.9}),
        (30, "end", "a"),
    ]
    camera.film(at(0, 40), changes)
    camera.sink.close()
    found = camera.clips()
    assert [index for clip in found for index in clip] == [index % 200 for index in span(3, 31)]
    assert len(found) == 3
    names = [path for _, path in camera.told]
    assert [name for name, _ in camera.told] == ["a", "a"], "and again where its best picture is"
    assert names[0] != names[1]


def test_the_size_of_the_picture_changes(camera):
    camera.film(at(0, 5.875), [(5, "new", "a")])
    camera.film(at(6, 9), [(7, "end", "a")], size=(8, 16))
    assert camera.clips() == [span(3, 5.875), span(6, 8)]


def test_a_disk_without_room_at_first(tmp_path, capsys):
    disk = Disk(1 << 20)
    camera = Camera(tmp_path, disk=disk, before=2.0)
    disk.others = 1 << 20
    camera.film(at(0, 5.5), [(5, "new", "a")])
    disk.others = 0
    camera.film(at(5.625, 9), [(7, "end", "a")])
    camera.sink.close()
    assert camera.clips() == [span(3, 8)], "the ring still had all of it"
    assert len(camera.told) == 1


def test_a_disk_without_room_for_a_whole_event(tmp_path, capsys):
    disk = Disk(1 << 20)
    camera = Camera(tmp_path, disk=disk)
    disk.others = 1 << 20
    camera.film(at(0, 9), [(5, "new", "a"), (6, "end", "a")])
    disk.others = 0
    camera.film(at(9.125, 20), [(15, "new", "b"), (16, "end", "b")])
    camera.sink.close()
    assert camera.clips() == [span(13, 17)]
    assert [name for name, _ in camera.told] == ["b"]
    assert camera.sink.figures()["left_out"] > 0
    assert "--keep-free" in capsys.readouterr().err


def test_clips_have_a_limit_of_their_own(tmp_path):
    camera = Camera(tmp_path, limits=Limits(70 << 10))
    changes = []
    for number in range(15):
        changes += [(5 + 10 * number, "new", str(number)), (6 + 10 * number, "end", str(number))]
    camera.film(at(0, 160), changes)
    camera.sink.close()
    assert 0 < sum(path.stat().st_size for path in files(tmp_path)) <= 70 << 10
    assert len(camera.told) == 15
    left = [str(path.relative_to(tmp_path)) for path in files(tmp_path)]
    assert camera.removed == [path for _, path in camera.told if path not in left]


def test_clips_get_too_old_also_where_nothing_happens_any_more(tmp_path):
    camera = Camera(tmp_path, limits=Limits(None, 2.0))
    camera.film(at(0, 9), [(5, "new", "a"), (6, "end", "a")])
    camera.disk.sleep(1.9 * 86400)
    camera.film(at(10, 11))
    assert len(files(tmp_path)) == 1
    camera.disk.sleep(0.2 * 86400)
    camera.film(at(12, 13))
    assert files(tmp_path) == []
    assert camera.removed == [path for _, path in camera.told]
    camera.sink.close()


def test_events_at_random(tmp_path):
    """Each clip begins within a frame of what is wanted, or where the ring did, and ends within one."""
    chance = random.Random(0)
    camera = Camera(tmp_path, before=3.0, after=2.0)
    now, events, when = 10.0, [], [0.0]
    for _ in range(EVENTS):
        start = now + chance.uniform(0, 12)
        events.append((start, start + chance.uniform(0.0, 8)))
        now = start
    while when[-1] < events[-1][0] + 20:
        when.append(round(when[-1] + chance.choice([0.04, 0.05, 0.2, 0.5]), 3))
    changes = []
    for number, (start, end) in enumerate(events):
        first = next(time for time in when if time >= start)
        last = next(time for time in when if time >= end)
        events[number] = first, last
        changes += [(first, "new", str(number)), (last, "end", str(number))]
    camera.film(when, changes)
    camera.sink.close()
    announced = dict(camera.told)
    assert len(announced) == len(camera.told) == EVENTS
    groups = {}
    for number, (start, end) in enumerate(events):
        groups.setdefault(announced[str(number)], []).append((start, end))
    assert len(groups) == len(files(tmp_path)) > EVENTS // 10
    for name, group in groups.items():
        begin, finish = min(start for start, _ in group) - 3, max(end for _, end in group) + 2
        wanted = [time for time in when if begin <= time <= finish]
        assert times(tmp_path / name) == [pytest.approx(time - wanted[0], abs=0.002) for time in wanted], name
