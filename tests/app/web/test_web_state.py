import pytest
from support.live import Cameras

from app.errors import SourceError


def test_the_state_of_a_camera():
    cameras = Cameras("door")
    for _ in range(5):
        cameras.film("door", labels=["person", "person", "dog"])
        cameras.clock.sleep(0.1)
    fields = cameras.state.state()
    assert fields["version"] == 1
    assert (fields["model"], fields["backend"], fields["workers"]) == ("small", "fake", 1)
    assert (fields["jpegs"], fields["last_event"], fields["viewers"]) == (0, 0, {"page": 0, "stream": 0})
    door = fields["cameras"]["door"]
    assert (door["condition"], door["reason"], door["live"]) == ("live", None, True)
    assert door["fps"]["real"] == pytest.approx(10)
    assert door["fps"]["configured"] is None
    assert door["latency_ms"] == {"p50": 100.0, "p95": 100.0}
    assert door["age_ms"] == 200  # a tenth of a second when it was done, and another since
    assert (door["frame"], door["size"], door["frames"], door["dropped"]) == (5, [64, 48], 5, 0)
    assert door["seen"] == {"person": 2, "dog": 1}
    assert "lines" not in door


def test_conditions():
    cameras = Cameras("door", "yard", "gate")
    assert cameras.state.health() == (
        False,
        {"healthy": False, "cameras": {"door": "starting", "yard": "starting", "gate": "starting"}},
    )
    for name in cameras.channels:
        cameras.film(name)
    assert cameras.state.health()[0]
    cameras.clock.sleep(10)
    cameras.film("yard")
    cameras.film("gate")
    assert cameras.state.health() == (
        False,
        {"healthy": False, "cameras": {"door": "silent", "yard": "live", "gate": "live"}},
    )
    assert cameras.state.state()["cameras"]["door"]["fps"]["real"] == 0
    cameras.film("door")
    cameras.channels["yard"].source.outage = "no signal"
    cameras.channels["gate"].failure = SourceError("gone for good")
    found = cameras.state.state()["cameras"]
    assert (found["yard"]["condition"], found["yard"]["reason"]) == ("outage", "no signal")
    assert (found["gate"]["condition"], found["gate"]["reason"]) == ("failed", "gone for good")


def test_a_camera_that_has_had_all_its_frames_is_well():
    cameras = Cameras("door")
    cameras.film("door")
    cameras.clock.sleep(100)
    cameras.channels["door"].source.ended = True
    assert cameras.state.health() == (True, {"healthy": True, "cameras": {"door": "ended"}})


def test_no_cameras_is_not_healthy():
    assert not Cameras().state.health()[0]


def test_events():
    cameras = Cameras("door")
    assert cameras.state.events(0) == {"version": 1, "last": 0, "events": []}


def test_the_report_is_that_of_the_run():
    assert Cameras("door").state.report() == {"kind": "detect", "frames": 3}
