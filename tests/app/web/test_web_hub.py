import numpy as np
import pytest
from support.live import Cameras

from app.sinks.picture import Picture
from app.sinks.recording import MatroskaSink
from app.tracking.events import Event, Sighting
from app.web import events as events_module
from app.web.events import EventLog, around
from app.web.mosaic import PERIOD


def event(kind="appear", **fields):
    return Event(kind, 1.0, Sighting(7, "person", 0, 0.9, [1.0, 2.0, 3.0, 4.0]), **fields)


def image(width=64, height=48):
    return np.zeros((height, width, 3), np.uint8)


def test_a_camera_leaves_its_newest_image_and_copies_nothing():
    cameras = Cameras("door")
    view = cameras.views["door"]
    assert view.picture is None
    frames = [cameras.film("door", labels=["person"]) for _ in range(3)]
    assert view.picture.image is frames[2].image
    assert view.picture.number == 3
    assert view.picture.captured_at == frames[2].captured_at
    assert view.detections.names == ["person"]
    assert frames[2].picture is view.picture


def test_nothing_is_encoded_unless_somebody_asks(tmp_path):
    cameras = Cameras("door", "yard")
    for _ in range(5):
        cameras.film("door", events=[event()])
        cameras.film("yard")
    assert cameras.hub.encoded == 0
    cameras.views["door"].picture.jpeg()
    assert cameras.hub.encoded == 1


def test_a_recording_and_a_viewer_share_an_encoding(tmp_path, monkeypatch):
    cameras = Cameras("door")
    frame = cameras.film("door")
    written = []
    sink = MatroskaSink(str(tmp_path / "a.mkv"), 10.0, live=True)
    monkeypatch.setattr("app.sinks.matroska.MatroskaWriter.write", lambda self, data, time: written.append(data))
    sink.write(frame, frame.image, frame.detections)
    assert written == [cameras.views["door"].picture.jpeg()]
    assert written[0] is cameras.views["door"].picture.jpeg()
    assert cameras.hub.encoded == 1
    sink.write(frame, image(32, 32), frame.detections)  # another canvas than the one that is shared
    assert cameras.hub.encoded == 1
    sink.close()


def test_who_waits_is_woken():
    cameras = Cameras("door")
    woken = []
    cameras.hub.arrived = lambda: woken.append(1)
    cameras.film("door")
    assert woken == []
    cameras.hub.wanted = True
    cameras.film("door")
    cameras.views["door"].idle(image(), "no signal")
    assert len(woken) == 2


def test_an_outage_is_a_picture_of_the_age_of_the_last_frame():
    cameras = Cameras("door")
    frame = cameras.film("door", labels=["person"])
    cameras.clock.sleep(3)
    cameras.views["door"].idle(image(), "no signal")
    assert cameras.views["door"].picture.number == 2
    assert cameras.views["door"].picture.captured_at == frame.captured_at
    assert len(cameras.views["door"].detections) == 0


def test_a_camera_that_is_opened_again_counts_on():
    cameras = Cameras("door", "yard")
    old = cameras.views["door"]
    cameras.film("door")
    new = cameras.views["door"] = cameras.hub.open("door")
    old.close()
    assert list(cameras.hub.views) == ["door", "yard"]
    assert cameras.hub.views["door"] is new
    assert cameras.film("door").picture.number == 2
    new.close()
    new.close()
    assert list(cameras.hub.views) == ["yard"]


@pytest.mark.parametrize(
    "box, left, top, width, height",
    [
        pytest.param((100, 100, 200, 300), 0, 50, 400, 300, id="half as high again as the thing"),
        pytest.param((200, 200, 400, 245), 150, 110, 300, 225, id="or half as wide again"),
        pytest.param((310, 230, 330, 250), 192, 144, 256, 192, id="a small one with what is round it"),
        pytest.param((600, 440, 640, 480), 384, 288, 256, 192, id="in a corner"),
        pytest.param((0, 0, 640, 480), 0, 0, 640, 480, id="all of the image"),
    ],
)
def test_what_the_picture_of_an_event_shows(box, left, top, width, height):
    whole = np.arange(640 * 480, dtype=np.int64).reshape(480, 640)
    part = around(whole, box)
    assert part.shape == (height, width)
    assert part[0, 0] == top * 640 + left


def test_the_picture_of_an_event_in_an_upright_image():
    assert around(image(480, 640), (0, 0, 480, 640)).shape == (640, 480, 3)
    assert around(image(9, 1), (0, 0, 9, 1)).shape == (1, 1, 3)


def test_events_have_numbers_and_small_pictures():
    log = EventLog(lambda: None, lambda: 1700000000.0)
    log.add("door", [event(), event("cross", line="gate", direction="in")], image(640, 480))
    log.add("yard", [event("vanish", seconds=2.0)], image())
    last, records = log.since(0)
    assert last == log.last == 3
    assert [record["id"] for record in records] == [1, 2, 3]
    assert log.find(1).picture is log.find(2).picture
    assert log.find(1).picture.image.shape == (180, 240, 3)
    fields = records[1]
    assert fields["picture"] == "/api/events/2.jpg"
    assert (fields["time"], fields["camera"], fields["line"]) == (1700000000.0, "door", "gate")
    assert [record["id"] for record in log.since(2)[1]] == [3]
    assert log.since(3)[1] == []
    assert len(log.since(4)[1]) == 3  # of a run before this one
    assert log.find(3).camera == "yard"
    assert log.find(4) is None


def test_an_image_of_an_event_is_a_copy():
    log, frame = EventLog(lambda: None), image()
    log.add("door", [event()], frame)
    frame[:] = 255
    assert not log.find(1).picture.image.any()


def test_events_are_bounded(monkeypatch):
    log = EventLog(lambda: None)
    for _ in range(events_module.MOST + 5):
        log.add("door", [event()], image())
    assert [record["id"] for record in log.since(0)[1]][:2] == [6, 7]
    assert log.find(5) is None


def test_the_mosaic_is_drawn_when_asked_and_not_too_often():
    cameras = Cameras("door", "yard", "gate")
    overview = cameras.overview
    assert overview.picture() is None
    cameras.film("door", 200)
    first = overview.picture()
    assert first.number == 1
    assert first.image[first.image.shape[0] // 4, first.image.shape[1] // 4].tolist() == [200, 200, 200]
    cameras.film("yard", 100)
    assert overview.picture() is first
    assert overview.pause() == pytest.approx(PERIOD)
    cameras.clock.sleep(PERIOD)
    assert overview.picture().number == 2
    cameras.clock.sleep(1)
    assert overview.picture().number == 2  # nothing new
    assert overview.ages() == {"door": 1140, "yard": 1140, "gate": None}  # a tenth of a second, PERIOD and 1 s
    assert overview.places() == {"columns": 2, "rows": 2, "cameras": ["door", "yard", "gate"]}


def test_the_mosaic_of_one_camera_is_its_picture():
    cameras = Cameras("door")
    cameras.film("door")
    assert isinstance(cameras.overview.picture(), Picture)
    assert cameras.overview.picture() is cameras.views["door"].picture
