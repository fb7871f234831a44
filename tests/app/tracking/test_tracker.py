import numpy as np
import pytest

from app.detections import Detections
from app.tracking import tracker as module
from app.tracking.tracker import Tracker

LABELS = ("person", "dog")
STEP = 0.1  # seconds between frames, unless a test says otherwise


def frame(*rows):
    """Detections of x and y of the centre, score and class; each is 40 wide and 100 high."""
    rows = [(*row, *(0.99, 0)[len(row) - 2 :]) for row in rows]
    boxes = np.array([[x - 20, y - 50, x + 20, y + 50] for x, y, _, _ in rows], np.float32).reshape(-1, 4)
    scores, classes = np.array([row[2] for row in rows], np.float32), np.array([row[3] for row in rows], np.int32)
    return Detections(boxes, scores, classes, LABELS)


def ids(tracker, frames, start=0.0, step=STEP):
    """The tracks in each frame, in the order of the scores."""
    return [tracker.update(found, start + number * step).tracks.tolist() for number, found in enumerate(frames)]


def walking(count, x=100, speed=10):
    return [frame((x + speed * number, 200)) for number in range(count)]


def test_a_thing_is_confirmed_and_keeps_its_id():
    found = ids(Tracker(), walking(20))
    first = found.index([1])
    assert 1 <= first <= 3, "not at once, and soon"
    assert found == [[0]] * first + [[1]] * (20 - first)


@pytest.mark.parametrize("step, same", [(0.7, True), (0.1, False)])
def test_who_walks_is_confirmed_at_low_rates_too(step, same):
    """55 pixels between two frames: a walk in 0.7 seconds for 100 of height, and in 0.1 somebody else."""
    found = ids(Tracker(), walking(6, speed=55), step=step)
    assert (found == [[0], [1], [1], [1], [1], [1]]) == same


def test_two_that_pass_each_other():
    tracker = Tracker()
    steps = [[(100 + 10 * n, 200, 0.99), (400 - 10 * n, 230, 0.95)] for n in range(31)]
    found = [one for one in ids(tracker, [frame(*step) for step in steps]) if 0 not in one]
    assert len(found) > 25
    assert set(map(tuple, found)) == {(1, 2)}


def test_the_rest_of_a_detection_is_unchanged():
    given = frame((100, 200, 0.9, 1), (300, 200, 0.05, 0))
    tracker = Tracker()
    ids(tracker, [given] * 10)
    found = tracker.update(given, 1.0)
    assert (found.boxes == given.boxes).all()
    assert found.scores.tolist() == given.scores.tolist()
    assert list(found.names) == ["dog", "person"]
    assert found.tracks.tolist() == [1, 0], "0.05 is too little to be tracked"


def test_a_weak_score_keeps_a_track_alive_but_starts_none():
    weak = [frame((200, 200, 0.3))] * 40
    assert ids(Tracker(), weak) == [[0]] * 40
    tracker = Tracker(keep=1.0)
    ids(tracker, [frame((200, 200))] * 10)
    assert ids(tracker, weak, start=1.0) == [[1]] * 40


def test_classes_are_kept_apart_unless_asked():
    person, dog = [frame((200, 200))] * 10, [frame((200, 200, 0.99, 1))] * 10
    found = ids(Tracker(), person + dog)
    assert found[9] == [1]
    assert found[10] == [0]
    assert found[19] == [2]
    assert ids(Tracker(mix_classes=True), person + dog)[9:] == [[1]] * 11


@pytest.mark.parametrize("gap, same", [(1.5, True), (1.9, True), (2.2, False)])
def test_lifetime_in_seconds(gap, same):
    tracker = Tracker(keep=2.0)
    ids(tracker, walking(20))
    # It walks on at 100 pixels a second while it is not seen.
    x = 100 + 10 * 19 + 100 * gap
    found = tracker.update(frame((x, 200)), 19 * STEP + gap)
    assert found.tracks.tolist() == [1 if same else 0]


def test_frames_in_between_change_nothing_of_the_lifetime():
    tracker = Tracker(keep=2.0)
    ids(tracker, walking(20))
    for number in range(1, 18):
        assert len(tracker.update(frame(), 1.9 + number * 0.1)) == 0
    assert tracker.update(frame((290 + 180, 200)), 1.9 + 1.8).tracks.tolist() == [1]


@pytest.mark.parametrize("step", [1 / 30, 1 / 7, 0.5])
def test_velocity_is_in_real_time(step):
    """The same walk at three frame rates: 40 pixels a second."""
    tracker = Tracker()
    count = int(6 / step)
    ids(tracker, [frame((100 + 40 * step * n, 200)) for n in range(count)], step=step)
    track = tracker.confirmed()[1]
    assert track.speed == (pytest.approx(40, abs=3), pytest.approx(0, abs=1))
    assert track.age == pytest.approx((count - 1) * step)
    assert track.unseen == 0
    assert track.box == pytest.approx((100 + 40 * track.age - 20, 150, 100 + 40 * track.age + 20, 250), abs=3)
    ahead = tracker.predict((count - 1) * step + 0.25)
    assert ahead.boxes[0] == pytest.approx(np.array(track.box, np.float32) + [10, 0, 10, 0], abs=1)
    assert (ahead.tracks.tolist(), list(ahead.names)) == ([1], ["person"])


def test_predict_shows_what_was_missed_for_a_moment():
    tracker = Tracker(hold=0.25)
    ids(tracker, walking(20))
    shown = []
    for number in range(20, 26):
        tracker.update(frame(), number * STEP)
        shown.append(len(tracker.predict(number * STEP)))
    assert shown == [1, 1, 0, 0, 0, 0]
    assert list(tracker.confirmed()) == [1], "it may still be found again"


