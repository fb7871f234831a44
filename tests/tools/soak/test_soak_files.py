"""That the soak of damaged files finds what it is there to find, and that the readers pass it."""

import json
import os
import sys

import pytest
from support.fakes import LIMIT

from tools.soak.__main__ import main
from tools.soak.files import worker as worker_module
from tools.soak.files.damage import damaged
from tools.soak.files.oracles import Verdict, missing
from tools.soak.files.originals import KINDS, make_originals
from tools.soak.files.run import Job, judge, read_all
from tools.soak.files.verdict import DIFFERENCES, FAILURES, File, findings
from tools.soak.files.worker import Ours, Theirs, Worker, reading_command
from tools.soak.program import ROOT

TRACEBACK, SLOW, FALSE_ALARM, SILENCE, BACKWARDS = FAILURES
CRASH, ONLY_US, ONLY_ORACLE, MORE, FEWER, THAN_BEFORE = DIFFERENCES
DEVICE = os.path.join(ROOT, ".venv36", "bin", "python")
without = pytest.mark.skipif(
    bool(missing("picture") or missing("film")), reason="{} is not installed".format(missing("picture") or "ffprobe")
)
WHOLE = Verdict(True, 40)
LOST = "warning: film.mp4: 2 of 40 frames cannot be decoded and are left out"


def film(oracle=WHOLE, kind="film", opencv=40, **ours):
    return File("mp4:1", "", kind, Ours(**{"frames": 40, **ours}), Theirs(opencv, silent=False), oracle, 40)


@pytest.mark.parametrize(
    "file, expected",
    [
        pytest.param(film(), [], id="whole"),
        pytest.param(film(bug="Traceback"), [TRACEBACK], id="traceback"),
        pytest.param(film(seconds=5.1), [SLOW], id="slow"),
        pytest.param(film(backwards=True), [BACKWARDS], id="backwards"),
        pytest.param(film(undecoded=2), [FALSE_ALARM], id="undecoded, of a whole film"),
        pytest.param(film(error="damaged", frames=0), [FALSE_ALARM], id="a whole film is refused"),
        pytest.param(film(told=LOST), [FALSE_ALARM], id="a warning of a whole film"),
        pytest.param(film(frames=38), [SILENCE, THAN_BEFORE], id="two are lost"),
        pytest.param(film(Verdict(False, 40, "x"), frames=38, told=LOST), [], id="two are lost, and it is told"),
        pytest.param(film(frames=38, told=LOST, opencv=38), [ONLY_US], id="OpenCV does not read it either"),
        pytest.param(film(Verdict(True, 38), opencv=38, frames=38, told=LOST), [ONLY_US], id="the oracle says nothing"),
        pytest.param(film(Verdict(False, 40, "concealed")), [ONLY_ORACLE], id="concealed"),
        pytest.param(film(Verdict(False, 30, "x")), [ONLY_ORACLE, MORE], id="more than the oracle's"),
        pytest.param(film(crashed="SIGSEGV", frames=0), [CRASH], id="crash"),
        pytest.param(film(None, frames=0, error="x"), [], id="no oracle"),
        pytest.param(film(kind="stream", error="the stream ended", told="warning: x"), [], id="a stream ends"),
        pytest.param(film(kind="stream", frames=39, error="the stream ended"), [FEWER], id="a stream's last image"),
        pytest.param(film(kind="stream", undecoded=1), [FALSE_ALARM], id="undecoded, of a whole stream"),
    ],
)
def test_what_is_found(file, expected):
    assert sorted(findings(file)) == sorted(expected)


def test_a_picture_is_whole_only_if_opencv_prints_nothing():
    refused = Ours(error="damaged")
    for silent, expected in ((True, [FALSE_ALARM]), (False, [ONLY_US])):
        file = File("jpeg:1", "", "picture", refused, Theirs(1, silent), Verdict(True, 1), 1)
        assert findings(file) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_follows_from_its_seed(kind):
    originals = [b"abc" * 1000, bytes(range(256)) * 20]
    files = [damaged(originals, kind, seed) for seed in range(200)]
    assert files == [damaged(originals, kind, seed) for seed in range(200)]
    assert len(set(files)) > 150
    acts = " ".join(what for _, what in files)
    assert all(act in acts for act in ("flipped", "cut", "zeroed", "inserted", "whole"))
    assert all((data in originals) == what.endswith("whole") for data, what in files if "zeroed" not in what)


@without
@pytest.mark.parametrize("kind", KINDS)
def test_whole_files_are_whole_to_all(tmp_path, monkeypatch, kind):
    monkeypatch.setattr("tools.soak.files.run.damaged", lambda originals, kind, seed: (originals[seed], "whole"))
    jobs = [Job(kind, number) for number in range(len(make_originals(kind)))]
    for file in read_all(jobs, str(tmp_path), reading_command(None)):
        assert file.oracle.whole, file
        assert findings(file) == [], file
        assert file.ours.frames == file.before


