import errno
import os

import numpy as np
import pytest
from support.recorded import NOON, Disk, files, times

from app.clips import archive as archive_module
from app.clips.archive import NotWrittenError, open_archive
from app.clips.arguments import Free
from app.clips.retention import DAY, Limits
from app.errors import OutputError
from app.sinks.picture import encode

KB = 1 << 10
HALF = 1024 - 64  # a JPEG with which a frame takes about a kilobyte


@pytest.fixture(autouse=True)
def all_closed():
    yield
    assert not archive_module._OPEN, "every archive is released"


@pytest.fixture
def disk():
    return Disk()


def record(archive, frames, nbytes=HALF, camera="yard"):
    """A whole file; its name."""
    recording = archive.create(camera, (4, 4))
    for index in range(frames):
        recording.write(b"\xff\xd8\xff" + bytes(nbytes - 3), index / 10)
    recording.close()
    return recording.name


def names(folder):
    return [str(path.relative_to(folder)) for path in files(folder)]


def on_disk(folder):
    return sum(path.stat().st_size for path in files(folder))


def test_a_file_is_named_by_camera_and_time(tmp_path, disk, monkeypatch):
    archive = disk.archive(tmp_path)
    name = record(archive, 3)
    disk.sleep(60)
    record(archive, 3)
    archive.release()
    camera, date, hour = name.split("/")
    assert (camera, len(date), len(hour)) == ("yard", len("2026-11-29"), len("12-00-00.mkv"))
    assert len(files(tmp_path)) == 2
    assert times(tmp_path / name) == [0, 0.1, 0.2]


def test_an_hour_that_comes_twice(tmp_path, disk):
    """The clock is set back, as in autumn: names get numbers, and what was begun first still goes first."""
    archive = disk.archive(tmp_path, Limits(7 * KB + 512))
    first = record(archive, 1)
    disk.wall += 60
    second = record(archive, 1)
    disk.wall -= 60
    third = record(archive, 1)
    disk.wall -= 3600
    fourth = record(archive, 1)
    archive.release()
    assert third == first.replace(".mkv", "-1.mkv")
    assert set(names(tmp_path)) == {second, third, fourth}


def test_the_oldest_go_when_all_take_too_much(tmp_path, disk):
    archive = disk.archive(tmp_path, Limits(20 * KB))
    kept = []
    for index in range(30):
        disk.sleep(60)
        kept.append(record(archive, 1 + index % 4))
        assert archive.taken == on_disk(tmp_path) <= 20 * KB + 200  # and the index at the end of the last
    assert names(tmp_path) == kept[-len(names(tmp_path)) :]
    assert len(names(tmp_path)) > 4
    assert archive.deleted == 30 - len(names(tmp_path))
    archive.release()


def test_a_file_that_is_being_written_is_never_deleted(tmp_path, disk):
    archive = disk.archive(tmp_path, Limits(3 * KB))
    one, two = archive.create("yard", (4, 4)), archive.create("door", (4, 4))
    for index in range(4):
        for recording in (one, two):
            recording.write(bytes(HALF), index)
    one.close()
    two.write(bytes(HALF), 9)
    two.close()
    archive.release()
    assert [name.split("/")[0] for name in names(tmp_path)] == ["door"]


def test_files_of_others_stay(tmp_path, disk):
    archive = disk.archive(tmp_path, Limits(5 * KB))
    name = record(archive, 1)
    place = (tmp_path / name).parent
    (place / "holiday.mkv").write_bytes(bytes(99 * KB))
    (place / "10-00-00.mkv").write_bytes(b"named as ours are")
    (tmp_path / "notes.txt").write_text("x")
    for _ in range(20):
        disk.sleep(1)
        record(archive, 2)
    archive.release()
    assert (place / "holiday.mkv").exists()
    assert (place / "10-00-00.mkv").read_bytes() == b"named as ours are"
    assert (tmp_path / "notes.txt").exists()
    assert not (tmp_path / name).exists()


def test_one_that_has_the_name_wanted_is_not_touched(tmp_path, disk):
    archive = disk.archive(tmp_path)
    name = record(archive, 1)
    archive.release()
    other = tmp_path / "other" / name
    other.parent.mkdir(parents=True)
    other.write_bytes(b"foreign")
    archive = disk.archive(tmp_path / "other")
    assert record(archive, 1) == name.replace(".mkv", "-1.mkv")
    archive.release()
    assert other.read_bytes() == b"foreign"


