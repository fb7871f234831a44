"""What becomes of what an earlier run has left at the broker."""

from support.fakes import FakeClock

from app.notify.camera import CameraState
from app.notify.leftovers import Leftovers
from app.notify.retained import Retained

ROOT = "nanoyolo/nano"


def values(retained):
    return {topic: value.payload for topic, value in retained.take(5000, (), (0, 1)).items()}


def test_of_a_camera_that_is_there_at_once_and_of_others_when_all_is_known():
    clock, retained = FakeClock(), Retained()
    camera = CameraState("yard", retained, ROOT)
    leftovers = Leftovers(ROOT, retained, lambda: [camera], clock.now)
    assert not leftovers.settle()
    leftovers.begin()
    for topic in ("yard/status", "yard/person", "gone/status", "gone/person", "gone/zones/drive/person"):
        leftovers.take(ROOT + "/" + topic)
    assert values(retained) == {ROOT + "/yard/status": b"offline", ROOT + "/yard/person": b"0"}
    assert not leftovers.settle()
    clock.time += 3
    assert leftovers.settle()
    assert values(retained) == {
        ROOT + "/gone/status": b"offline", ROOT + "/gone/person": b"", ROOT + "/gone/zones/drive/person": b"",
    }  # fmt: skip
    assert not leftovers.settle()


def test_a_camera_that_comes_in_the_meantime_is_not_touched():
    clock, retained, cameras = FakeClock(), Retained(), []
    leftovers = Leftovers(ROOT, retained, lambda: cameras, clock.now)
    leftovers.begin()
    leftovers.take(ROOT + "/yard/status")
    cameras.append(CameraState("yard", retained, ROOT))
    retained.set(ROOT + "/yard/status", b"online")
    clock.time += 3
    assert leftovers.settle()
    assert values(retained) == {ROOT + "/yard/status": b"online"}


def test_a_broker_that_keeps_far_too_much():
    clock, retained = FakeClock(), Retained()
    leftovers = Leftovers(ROOT, retained, lambda: [], clock.now)
    leftovers.begin()
    for number in range(1500):
        leftovers.take("%s/gone/%d" % (ROOT, number))
    clock.time += 3
    assert leftovers.settle()
    assert len(values(retained)) == 1000
