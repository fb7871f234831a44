import threading

import pytest
from support.fakes import LIMIT
from support.streams import write_video

from app.errors import SourceError
from tools.bench.replay import DEAD, HANGS, WELL, Replay


@pytest.fixture
def device(tmp_path):
    return Replay(write_video(tmp_path / "video.avi", 3), 1000)


def test_the_video_again_and_again(device):
    playback = device.open()
    levels = []
    for _ in range(7):
        good, image = playback.read()
        assert good
        levels.append(round(float(image.mean()) / 10))
    assert levels == [0, 1, 2, 0, 1, 2, 0]
    assert (device.name, device.fps) == (device._path, 1000)


def test_each_opening_begins_anew(device):
    first, second = device.open(), device.open()
    first.read()
    first.read()
    assert second.read()[1].mean() < 5
    first.release()
    assert first.read() == (False, None)
    assert second.read()[0]


def test_frames_come_at_their_times(device, monkeypatch):
    waits = []
    playback = device.open()
    monkeypatch.setattr(playback._pacer, "wait", lambda: waits.append(True))
    playback.read()
    playback.read()
    assert len(waits) == 2
    device.state = DEAD
    playback.read()
    assert len(waits) == 2, "a stream that has ended fails at once, from which the camera knows it"


def test_one_that_is_dead_and_back(device):
    playback = device.open()
    device.state = DEAD
    assert playback.read() == (False, None)
    with pytest.raises(SourceError, match="dead"):
        device.open()
    device.state = WELL
    assert device.open().read()[0]


@pytest.mark.parametrize("then, good", [(WELL, True), (DEAD, False)])
def test_one_that_hangs(device, then, good):
    playback = device.open()
    device.state = HANGS
    read = []
    reading = threading.Thread(target=lambda: read.append(playback.read()[0]), daemon=True)
    reading.start()
    reading.join(0.05)
    assert reading.is_alive()
    device.state = then
    reading.join(LIMIT)
    assert read == [good]


def test_a_file_that_is_none(tmp_path):
    with pytest.raises(SourceError, match="none.avi"):
        Replay(str(tmp_path / "none.avi"), 10).open()
