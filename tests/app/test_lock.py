import errno
import fcntl
import os
import signal
import subprocess

import cv2
import pytest
from support.program import MODEL, finish, needs_model, start
from support.video import picture, play, write

from app.errors import OutputError
from app.files import check_writable
from app.frame import Source
from app.lock import check_unlocked, lock_folder, open_locked
from app.sinks.jsonl import JsonLinesSink
from app.sinks.recording import open_recording
from app.sinks.stills import ImageSink

REFUSED = "another program is writing to it; name another "


def test_a_locked_file_is_refused_and_left_as_it_is(tmp_path):
    """A second descriptor stands for a second program: a lock belongs to the open file."""
    path = str(tmp_path / "out")
    with open_locked(path) as file:
        file.write(b"first")
        for attempt in (open_locked, check_unlocked, check_writable, lambda path: open_locked(path, append=True)):
            with pytest.raises(OutputError, match="out: " + REFUSED + "file"):
                attempt(path)
    with open(path, "rb") as file:
        assert file.read() == b"first"
    check_unlocked(path)
    with open_locked(path, append=True) as file:
        file.write(b" and second")
    assert (tmp_path / "out").read_bytes() == b"first and second"
    open_locked(path).close()
    assert (tmp_path / "out").read_bytes() == b""


def test_a_locked_folder_is_refused(tmp_path):
    number = lock_folder(str(tmp_path))
    for attempt in (lock_folder, check_unlocked):
        with pytest.raises(OutputError, match=REFUSED + "folder"):
            attempt(str(tmp_path))
    os.close(number)
    os.close(lock_folder(str(tmp_path)))


def test_a_file_that_is_appended_to_may_be_emptied_by_others(tmp_path):
    """As by logrotate's copytruncate."""
    path = tmp_path / "out"
    with open_locked(str(path), append=True) as file:
        file.write(b"older")
        path.write_bytes(b"")
        file.write(b"new")
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("path", ["absent/out", "."])
def test_what_cannot_be_opened(tmp_path, path):
    with pytest.raises(OutputError, match="cannot write to it"):
        open_locked(str(tmp_path / path))


def test_pipes_and_devices_have_no_lock(tmp_path):
    path = str(tmp_path / "pipe")
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with open_locked(path), open_locked(path) as second:
            check_unlocked(path)
            second.write(b"data")
    finally:
        os.close(reader)
    with open_locked(os.devnull), open_locked(os.devnull):
        check_unlocked("absent")


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks(tmp_path, monkeypatch, number):
    def flock(descriptor, kind):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    path = str(tmp_path / "out")
    with open_locked(path) as file:
        file.write(b"data")
        check_unlocked(path)
    assert (tmp_path / "out").read_bytes() == b"data"


def test_a_file_that_is_removed_while_it_is_being_locked(tmp_path, monkeypatch):
    """The other program removed its empty file between our opening and our lock: we must not write to a ghost."""
    path, calls = tmp_path / "out", []

    def flock(descriptor, kind):
        calls.append(descriptor)
        if len(calls) == 1:
            path.unlink()

    monkeypatch.setattr(fcntl, "flock", flock)
    with open_locked(str(path)) as file:
        file.write(b"data")
    assert path.read_bytes() == b"data"
    assert len(calls) == 2


def test_a_check_that_lasts_a_moment_refuses_nobody(tmp_path, monkeypatch):
    """Another program's `check_unlocked` is a lock as well."""
    calls, flock = [], fcntl.flock

    def held_once(descriptor, kind):
        calls.append(descriptor)
        if len(calls) == 1:
            raise BlockingIOError(errno.EWOULDBLOCK, "held")
        flock(descriptor, kind)

    monkeypatch.setattr(fcntl, "flock", held_once)
    with open_locked(str(tmp_path / "out")):
        assert len(calls) == 2


def sink(kind, path, keep=False):
    """The sink of an output."""
    if kind == ".jsonl":
        return JsonLinesSink(path, append=keep)
    if kind == "/":
        return ImageSink(path)
    source = Source()
    source.fps, source.live = 25.0, False
    return open_recording(path, source, keep=keep)