def test_links_are_not_followed(tmp_path, disk):
    folder, outside = tmp_path / "a", tmp_path / "outside"
    archive = disk.archive(folder, Limits(8 * KB))
    first, second = record(archive, 1, camera="yard"), record(archive, 1, camera="door")
    (folder / first).parent.rename(outside)
    (folder / first).parent.symlink_to(outside)
    precious = tmp_path / "precious"
    precious.write_bytes(b"x")
    (folder / second).unlink()
    (folder / second).symlink_to(precious)
    for _ in range(5):
        disk.sleep(1)
        record(archive, 1, camera="gate")
    archive.release()
    assert (outside / os.path.basename(first)).exists()
    assert precious.exists()


def test_nothing_is_written_where_it_could_not_be_deleted(tmp_path, disk):
    folder, outside = tmp_path / "a", tmp_path / "outside"
    archive = disk.archive(folder, Limits(8 * KB))
    outside.mkdir()
    (folder / "yard").symlink_to(outside)
    with pytest.raises(NotWrittenError, match="yard in it is a link"):
        record(archive, 1, camera="yard")
    assert not list(outside.iterdir())
    record(archive, 1, camera="door")
    archive.release()


def test_one_that_somebody_else_has_deleted(tmp_path, disk):
    archive = disk.archive(tmp_path, Limits(4 * KB))
    (tmp_path / record(archive, 1)).unlink()
    for _ in range(6):
        disk.sleep(1)
        record(archive, 1)
    assert archive.taken == on_disk(tmp_path)
    archive.release()


def test_what_stays_free(tmp_path):
    disk = Disk(size=100 * KB)
    archive = disk.archive(tmp_path, Limits(None, None, Free(0.4, is_share=True)))
    for _ in range(99):
        disk.sleep(1)
        record(archive, 1)
        assert disk.room("").free >= 40 * KB - 200
    assert 50 * KB < archive.taken <= 60 * KB + 200
    disk.others = 50 * KB  # somebody else needs it
    disk.sleep(1)
    record(archive, 1)
    assert archive.taken <= 10 * KB + 200
    archive.release()


def test_a_disk_that_others_have_filled(tmp_path):
    disk = Disk(size=100 * KB)
    archive = disk.archive(tmp_path, Limits(None, None, Free(10 * KB)))
    recording = archive.create("yard", (4, 4))
    recording.write(bytes(HALF), 0)
    disk.others = 95 * KB
    with pytest.raises(NotWrittenError, match="the disk is as full as --keep-free allows"):
        recording.write(bytes(HALF), 0.1)
    with pytest.raises(NotWrittenError, match="--keep-free"):
        archive.create("door", (4, 4))
    disk.others = 0
    recording.write(bytes(HALF), 0.2)
    recording.close()
    archive.release()
    assert recording.frames == 2


def test_recordings_give_way_to_clips(tmp_path):
    """Where the disk gets short: a recording goes although the clips are older."""
    disk = Disk(size=100 * KB)
    limits = Limits(None, None, Free(20 * KB))
    clips, recordings = disk.archive(tmp_path / "clips", limits, 2), disk.archive(tmp_path / "all", limits, 0)
    for _ in range(30):
        record(clips, 1)
    for _ in range(30):
        record(recordings, 1)
    assert len(files(tmp_path / "clips")) == 30
    for _ in range(30):
        record(clips, 1)
    assert len(files(tmp_path / "clips")) == 60
    assert len(files(tmp_path / "all")) < 20
    clips.release()
    recordings.release()


def test_old_ones_go_after_some_days(tmp_path, disk):
    archive = disk.archive(tmp_path, Limits(None, 2.0))
    record(archive, 1)
    disk.sleep(1.5 * DAY)
    record(archive, 1)
    assert len(files(tmp_path)) == 2
    disk.sleep(DAY)
    record(archive, 1)
    assert len(files(tmp_path)) == 2
    disk.wall += 365 * DAY  # set forward, wrongly
    record(archive, 1)
    assert len(files(tmp_path)) == 3
    archive.release()
    disk.wall -= 365 * DAY
    disk.seconds = 5.0  # after a restart, by the time of day
    archive = disk.archive(tmp_path, Limits(None, 2.0))
    assert len(files(tmp_path)) == 3
    archive.release()
    disk.sleep(1.6 * DAY)
    disk.archive(tmp_path, Limits(None, 2.0)).release()
    assert len(files(tmp_path)) == 2


def test_a_smaller_limit_holds_at_once(tmp_path, disk):
    archive = disk.archive(tmp_path)
    kept = [record(archive, 1) for _ in range(9)]
    archive.release()
    disk.archive(tmp_path, Limits(4 * KB)).release()
    assert set(names(tmp_path)) < set(kept)
    assert 0 < on_disk(tmp_path) <= 4 * KB


