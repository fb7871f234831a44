import pytest

from app.timing.summary import summary


def figures(count=2, real=10.0, configured=None, shape=(64, 96), **others):
    fields = {"frames": count, "dropped": 0, "undecoded": 0, "sink_dropped": 0, "reconnects": 0, "duration_s": 1.0}
    fields.update(fps={"real": real, "configured": configured}, latency_ms={"p50": 20.0, "p95": 40.0}, stages_ms={})
    fields.update(detections={"count": count, "by_label": {"car": count}}, input=shape, **others)
    return fields


def run(**fields):
    return figures(model="small", backend="fake", **fields)


@pytest.mark.parametrize(
    "count, phrases", [(1, ["1 frame in", "1 reconnection\n", "1 detection:"]), (2, ["2 frames", "2 reconnections"])]
)
def test_it_counts_in_english(count, phrases):
    text = summary(dict(run(count=count), reconnects=count))
    assert all(phrase in text for phrase in phrases)


def test_one_camera_is_four_lines():
    assert summary(run()).splitlines() == [
        "2 frames in 1.0 s, 10.0 FPS, 0 dropped",
        "ms per frame: ; latency p50 20.0, p95 40.0",
        "2 detections: 2 car",
        "small at 96x64 on fake",
    ]


@pytest.mark.parametrize("real, told", [(9.9, False), (9.7, True), (None, False)])
def test_a_rate_that_is_not_reached(real, told):
    text = summary(run(real=real, configured=10.0))
    assert "of 10 configured" in text
    assert ("not reached" in text) is told


def test_before_the_first_frame():
    assert summary(run(count=0)) == "stopped before the first frame"


def test_several_cameras_have_a_line_each():
    cameras = {
        "front": dict(figures(configured=10.0), dropped=3),
        "yard": figures(count=1, real=None, shape=(32, 64)),
        "door": figures(count=0, real=None, shape=None),
    }
    assert summary(run(count=3, shape=None, cameras=cameras)).splitlines() == [
        "3 frames in 1.0 s, 10.0 FPS, 0 dropped",
        "  front: 2 frames at 96x64, 10.0 FPS of 10 configured, 3 dropped, latency p95 40.0 ms, 2 detections",
        "  yard: 1 frame at 64x32, too short for a rate, 0 dropped, latency p95 40.0 ms, 1 detection",
        "  door: no frame",
        "ms per frame: ; latency p50 20.0, p95 40.0",
        "3 detections: 3 car",
        "small on fake",
    ]


def test_what_was_tracked_is_one_line():
    door = {"in": {"person": 2, "dog": 1}, "out": {}}
    yard = {"entered": {"person": 4}, "inside": 1, "mean_stay_s": 2.0}
    fields = run(tracks=1, lines={"door": door}, zones={"yard": yard})
    assert summary(fields).splitlines()[3] == "1 track; door: 3 in, 0 out; yard: 4 entered"
    cameras = {"a": figures(tracks=2, lines={"door": door}, zones={}), "b": figures(tracks=3, lines={}, zones={})}
    cameras["c"] = figures()
    fields = run(tracks=5, cameras=cameras)
    assert "5 tracks; a door: 3 in, 0 out" in summary(fields).splitlines()


def test_events_and_what_was_told_of_them_are_one_line():
    events = {"count": 1, "held_back": 0, "lost_changes": 0, "lost_pictures": 0}
    assert summary(run(events=events)).splitlines()[3] == "1 event"
    events = {"count": 5, "held_back": 2, "lost_changes": 1, "lost_pictures": 2}
    messages = {
        "mqtt": {"sent": 9, "retried": 0, "given_up": 0, "waiting": 0},
        "webhook:0": {"sent": 3, "retried": 4, "given_up": 1, "waiting": 7},
    }
    fields = run(events=events, messages=messages, clips={"files": 3})
    assert summary(fields).splitlines()[3] == (
        "5 events; 2 held back; 3 clips; mqtt: 9 sent; webhook:0: 3 sent, 4 retried, 1 given up, "
        "7 wait for the next start; 1 change and 2 pictures lost, as the disk failed"
    )
