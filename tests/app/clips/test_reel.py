import pytest
from support.recorded import Disk, files, frame, times

from app.clips.reel import Reel
from app.clips.ring import Shot


def shot(seconds, size=(16, 8)):
    return Shot(seconds, frame(seconds, size=size).picture.jpeg(), size)


@pytest.fixture
def disk():
    return Disk()


def test_times_count_from_the_first_frame(tmp_path, disk):
    reel = Reel(disk.archive(tmp_path), "yard")
    for seconds in (7.0, 7.125, 9.5):
        assert reel.write(shot(seconds))
    assert reel.began_at == 7.0
    reel.close()
    assert [times(path) for path in files(tmp_path)] == [[0, 0.125, 2.5]]


def test_another_size_begins_another_file(tmp_path, disk):
    reel = Reel(disk.archive(tmp_path), "yard")
    for seconds, size in ((0, (16, 8)), (1, (16, 8)), (2, (8, 16)), (3, (8, 16))):
        reel.write(shot(seconds, size))
    reel.close()
    assert sorted(times(path) for path in files(tmp_path)) == [[0, 1], [0, 1]]
    assert reel.figures()["files"] == 2
    assert reel.figures()["frames"] == 4


def test_frames_at_a_constant_rate(tmp_path, disk):
    reel = Reel(disk.archive(tmp_path), "yard", 25.0)
    for seconds in (0, 100, 300):
        reel.write(shot(seconds))
    reel.close()
    assert times(files(tmp_path)[0]) == [0, 0.04, 0.08]


def test_frames_for_which_there_is_no_room_are_counted_and_said(tmp_path, capsys):
    disk = Disk(100 << 10)
    reel = Reel(disk.archive(tmp_path), "yard")
    assert reel.write(shot(0))
    disk.others = 100 << 10
    assert not reel.write(shot(0.1))
    assert not reel.write(shot(0.2))
    disk.others = 0
    assert reel.write(shot(0.3))
    reel.close()
    assert times(files(tmp_path)[0]) == [0, 0.3]
    assert reel.figures() == {
        "files": 1,
        "frames": 2,
        "left_out": 2,
        "deleted": 0,
        "bytes": files(tmp_path)[0].stat().st_size,
    }
    first, second = capsys.readouterr().err.splitlines()
    assert "--keep-free" in first
    assert second == "yard: recording goes on; 2 frames were left out"


def test_closing_twice(tmp_path, disk):
    archive = disk.archive(tmp_path)
    reel = Reel(archive, "yard")
    reel.close()
    reel.close()
    assert archive.users == 0
