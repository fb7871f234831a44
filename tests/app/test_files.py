import os
import stat

import pytest
from support.video import room_for

from app.errors import OutputError, UsageError
from app.files import (
    check_writable,
    numbered,
    opencv_path,
    reject_overwrites,
    remove_unfinished,
    without_stderr,
    write_file,
)


@pytest.mark.parametrize(
    "report, picture, phrase",
    [
        pytest.param("clip.mp4", None, "--report clip.mp4: would overwrite clip.mp4", id="an input"),
        pytest.param("./clip.mp4", None, "--report ./clip.mp4: would overwrite clip.mp4", id="in another spelling"),
        pytest.param("link.mp4", None, "--report link.mp4: would overwrite clip.mp4", id="through a link"),
        pytest.param("hard.mp4", None, "--report hard.mp4: would overwrite clip.mp4", id="through a hard link"),
        pytest.param("linked/clip.mp4", None, "would overwrite clip.mp4", id="through a link to its folder"),
        pytest.param("linked/new", "new", "--picture new: would overwrite linked/new", id="a new one, twice"),
        pytest.param("absent.onnx", None, "would overwrite absent.onnx", id="an input that does not exist yet"),
        pytest.param("new", "new", "--picture new: would overwrite new", id="the other output"),
        pytest.param("new", "newer", None, id="neither"),
        pytest.param("-", "-", None, id="standard output"),
        pytest.param("pipe", "pipe", None, id="a pipe takes both"),
        pytest.param("folder", None, None, id="a folder"),
        pytest.param(None, "", None, id="no output"),
    ],
)
def test_reject_overwrites(tmp_path, monkeypatch, report, picture, phrase):
    monkeypatch.chdir(str(tmp_path))
    (tmp_path / "clip.mp4").write_text("")
    (tmp_path / "folder").mkdir()
    os.symlink("clip.mp4", "link.mp4")
    os.link("clip.mp4", "hard.mp4")
    os.symlink(".", "linked")
    os.mkfifo("pipe")
    outputs, inputs = (("--report", report), ("--picture", picture)), ["clip.mp4", "absent.onnx", "folder", "pipe"]
    if phrase is None:
        reject_overwrites(outputs, inputs)
    else:
        with pytest.raises(UsageError, match=phrase + "; choose another name"):
            reject_overwrites(outputs, inputs)


@pytest.mark.parametrize("failure", [None, KeyError], ids=["after a normal end", "after an exception"])
def test_without_stderr(capfd, failure):
    try:
        with without_stderr():
            os.write(2, b"lost")
            if failure:
                raise failure
    except KeyError:
        pass
    os.write(2, b"kept")
    assert capfd.readouterr() == ("", "kept")


@pytest.mark.parametrize(
    "path, phrase",
    [
        pytest.param("absent/report.json", "mkdir -p", id="no such folder"),
        pytest.param(".", "is a folder", id="a folder"),
        pytest.param("file/report.json", "no folder", id="a file for a folder"),
        pytest.param("n" * 256, "too long; it may have 255 bytes", id="a long name"),
        pytest.param("\u00e9" * 128, "too long", id="a name of few letters and many bytes"),
        pytest.param("", "needs a name", id="no name"),
    ],
)
def test_check_writable_refuses(tmp_path, path, phrase):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=phrase):
        check_writable(path and str(tmp_path / path))


def test_check_writable_makes_and_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(str(tmp_path))
    (tmp_path / "old").write_text("old")
    check_writable("new")
    check_writable("old")
    assert os.listdir(str(tmp_path)) == ["old"]
    assert (tmp_path / "old").read_text() == "old"


def test_write_file_replaces(tmp_path):
    path = tmp_path / "report.json"
    path.write_text("something older and longer")
    write_file(str(path), b"new")
    assert path.read_bytes() == b"new"
    assert os.listdir(str(tmp_path)) == ["report.json"]


NAMES = ["12:31:00", "%03d", "50%", "[1]", "7up", "-dash", ".dot", "two words", "caf\u00e9", "a#b?c=d&e", "line\nbreak"]
NAMES += ["n" * 250, "\u00e9" * 125, "\u6f22" * 83]


