"""Continuous recording by the real command: killed at any moment, on a disk that fills, and with what it shares."""

import json
import shutil
import subprocess
import time

import pytest
from support.disk import fill, small_disk
from support.program import PATIENCE, detect, finish, needs_model, start
from support.recorded import files, times

from app.clips.manifest import NAME
from app.clips.replay import Film

pytestmark = [pytest.mark.slow, needs_model]
SOURCE = "test://160x120@20?live"


def command(folder, *words):
    return ["--cam", SOURCE, "--size", "64", "--no-show", "--offline", "--record", str(folder), *map(str, words)]


def wait(condition, process):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def frames_by_ffprobe(path):
    """How many frames an independent reader finds; -1 if it complains."""
    words = ["-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0"]
    found = subprocess.run(["ffprobe", *words, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return -1 if found.returncode or found.stderr else int(found.stdout.decode().strip().rstrip(","))


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")
def test_every_file_opens_after_kill_9(tmp_path):
    for turn in range(3):
        before = len(files(tmp_path))
        process = start(*command(tmp_path, "--segment", "1s"))
        wait(lambda before=before: len(files(tmp_path)) >= before + 2, process)
        time.sleep(0.13 * turn)
        process.kill()
        process.communicate()
    code, _, err = detect(*command(tmp_path, "--max-frames", "5"))
    assert code == 0, err
    found = files(tmp_path)
    assert len(found) >= 7
    for path in found:
        if path.stat().st_size > 1000:  # the kill may have come between a file's beginning and its first frame
            with Film(str(path)) as film:
                assert 0 <= frames_by_ffprobe(path) - len(film) <= 0, path
    named = {json.loads(line)["file"] for line in (tmp_path / NAME).read_text().splitlines()}
    assert {str(path.relative_to(tmp_path)) for path in found if path.stat().st_size} <= named


def test_recording_goes_on_when_a_full_disk_has_room_again(tmp_path):
    with small_disk(tmp_path / "disk", "8m") as disk:
        (disk / "foreign").write_bytes(b"x" * 1000)
        process = start(*command(disk, "--segment", "1s", "--keep-free", "0"))
        try:
            wait(lambda: len(files(disk)) >= 2, process)
            fill(disk / "filler")
            wait(lambda: len(files(disk)) == 1, process)  # all that is finished gives way; then nothing is left
            fill(disk / "filler2")
            time.sleep(1)
            assert process.poll() is None
            for name in ("filler", "filler2"):
                (disk / name).unlink()
            before = {path: path.stat().st_size for path in files(disk)}
            wait(lambda: {path: path.stat().st_size for path in files(disk)} != before, process)
            wait(lambda: len(files(disk)) >= 3, process)
            process.terminate()
            code, _, err = finish(process)
        finally:
            process.kill()
        assert code == 0, err
        assert (disk / "foreign").read_bytes() == b"x" * 1000
        assert all(times(path) for path in files(disk))


def test_one_jpeg_for_recording_time_lapse_and_save(tmp_path, monkeypatch):
    encoded = []
    from app.sinks import picture

    encode = picture.encode
    monkeypatch.setattr(picture, "encode", lambda image: encoded.append(1) or encode(image))
    words = ["--cam", "test://160x120@25?frames=30", "--size", "64", "--no-show", "--offline"]
    words += ["--record", tmp_path / "all", "--save", tmp_path / "saved.mkv"]
    code, _, err = detect(*words)
    assert code == 0, err
    assert len(encoded) == 30
    with Film(str(tmp_path / "saved.mkv")) as saved, Film(str(files(tmp_path / "all")[0])) as recorded:
        assert list(saved) == list(recorded)
        assert len(recorded) == 30


def test_what_is_wrong_is_one_line(tmp_path):
    (tmp_path / "file").write_text("x")
    code, _, err = detect(*command(tmp_path / "file", "--max-frames", "1"))
    assert (code, len(err.strip().splitlines())) == (5, 1), err
    code, _, err = detect(*command(tmp_path, "--keep", "20"))
    assert code == 2
    assert "a size should be as 500MB, 20GB or 8G" in err


def test_nothing_of_it_is_imported_without_an_option():
    code = "import sys, app.cameras, app.sinks.opening, app.detect; app.config.read_settings([])"
    code += "; print(sorted(name for name in sys.modules if name.startswith('app.clips')))"
    code_, out, err = finish(start(code=code))
    assert code_ == 0, err
    assert out == "['app.clips', 'app.clips.arguments']\n"