def broken(tmp_path, lines):
    """A command that reads files with a program that these lines break."""
    script = tmp_path / "broken.py"
    script.write_text("import sys\nsys.path.insert(0, {!r})\n{}\n".format(ROOT, lines) + READ)
    return [sys.executable, str(script)]


READ = "from tools.soak.files.reading import main\nmain()\n"
FRAMES = """
from app.sources.film import Film
original = Film.read
def read(self):
    for number, frame in enumerate(original(self)):
        {}
Film.read = read
"""
PICTURE = """
import os, signal, time
from app.errors import SourceError
from app.sources import pictures
def read_picture(path, most_pixels):
    {}
pictures.read_picture = read_picture
"""


@without
@pytest.mark.parametrize(
    "kind, lines, expected",
    [
        ("avi", FRAMES.format("if number % 7: yield frame"), {SILENCE}),
        ("avi", FRAMES.format("frame.time = -frame.time; yield frame"), {BACKWARDS}),
        ("avi", FRAMES.format("yield frame; yield None"), {FALSE_ALARM}),
        ("avi", FRAMES.format("raise ValueError"), {TRACEBACK}),
        ("png", PICTURE.format("raise SourceError('damaged')"), {FALSE_ALARM}),
        ("png", PICTURE.format("raise KeyError('x')"), {TRACEBACK}),
        ("png", PICTURE.format("os._exit(3)"), {TRACEBACK}),
        ("png", PICTURE.format("os.kill(os.getpid(), signal.SIGSEGV)"), {CRASH}),
        ("png", PICTURE.format("time.sleep(60)"), {SLOW}),
    ],
)
def test_a_broken_reader_is_caught(tmp_path, monkeypatch, kind, lines, expected):
    monkeypatch.setattr("tools.soak.files.run.damaged", lambda originals, kind, seed: (originals[0], "whole"))
    monkeypatch.setattr(worker_module, "KILLED_AFTER", 3.0 if SLOW in expected else LIMIT)
    monkeypatch.setattr("tools.soak.files.verdict.LIMIT", 2.0)
    files = read_all([Job(kind, 0), Job(kind, 1)], str(tmp_path), broken(tmp_path, lines))
    for file in files:
        assert set(findings(file)) - {THAN_BEFORE} == expected, file
    lines = {figure.what: figure for figure in judge(files)}
    for finding in expected:
        assert lines[finding].measured == "2 {} (0, ...)".format(kind)
        assert lines[finding].reached == (finding == CRASH)


def test_a_worker_goes_on_after_a_crash(tmp_path):
    lines = PICTURE.format("(os._exit(3) if 'bad' in path else 0); raise SourceError(path)")
    for name in ("bad.png", "good.png"):
        (tmp_path / name).write_bytes(make_originals("png")[0])
    with Worker(broken(tmp_path, lines)) as worker:
        for name, bug in (("bad.png", True), ("good.png", False), ("bad.png", True), ("good.png", False)):
            path = str(tmp_path / name)
            ours, theirs = worker.read(path, path, "picture")
            assert (ours.bug is not None, ours.error is None) == (bug, bug), ours
            assert theirs == (Theirs() if bug else Theirs(1, True))


def test_one_file_again(tmp_path, capsys):
    assert main(["files", "--only", "png:7", "--keep", str(tmp_path / "kept")]) == 0
    data, damage = damaged(make_originals("png"), "png", 7)
    assert (tmp_path / "kept" / "png-7.png").read_bytes() == data
    said = capsys.readouterr().out
    assert f"png:7: {damage}" in said
    assert "Pillow" in capsys.readouterr().err or "oracle: Verdict" in said


@pytest.mark.parametrize("wrong", ["png", "png:x", "gif:3"])
def test_a_file_that_does_not_exist(capsys, wrong):
    assert main(["files", "--only", wrong]) == 2
    assert "KIND:SEED" in capsys.readouterr().err


def test_a_python_that_cannot_read(capsys, tmp_path):
    assert main(["files", "--python", str(tmp_path / "python")]) == 1
    assert "No such file" in capsys.readouterr().err


def test_an_oracle_that_is_not_installed_is_named(monkeypatch, capsys):
    monkeypatch.setattr("tools.soak.files.oracles.Image", None)
    assert main(["files", "--files", "3", "--kinds", "jpeg"]) == 0
    assert "Pillow is not installed" in capsys.readouterr().err


def soak(tmp_path, *options):
    report = tmp_path / "soak.json"
    code = main(["files", *options, "--report", str(report)])
    missed = [line for line in json.loads(report.read_text()) if not line["reached"]]
    assert (code, missed) == (0, [])


@without
def test_a_few_of_each_kind(tmp_path):
    soak(tmp_path, "--files", "3")


@without
@pytest.mark.verify
@pytest.mark.parametrize("python", [None, DEVICE], ids=["host", "device"])
def test_all(tmp_path, python):
    if python is not None and not os.path.exists(python):
        pytest.skip("there is no Python 3.6 environment here")
    soak(tmp_path, *([] if python is None else ["--python", python]))