@pytest.mark.parametrize("name", NAMES)
def test_write_file_takes_every_name(tmp_path, monkeypatch, name):
    monkeypatch.chdir(str(tmp_path))
    name += ".json"
    for data in (b"old", b"new"):
        check_writable(name)
        write_file(name, data)
    assert (tmp_path / name).read_bytes() == b"new"
    assert os.listdir(str(tmp_path)) == [name]


def test_what_a_killed_write_leaves_is_removed_and_nothing_else(tmp_path, monkeypatch):
    """What has the form of a kill runs no code of ours after it."""

    def killed(*args):
        monkeypatch.setattr(os.path, "exists", lambda path: False)  # nor the clean-up
        raise KeyboardInterrupt

    path = str(tmp_path / "efficientnet_lite0_of_mine.onnx")
    write_file(path, b"old")
    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        write_file(path, b"new")
    monkeypatch.undo()
    (left,) = set(os.listdir(str(tmp_path))) - {os.path.basename(path)}
    others = {".efficientnet_lite0", ".efficientnet_lite0_of_m.notes", ".other.onnx.abcdefgh", left[1:], left + ".x"}
    for name in others:
        (tmp_path / name).write_bytes(b"")
    remove_unfinished(path)
    assert set(os.listdir(str(tmp_path))) == others | {os.path.basename(path)}
    remove_unfinished(str(tmp_path / "nowhere" / "a.onnx"))


@pytest.mark.parametrize(
    "path, number, expected",
    [
        pytest.param("a/b.c.mkv", 1, "a/b.c-1.mkv", id="a suffix"),
        pytest.param("a.b/c", 12, "a.b/c-12", id="no suffix"),
        pytest.param("a/" + "n" * 251 + ".mkv", 10, "a/" + "n" * 248 + "-10.mkv", id="a long name"),
        pytest.param("\u00e9" * 125 + ".mkv", 100, "\u00e9" * 123 + "-100.mkv", id="whole letters"),
    ],
)
def test_numbered(path, number, expected):
    assert numbered(path, number) == expected
    assert len(os.fsencode(os.path.basename(expected))) <= 255


@pytest.mark.parametrize("name", ["12:31:00.mp4", "%03d.mp4", "caf\u00e9.mp4", "file:x"])
def test_opencv_path_is_absolute(tmp_path, monkeypatch, name):
    monkeypatch.chdir(str(tmp_path))
    assert opencv_path(name) == os.path.join(os.getcwd(), name)


def test_opencv_path_that_is_not_utf8():
    with pytest.raises(ValueError, match="not UTF-8; rename it"):
        opencv_path("caf\udce9.mp4")


def test_write_file_has_ordinary_permissions(tmp_path):
    before = os.umask(0o027)
    try:
        write_file(str(tmp_path / "new"), b"")
        assert os.umask(0o027) == 0o027, "the umask is left as it was"
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(str(tmp_path / "new")).st_mode) == 0o640


@pytest.mark.parametrize("path", ["absent/file", "folder"], ids=["no such folder", "a folder"])
def test_write_file_that_fails_leaves_nothing(tmp_path, path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        write_file(str(tmp_path / path), b"data")
    assert os.listdir(str(tmp_path)) == ["folder"]


def test_write_file_that_runs_out_of_space_keeps_the_old_file(tmp_path):
    path = tmp_path / "report.json"
    path.write_text("old")
    with room_for(1 << 16), pytest.raises(OutputError, match="cannot be written"):
        write_file(str(path), bytes(1 << 17))
    assert path.read_text() == "old"
    assert os.listdir(str(tmp_path)) == ["report.json"]


def test_write_file_never_replaces_a_device(tmp_path):
    """`--report /dev/null` as root must not turn /dev/null into a file. A pipe stands for the device."""
    path = str(tmp_path / "pipe")
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_file(path, b"data")
    except OutputError:
        pass
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(os.stat(path).st_mode)