@pytest.mark.parametrize("kind", [".jsonl", ".mkv", ".mp4", ".avi", "/"])
def test_the_second_of_two_outputs_is_refused(tmp_path, kind):
    path = str(tmp_path / ("out" + kind))
    early = sink(kind, path)  # while nothing is there yet
    with sink(kind, path) as first:
        write(first, picture(50), 0, "a.png")
        before = {name: os.stat(str(tmp_path / name)).st_size for name in os.listdir(str(tmp_path))}
        with pytest.raises(OutputError, match=REFUSED):
            sink(kind, path)  # at the start
        with pytest.raises(OutputError, match=REFUSED):
            write(early, picture(150), 0, "b.png")
        early.close()
        assert not (tmp_path / "out" / "b.png").exists()
        assert {name: os.stat(str(tmp_path / name)).st_size for name in os.listdir(str(tmp_path))} == before
        write(first, picture(50), 1, "c.png")
    if kind in (".mkv", ".mp4", ".avi"):
        assert len(play(path)[0]) == 2
    with sink(kind, path) as next_one:
        write(next_one, picture(150), 0, "a.png")


def test_recordings_that_are_kept_take_a_name_that_is_free(tmp_path):
    """As those of two services that record to one name."""
    path = str(tmp_path / "out.mkv")
    with sink(".mkv", path, keep=True) as first, sink(".mkv", path, keep=True) as second:
        write(first, picture(50), 0)
        write(second, picture(150), 0)
    assert sorted(os.listdir(str(tmp_path))) == ["out-1.mkv", "out.mkv"]


HOLD = "import sys; from app.lock import *; file = {}; print('held', flush=True); sys.stdin.read()"
WAYS = [
    pytest.param("open_locked('{}')", "found.jsonl", "--jsonl", id="JSON lines"),
    pytest.param("open_locked('{}')", "out.mkv", "--save", id="mkv"),
    pytest.param("open_locked('{}')", "out.mp4", "--save", id="mp4"),
    pytest.param("lock_folder('{}')", "folder", "--save", id="a folder"),
]


@pytest.mark.slow
@needs_model
@pytest.mark.parametrize("call, name, option", WAYS)
def test_two_processes(tmp_path, call, name, option):
    """The second is refused with one line; a lock ends with its process, also when that is killed."""
    path = tmp_path / name
    images = tmp_path / "images"
    images.mkdir()
    cv2.imwrite(str(images / "a.png"), picture(100))
    if name == "folder":
        path.mkdir()
    holder = start(code=HOLD.format(call.format(path)), stdin=subprocess.PIPE)
    command = ["--cam", images, "--model", MODEL, "--size", "64", "--no-show", option, path]
    try:
        assert holder.stdout.readline() == "held\n"
        code, _, err = finish(start(*command))
        assert (code, len(err.splitlines())) == (5, 1)
        assert "{}: {}".format(path, REFUSED) in err
        assert [str(one) for one in images.iterdir()] == [str(images / "a.png")]
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        code, _, err = finish(start(*command))
        assert code == 0, err
    finally:
        finish(holder)


@pytest.mark.slow
@pytest.mark.parametrize(
    "call, module, args",
    [
        pytest.param("open_locked('{}/measurements.jsonl', append=True)", "tools.sweep", ["--cam", "0"], id="a sweep"),
        pytest.param("lock_folder('{}')", "tools.train", ["report_fast"], id="a training"),
    ],
)
def test_two_processes_in_one_run(tmp_path, call, module, args):
    """The second is refused before it opens a camera or reads the data."""
    if module == "tools.train":
        pytest.importorskip("keras", "3")
        pytest.importorskip("matplotlib")
    holder = start(code=HOLD.format(call.format(tmp_path)), stdin=subprocess.PIPE)
    try:
        assert holder.stdout.readline() == "held\n"
        before = os.listdir(str(tmp_path))
        code, _, err = finish(start(*args, "--run", tmp_path, module=module))
        assert code == 5, err
        assert "another program is writing to it; name another --run, or wait until it ends" in err.splitlines()[-1]
        assert os.listdir(str(tmp_path)) == before
    finally:
        finish(holder)