def test_cameras_share_an_archive(tmp_path, disk):
    one, two = disk.archive(tmp_path), disk.archive(tmp_path / ".." / tmp_path.name)
    assert one is two
    one.release()
    record(two, 1)
    two.release()
    disk.archive(tmp_path).release()


def test_a_file_without_frames_does_not_stay(tmp_path, disk):
    archive = disk.archive(tmp_path)
    archive.create("yard", (4, 4)).close()
    assert (archive.taken, archive.deleted, files(tmp_path)) == (0, 0, [])
    archive.release()


class Failing:
    """A file that fails when it is told to."""

    error = None

    def __init__(self, file):
        self._file = file

    def __getattr__(self, name):
        return getattr(self._file, name)

    def write(self, data):
        if Failing.error is not None:
            raise OSError(Failing.error, os.strerror(Failing.error))
        return self._file.write(data)


@pytest.fixture
def failing(monkeypatch):
    Failing.error = None
    writer = archive_module.MatroskaWriter
    monkeypatch.setattr(archive_module, "MatroskaWriter", lambda file, *rest: writer(Failing(file), *rest))
    return Failing


def test_a_full_disk_makes_old_files_go_and_then_leaves_frames_out(tmp_path, disk, failing, monkeypatch):
    archive = disk.archive(tmp_path)
    for _ in range(3):
        record(archive, 1)
    recording = archive.create("yard", (4, 4))
    recording.write(bytes(HALF), 0)
    failing.error = errno.ENOSPC
    remove = os.remove

    def removing(path):
        remove(path)
        if len(files(tmp_path)) == 2:  # then there is room
            failing.error = None

    monkeypatch.setattr(os, "remove", removing)
    recording.write(bytes(HALF), 0.1)
    assert len(files(tmp_path)) == 2
    failing.error = errno.ENOSPC
    monkeypatch.setattr(os, "remove", remove)
    with pytest.raises(NotWrittenError, match="the disk is full, and there is nothing left to delete"):
        recording.write(bytes(HALF), 0.2)
    assert names(tmp_path) == [recording.name]
    failing.error = None
    recording.write(bytes(HALF), 0.3)
    recording.close()
    archive.release()
    assert recording.frames == 3


def test_a_disk_that_fails_is_tried_again(tmp_path, disk, failing):
    archive = disk.archive(tmp_path)
    recording = archive.create("yard", (4, 4))
    recording.write(b"\xff\xd8\xff", 0)
    failing.error = errno.EIO
    with pytest.raises(NotWrittenError, match="Input/output error"):
        recording.write(bytes(HALF), 0.1)
    assert recording.is_full, "and so the next frame goes to another file"
    recording.close()
    failing.error = None
    with pytest.raises(NotWrittenError, match="cannot be written to"):
        archive.create("yard", (4, 4))
    disk.sleep(6)
    record(archive, 1)
    archive.release()
    assert len(files(tmp_path)) == 2
    assert times(tmp_path / recording.name) == [0]


@pytest.mark.parametrize("broken", ["truncate", "close"])
def test_a_disk_that_fails_at_the_end_costs_the_end(tmp_path, disk, broken, monkeypatch, capsys):
    archive = disk.archive(tmp_path)
    recording = archive.create("yard", (4, 4))
    recording.write(b"\xff\xd8\xff", 0)

    class Broken(Failing):
        def fail(self, *_):
            self._file.close()
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    file = Broken(recording._file)
    setattr(file, broken, file.fail)
    recording._file = recording._writer._file = file
    recording.close()
    assert "its end is missing, and its frames are there: Input/output error" in capsys.readouterr().err
    assert times(tmp_path / recording.name) == [0]
    assert archive.delete_oldest(), "it is finished, and may go"
    archive.release()


def test_no_room_for_the_beginning(tmp_path, disk, failing):
    archive = disk.archive(tmp_path)
    failing.error = errno.ENOSPC
    with pytest.raises(NotWrittenError, match="full"):
        archive.create("yard", (4, 4))
    assert files(tmp_path) == []
    failing.error = None
    record(archive, 1)
    archive.release()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError):
        open_archive(str(tmp_path), Limits())


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "x").write_text("x")
    with pytest.raises(OutputError, match="cannot create it"):
        open_archive(str(tmp_path / "x"), Limits())


def test_times_of_names_are_those_of_the_first_frame(tmp_path, disk):
    archive = disk.archive(tmp_path)
    recording = archive.create("yard", (4, 4), age=5.0)
    recording.write(encode(np.zeros((4, 4, 3), np.uint8)), 0)
    recording.close()
    archive.release()
    archive = disk.archive(tmp_path)
    (entry,) = archive.manifest.entries.values()
    assert entry.start == NOON - 5
    archive.release()