def test_predict_stays_in_the_picture():
    tracker = Tracker()
    ids(tracker, walking(20))
    assert tracker.predict(2.9, (400, 240)).boxes.tolist() == [[pytest.approx(370, abs=3), 150, 400, 240]]
    assert len(tracker.predict(4.9, (400, 240))) == 0


def test_predicting_changes_nothing():
    """Predictions of frames in between, and one that was too far ahead."""
    plain, asked = Tracker(), Tracker()
    for number, found in enumerate(walking(20)):
        expected = plain.update(found, number * STEP)
        assert asked.update(found, number * STEP).tracks.tolist() == expected.tracks.tolist()
        for ahead in (0.05, 0.5, 0.0):
            asked.predict(number * STEP + ahead)
    assert asked.confirmed() == plain.confirmed()


def test_what_is_usual_decides_who_is_new():
    """Beside a person who scores 0.9, one of 0.7 is no new track; beside one who scores 0.6 it is."""
    for usual, tracks in ((0.9, [1, 0]), (0.6, [2, 1])):
        tracker = Tracker()
        ids(tracker, [frame((100, 200, usual))] * 40)
        assert ids(tracker, [frame((100, 200, usual), (300, 200, 0.7))] * 5, start=4.0)[-1] == tracks


def test_each_track_once_in_a_frame():
    random = np.random.RandomState(3)
    tracker = Tracker()
    for number in range(60):
        rows = [(*random.uniform(0, 400, 2), random.uniform(0.3, 1), random.randint(2)) for _ in range(30)]
        tracks = [track for track in tracker.update(frame(*rows), number * STEP).tracks.tolist() if track]
        assert len(set(tracks)) == len(tracks)


def test_deterministic():
    random = np.random.RandomState(4)
    frames = [frame(*[(*random.uniform(0, 900, 2), random.uniform(0.3, 1)) for _ in range(20)]) for _ in range(30)]
    assert ids(Tracker(), frames) == ids(Tracker(), frames)


@pytest.mark.parametrize("second", [-1e6, 0.0, 1.85])
def test_a_clock_that_goes_back(second):
    tracker = Tracker()
    ids(tracker, walking(20))
    assert ids(tracker, [frame((290, 200))] * 3, start=second) == [[1]] * 3


def test_the_same_time_twice():
    tracker = Tracker()
    ids(tracker, walking(20))
    assert ids(tracker, [frame((290, 200))] * 5, start=1.9, step=0.0) == [[1]] * 5


def test_nothing_for_an_hour():
    tracker = Tracker()
    ids(tracker, walking(20))
    assert tracker.update(frame(), 3600.0).tracks.tolist() == []
    assert tracker.confirmed() == {}
    assert 2 in ids(tracker, walking(10), start=7200.0)[-1]


def test_a_thousand_boxes():
    grid = [(50 * (n % 40), 60 * (n // 40), 0.99 - n / 1e4) for n in range(1000)]
    tracker = Tracker()
    for number in range(4):
        found = tracker.update(frame(*grid), number * STEP)
    assert len(found) == 1000
    assert (found.tracks > 0).sum() == module.MOST
    assert (found.tracks[: module.MOST] > 0).all(), "those with the highest scores"


def test_it_forgets():
    tracker = Tracker()
    for number in range(200):
        tracker.update(frame((500 * (number % 7), 100 * (number % 11))), number * STEP)
        assert len(tracker._tracks) <= 30


def test_empty_boxes():
    flat = Detections(np.array([[5, 5, 5, 5]] * 2, np.float32), np.full(2, 0.99), np.zeros(2, int))
    with np.errstate(all="raise"):
        for number in range(10):
            assert len(Tracker().update(flat, number * STEP)) == 2


def test_a_box_that_is_no_number_spoils_no_other():
    tracker, nan, inf = Tracker(), float("nan"), float("inf")
    boxes = np.array([[nan] * 4, [-inf, 0, inf, inf], [100, 100, 140, 200]], np.float32)
    found = Detections(boxes, np.full(3, 0.9), np.zeros(3, int), ("person",))
    assert [tracker.update(found, second / 10).tracks.tolist()[2] > 0 for second in range(3)] == [False, True, True]


def test_a_new_tracker_knows_nothing():
    assert len(Tracker().predict(5.0)) == 0
    assert Tracker().confirmed() == {}
    assert len(Tracker().update(frame(), 5.0)) == 0


@pytest.mark.parametrize("seed", range(5))
def test_any_frames_at_any_time(seed):
    random = np.random.RandomState(seed)
    tracker, time = Tracker(), 0.0
    with np.errstate(all="raise"):
        for _ in range(30):
            count = random.randint(12)
            corners = np.sort(random.uniform(0, 500, (count, 2, 2)), axis=1).reshape(count, 4)
            found = Detections(corners, random.uniform(0, 1, count), random.randint(2, size=count))
            time += random.choice([0.0, 1e-9, 0.03, 0.2, 3.0, 1e6, -0.1, -1e6])
            tracks = tracker.update(found, time).tracks
            confirmed = tracks[tracks > 0].tolist()
            assert len(set(confirmed)) == len(confirmed)
            shown = tracker.predict(time + random.choice([0.0, 0.1, -5.0]), (500, 400))
            assert set(shown.tracks.tolist()) <= set(tracker.confirmed())
            assert np.isfinite(shown.boxes).all()
            assert (shown.boxes[:, 2:] > shown.boxes[:, :2]).all()
            assert (shown.boxes.min(initial=0), shown.boxes[:, 3].max(initial=0) <= 400) == (0, True)
