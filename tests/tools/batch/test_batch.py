"""The command: what it writes and says, and that it can be interrupted anywhere."""

import os
import shutil
import signal
import time

import cv2
import pytest
from support.batch import real_settings, street
from support.program import MODEL, PATIENCE, call, finish, needs_model, start
from support.video import picture

from app.modelcard import read_card
from tools.batch import __main__ as command
from tools.batch.plan import Task
from tools.batch.work import Done, do

pytest.importorskip("pyarrow")
import pyarrow.parquet as pq  # noqa: E402

pytestmark = needs_model


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Tasks are done in this process: a film has 10 frames with an object in each, what is named bad cannot be read."""
    calls = []

    def do(args, settings, tasks):
        for task in tasks:
            calls.append(task)
            if "bad" in task.files[0]:
                yield task, Done([], 0, [f"{task.files[0]}: damaged"])
            else:
                rows = [(task.files[0], frame, frame / 10, "person", 0.5, 1, 2, 3, 4) for frame in range(10)]
                yield task, Done(rows, 10, [])

    monkeypatch.setattr(command, "run_tasks", do)
    for name in ("a.mp4", "b.mp4", "bad.mp4"):
        (tmp_path / name).write_bytes(name.encode())
    return calls


def batch(tmp_path, *args):
    return call(command.main, *args, "--output", tmp_path / "found")


def test_what_is_done_and_what_is_not(tmp_path, here):
    code, out, err = batch(tmp_path, tmp_path, tmp_path / "gone.mp4")
    assert code == 0
    assert "2 of 3 tasks are done, 0 of them before" in out
    assert "20 frames" in out
    assert "20 objects" in out
    assert "not read, or not to the end: 2" in err
    assert "bad.mp4: damaged" in err
    assert "gone.mp4: no such file" in err
    assert pq.read_table(str(tmp_path / "found")).num_rows == 20


def test_what_is_finished_is_not_done_again(tmp_path, here):
    batch(tmp_path, tmp_path)
    del here[:]
    code, out, _ = batch(tmp_path, tmp_path)
    assert code == 0
    assert "2 of 3 tasks are done, 2 of them before" in out
    assert [os.path.basename(task.files[0]) for task in here] == ["bad.mp4"]


def test_where_no_file_can_be_read(tmp_path, here):
    code, out, err = batch(tmp_path, tmp_path / "bad.mp4", tmp_path / "gone.mp4")
    assert (code, out) == (3, "")
    assert "gone.mp4: no such file or folder; and 1 more" in err
    assert len(err.splitlines()) == 1


def test_an_interruption_keeps_what_is_finished(tmp_path, here, monkeypatch):
    complete = command.run_tasks

    def interrupted(*args):
        yield next(complete(*args))
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "run_tasks", interrupted)
    code, _, err = batch(tmp_path, tmp_path)
    assert code == 130
    assert "run it again" in err
    assert pq.read_table(str(tmp_path / "found")).num_rows == 10


@pytest.mark.parametrize(
    "args, code, message",
    [
        (["--size", "161"], 2, "multiple of 32"),
        (["--classes", "persn"], 2, "person"),
        (["--model", "nothing"], 4, "nothing"),
        (["--address", "auto", "--local"], 2, "not allowed with"),
    ],
)
def test_what_no_worker_could_use_is_an_error_at_once(tmp_path, here, args, code, message):
    found, _, err = batch(tmp_path, tmp_path, *args)
    assert found == code
    assert message in err
    assert here == []
    assert not (tmp_path / "found").exists()


def test_the_settings_are_those_of_the_command_line(tmp_path):
    args = [
        "x",
        "--output",
        "y",
        "--size",
        "320",
        "--conf",
        "0.5",
        "--nms",
        "0.6",
        "--classes",
        "car, person",
        "--square",
    ]
    settings = command.settings_of(command.make_parser().parse_args(args))
    assert (settings.model, settings.sha256) == ("yolov3-tiny", read_card(MODEL).sha256)
    assert settings.options() == {
        "size": 320,
        "square": True,
        "confidence": 0.5,
        "iou": 0.6,
        "class_agnostic": False,
        "classes": ("car", "person"),
        "backend": "auto",
        "device": "auto",
        "precision": "auto",
    }


def arguments(tmp_path):
    """Of a run over four films in two stretches each and two images, in two processes, with `real_settings`."""
    folder = tmp_path / "films"
    if not folder.exists():
        folder.mkdir()
        street(folder / "0.avi", 40)
        for number in range(1, 4):
            shutil.copy(str(folder / "0.avi"), str(folder / f"{number}.avi"))
        for name in ("p.png", "q.png"):
            cv2.imwrite(str(folder / name), picture(100))
    fixed = "--size 64 --conf 0.01 --backend onnx --local --workers 2 --stretch 20".split()
    return [folder, *fixed, "--output", tmp_path / "found"]


def results(tmp_path):
    """When each finished task was written."""
    found = tmp_path / "found"
    names = [name for name in os.listdir(str(found)) if name.endswith(".parquet")] if found.exists() else []
    return {name: (found / name).stat().st_mtime_ns for name in names}


@pytest.mark.slow
@pytest.mark.parametrize("number, code", [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_no_finished_task_is_done_again(tmp_path, number, code):
    process = start(*arguments(tmp_path), module="tools.batch")
    end = time.monotonic() + PATIENCE
    while len(results(tmp_path)) < 2 and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    process.send_signal(number)
    assert finish(process)[0] in (code, 0)  # 0: it was done already
    before = results(tmp_path)
    assert len(before) >= 2
    assert finish(start(*arguments(tmp_path), module="tools.batch"))[0] == 0
    after = results(tmp_path)
    assert len(after) == 9
    assert {name: after[name] for name in before} == before
    table = pq.read_table(str(tmp_path / "found")).to_pylist()
    path = str(tmp_path / "films" / "0.avi")
    expected = sorted((row.frame, row.label, row.score) for row in do(real_settings(), Task((path,), ((0, 0),))).rows)
    assert len({frame for frame, _, _ in expected}) == 40
    for name in range(4):
        mine = [row for row in table if row["file"] == str(tmp_path / "films" / f"{name}.avi")]
        assert sorted((row["frame"], row["label"], row["score"]) for row in mine) == expected
