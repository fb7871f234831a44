"""The command on a tiny video, with the real model; where processes are killed, in a process of its own."""

import importlib.util
import json
import os
import random
import shutil
import signal
import threading
import time

import cv2
import numpy as np
import pytest
from support import program
from support.program import MODEL, PATIENCE, ROOT, needs_model
from support.streams import write_video

from app.errors import UsageError
from app.sources.shapes import synthesise
from tools.camera_servers.mjpeg import MjpegServer
from tools.sweep import __main__ as sweep
from tools.sweep import measure, plan, process
from tools.sweep.damaged import look
from tools.sweep.grid import Combination, as_json
from tools.sweep.journal import Journal
from tools.sweep.options import make_parser
from tools.sweep.summary import rows

pytestmark = needs_model

STREET = os.path.join(ROOT, "demo.jpg")
PERSON = 0
QUICK = ["--backends", "onnx", "--captures", "own", "--sizes", "32", "--fps", "max", "--rounds", "1", "--frames", "5"]


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """No warnings of this machine; SIGTERM and OpenCV's threads as they were."""
    monkeypatch.setattr(sweep.Board, "complaints", lambda self: [])
    monkeypatch.setattr(process, "_said", set())
    before, threads = signal.getsignal(signal.SIGTERM), cv2.getNumThreads()
    yield
    signal.signal(signal.SIGTERM, before)
    cv2.setNumThreads(threads)


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """Eight frames of 96x64 in which there is nothing."""
    return write_video(tmp_path_factory.mktemp("video") / "video.avi", 8)


@pytest.fixture(scope="module")
def street(tmp_path_factory):
    """Eight frames of a street that moves to the right."""
    image = cv2.resize(cv2.imread(STREET), (320, 136), interpolation=cv2.INTER_AREA)
    images = [np.ascontiguousarray(np.roll(image, 4 * index, 1)) for index in range(8)]
    return write_video(tmp_path_factory.mktemp("street") / "street.avi", images)


@pytest.fixture(scope="module")
def complete(video, tmp_path_factory):
    """The folder of a sweep with one measurement, and the command."""
    run, command = tmp_path_factory.mktemp("complete") / "run", ["--cam", video, *QUICK, "--backends", "auto"]
    before = signal.getsignal(signal.SIGTERM)
    assert sweep.main([*command, "--run", str(run)]) == 0
    signal.signal(signal.SIGTERM, before)
    return run, command


@pytest.fixture
def done(complete, tmp_path):
    """A copy of it, and the command that continues it."""
    run, command = complete
    shutil.copytree(str(run), str(tmp_path / "run"))
    return tmp_path / "run", [*command, "--run", str(tmp_path / "run")]


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """A street with one person labelled, and a picture without anything: images and YOLO labels."""
    folder = tmp_path_factory.mktemp("labelled")
    image = cv2.imread(STREET)
    height, width = image.shape[:2]
    x1, y1, x2, y2 = 374.7 / width, 21.0 / height, 488.4 / width, 267.0 / height  # as size 320 sees it
    (folder / "images").mkdir()
    (folder / "labels").mkdir()
    cv2.imwrite(str(folder / "images" / "street.png"), image)
    cv2.imwrite(str(folder / "images" / "empty.png"), np.full((90, 160, 3), 128, np.uint8))
    line = "{} {} {} {} {}\n".format(PERSON, (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1)
    (folder / "labels" / "street.txt").write_text(line)
    (folder / "labels" / "empty.txt").write_text("")
    return folder


def start(*args):
    """The command, with its measurements in a process group of its own."""
    return program.start(*args, module="tools.sweep", start_new_session=True)


def finish(process):
    """Exit code, standard output, standard error; nothing of the group is left."""
    ended = program.finish(process)
    wait_until(lambda: not living(process.pid))
    return ended


def living(group):
    """{process number: command line} of a process group's members that have not ended."""
    found = {}
    for number in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/{}/stat".format(number), errors="replace") as file:
                state, _, its_group = file.read().rpartition(")")[2].split()[:3]
            with open("/proc/{}/cmdline".format(number), errors="replace") as file:
                command = file.read().replace("\0", " ")
        except OSError:  # it has just ended
            continue
        if int(its_group) == group and state not in "ZX":
            found[int(number)] = command
    return found


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def lines_in(run):
    path = os.path.join(str(run), "measurements.jsonl")
    if not os.path.exists(path):
        return 0
    with open(path, "rb") as file:
        return file.read().count(b"\n")


def wait_for_measurements(process, run, count=1):
    wait_until(lambda: lines_in(run) >= count or process.poll() is not None)
    assert process.poll() is None, process.communicate()[1]


def shown(journal, combination):
    """What the program shows in the labelled images."""
    with open(journal.shown_path(combination)) as file:
        return json.load(file)


def errors_of(err):
    assert "Traceback" not in err, err
    return [line for line in err.splitlines() if line.startswith("error: ")]


def test_a_video(video, tmp_path, capsys):
    """Nothing is found in this one, so its pictures are as they were taken: a status line would hide a detection."""
    run = str(tmp_path / "run")
    before = set(threading.enumerate())
    options = ["--captures", "48x48", "own", "--sizes", "32", "64"]
    assert sweep.main(["--cam", video, *QUICK, *options, "--run", run]) == 0
    out, err = capsys.readouterr()
    title, header, *lines = out.splitlines()
    assert (title, header.split()[:3]) == ("Settings", ["capture,", "size", "real"])
    assert [" ".join(line.split()[:2]) for line in lines[:4]] == ["48x48, 32", "48x48, 64", "own, 32", "own, 64"]
    assert {"Latency and memory", "Stages"} <= set(lines)
    assert err.splitlines()[-1].endswith("python -m tools.report " + run)
    found = rows(Journal.read(run))
    assert [row["captured_size"] for row in found] == [[48, 32], [48, 32], [96, 64], [96, 64]]
    for row in found:
        assert row["rounds"] == 1
        assert row["fps"]["least"] > 0
        assert row["stages_ms"]["infer"]["median"] > 0
        assert row["dropped"]["most"] == 0
        assert len(row["latency_percentiles_ms"]) == 51
        assert row["latency_percentiles_ms"] == sorted(row["latency_percentiles_ms"])
        assert row["backend"].startswith("onnxruntime")
        assert cv2.imread(row["picture"]).shape[:2] == tuple(row["captured_size"][::-1])
        assert row["detections_per_frame"]["most"] == 0
        assert int(np.ptp(cv2.imread(row["picture"]))) < 10
    others = {thread for thread in threading.enumerate() if type(thread).__name__ != "TMonitor"}  # of progress bars
    assert others <= before


def test_it_is_not_measured_again(done, capsys, monkeypatch):
    """What is there is reported, with what disturbed it."""
    run, command = done
    rewrite(run, others=0.4)
    with monkeypatch.context() as context:
        context.setattr(sweep, "run_measurement", None)
        assert sweep.main(command) == 0
    out, err = capsys.readouterr()
    assert out.startswith("Settings\n")
    assert "other programs took up to 40% of the cores' time, in 1 of 1 measurements" in out
    assert "1 of 1 measurements are done already" in err
    assert sweep.main([*command, "--rounds", "2"]) == 0  # one round more
    assert rows(Journal.read(str(run)))[0]["rounds"] == 2


def rewrite(run, **fields):
    """Change the one measurement of a sweep."""
    path = run / "measurements.jsonl"
    path.write_text(json.dumps(dict(json.loads(path.read_text()), **fields)) + "\n")
    return path.read_text()


def test_another_backend_than_it_was_begun_with(done, capsys, monkeypatch):
    """As when a better one has been installed since."""
    run, command = done
    now = Journal.read(str(run)).measurements[0]["backend"]
    before = rewrite(run, backend="onnxruntime 0.1 CPUExecutionProvider, 2 threads")
    assert sweep.main(command) == 0  # nothing is missing
    monkeypatch.setattr(sweep, "run_measurement", None)  # it is known before anything is measured
    assert sweep.main([*command, "--rounds", "2"]) == 2
    (line,) = errors_of(capsys.readouterr().err)
    assert "was started with onnxruntime 0.1" in line
    assert now in line
    assert (run / "measurements.jsonl").read_text() == before


def test_detections_are_drawn_on_the_picture(street, tmp_path):
    command = ["--cam", street, *QUICK, "--sizes", "320", "--conf"]
    pictures = []
    for threshold in ("0.2", "1"):
        run = str(tmp_path / threshold)
        assert sweep.main([*command, threshold, "--run", run]) == 0
        pictures.append(cv2.imread(rows(Journal.read(run))[0]["picture"]).astype(int))
    assert np.abs(pictures[0] - pictures[1]).max() > 100


def test_another_sweep_there(done, capsys):
    _, command = done
    assert sweep.main([*command, "--sizes", "64", "--conf", "0.5"]) == 2
    (line,) = errors_of(capsys.readouterr().err)
    assert "it differs in: confidence, sizes" in line


def test_labels(labelled, tmp_path, capsys):
    """Of two pictures each is looked at once for accuracy, and turn after turn for speed."""
    run, sizes = str(tmp_path / "run"), ["--sizes", "64", "320"]
    command = ["--images", str(labelled / "images"), "--labels", str(labelled / "labels"), *QUICK, *sizes]
    assert sweep.main([*command, "--run", run]) == 0
    out = capsys.readouterr().out
    journal = Journal.read(run)
    assert [m["frames"] for m in journal.measurements if m["round"] == 0] == [2, 2]
    assert [m["frames"] for m in journal.measurements if m["round"] == 1] == [6, 6]  # whole turns, at least 5
    small, large = rows(journal)
    assert any(found["category_id"] == PERSON for found in shown(journal, large["combination"]))
    assert large["picture"] is not None
    assert cv2.imread(large["picture"]).shape == cv2.imread(STREET).shape  # the one with most objects
    if importlib.util.find_spec("pycocotools") is None:
        assert small["accuracy"] is None
        assert "AP50" not in out
    else:
        assert large["accuracy"]["ap50"] == pytest.approx(1)
        assert small["accuracy"]["ap50"] < 1
        assert "On 2 images, a difference below 0.354 may be chance" in out


def test_what_is_shown_is_what_the_program_finds(labelled, tmp_path):
    """For average precision a box counts with all its labels; the program shows the likeliest."""
    run = str(tmp_path / "run")
    command = ["--images", str(labelled / "images"), "--labels", str(labelled / "labels"), *QUICK]
    assert sweep.main([*command, "--sizes", "416", "--conf", "0.02", "--run", run]) == 0
    journal = Journal.read(run)
    (row,) = rows(journal)
    with open(journal.detections_path(row["combination"])) as file:
        of_all_labels = [found["score"] for found in json.load(file) if found["score"] >= 0.02]
    scores = [found["score"] for found in shown(journal, row["combination"])]
    assert len(of_all_labels) > len(scores) > 0
    assert len(scores) / 2 == pytest.approx(row["detections_per_frame"]["median"])
    assert sum(scores) / len(scores) == pytest.approx(row["mean_confidence"]["median"], abs=1e-3)


def test_an_input_that_changed_since_is_another_one(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"some")
    before = [plan.state(str(place)) for place in (tmp_path, path)]
    os.utime(str(path), ns=(0, 1))
    assert not set(before) & {plan.state(str(place)) for place in (tmp_path, path)}
    assert plan.state("0") is plan.state("rtsp://host/x") is None


def test_no_password_is_kept(tmp_path, capsys):
    command = ["--cam", "rtsp://user:secret@127.0.0.1:9/x", *QUICK, "--run", str(tmp_path / "run")]
    assert sweep.main(command) == 3
    assert "rtsp://***@127.0.0.1:9/x" in (tmp_path / "run" / "sweep.json").read_text()
    assert "secret" not in capsys.readouterr().err


def test_coco_labels_of_other_categories_and_a_smaller_capture(labelled, tmp_path, capsys):
    """Only what the labels know counts, with the labels' own ids, and in pixels of the labelled image."""
    dataset = {
        "images": [
            {"id": 7, "file_name": "empty.png", "width": 160, "height": 90},
            {"id": 9, "file_name": "street.png", "width": 640, "height": 272},
        ],
        "categories": [{"id": 5, "name": "person"}],
        "annotations": [
            {"id": 3, "image_id": 9, "category_id": 5, "bbox": [375, 21, 114, 246], "area": 28044, "iscrowd": 0}
        ],
    }
    path = tmp_path / "coco.json"
    path.write_text(json.dumps(dataset))
    command = ["--images", str(labelled / "images"), "--labels", str(path), *QUICK, "--sizes", "320"]
    assert sweep.main([*command, "--captures", "320x240", "--run", str(tmp_path / "run")]) == 0
    journal = Journal.read(str(tmp_path / "run"))
    (row,) = rows(journal)
    assert row["captured_size"] != [640, 272]
    found = [one for one in shown(journal, row["combination"]) if one["score"] >= 0.25]
    assert {(one["image_id"], one["category_id"]) for one in found} == {(9, 5)}
    assert found[0]["bbox"] == pytest.approx([375, 21, 114, 246], abs=25)


def test_the_configured_rate_does_not_change_what_is_found(street, tmp_path, capsys):
    run = str(tmp_path / "run")
    options = ["--sizes", "224", "--fps", "24", "max", "--pacing", "deadline", "delay", "--frames", "8"]
    assert sweep.main(["--cam", street, *QUICK, *options, "--conf", "0.2", "--run", run]) == 0
    kept, delayed, free = rows(Journal.read(run))
    assert free["mean_confidence"]["median"] > 0.2
    for row in (kept, delayed):
        assert row["mean_confidence"]["median"] == pytest.approx(free["mean_confidence"]["median"], abs=2e-3)
        assert row["detections_per_frame"] == free["detections_per_frame"]
    assert delayed["fps"]["most"] < 24
    assert delayed["predicted_fps"] < 24
    assert kept["predicted_fps"] is free["predicted_fps"] is None
    assert "With a delay after each frame" in capsys.readouterr().out


def camera_spec(folder):
    """What is to be measured: a camera of 100 pictures a second."""
    return {
        "model": MODEL,
        "source": "test://320x240@100?live",
        "device": "cpu",
        "square": False,
        "confidence": 0.25,
        "category_ids": [],
        "images": {},
        "frames": 8,
        "example": 4,
        "loop": False,
        "skipped": [],
        "combination": as_json(Combination((64, 48), 32, None, "onnx", "deadline")),
        "backends": {"onnx": "onnxruntime "},
        "round": 1,
        "picture": str(folder / "picture.jpg"),
    }


def test_a_backend_that_is_replaced_meanwhile(tmp_path):
    spec = dict(camera_spec(tmp_path), backends={"onnx": "onnxruntime 0.1 CPU"})
    with pytest.raises(UsageError, match="was onnxruntime 0.1 CPU when the sweep began, and is onnxruntime"):
        measure.measure(spec)
    assert list(tmp_path.iterdir()) == []


def test_what_a_camera_gives_while_the_model_is_loaded_is_not_dropped(tmp_path, monkeypatch):
    """Which takes a second here, of 100 pictures."""

    def open_late(*args):
        time.sleep(1)
        return opened(*args)

    opened = measure.open_backend
    monkeypatch.setattr(measure, "open_backend", open_late)
    measured = measure.measure(camera_spec(tmp_path))
    assert measured["live"]
    assert measured["frames"] == 8
    assert measured["captured_size"] == (64, 48)
    assert measured["captured"] - measured["dropped"] == 5  # the first three are cold
    assert measured["dropped"] < 90
    assert measured["faults"] == []
    assert 0 <= measured["others"] <= 1


def test_a_camera_that_ends(tmp_path):
    options = ["--frames", "10", "--rounds", "50"]
    with MjpegServer(list(synthesise(320, 240, 10))) as camera:
        process = start("--cam", camera.url(), *QUICK, *options, "--run", tmp_path)
        wait_for_measurements(process, tmp_path)
    code, _, err = finish(process)
    assert code == 3, err
    (line,) = errors_of(err)
    assert "127.0.0.1" in line


def test_odd_pictures(tmp_path, capsys):
    """One pixel, one that is far larger, and one that cannot be read."""
    cv2.imwrite(str(tmp_path / "1.png"), np.zeros((1, 1, 3), np.uint8))
    cv2.imwrite(str(tmp_path / "2.png"), np.zeros((1000, 10, 3), np.uint8))
    (tmp_path / "3.png").write_bytes(b"rubbish")
    run = str(tmp_path / "run")
    command = ["--cam", str(tmp_path), *QUICK, "--captures", "own", "64x48", "--run", run]
    assert sweep.main(command) == 3
    (line,) = errors_of(capsys.readouterr().err)
    assert "3.png: not an image" in line
    assert "1 of 3 images" in line
    assert line.endswith("--skip-damaged")
    assert not os.path.exists(run), "nothing is measured"
    assert sweep.main([*command, "--skip-damaged"]) == 0
    err = capsys.readouterr().err
    assert errors_of(err) == []
    assert [line for line in err.splitlines() if "3.png" in line] == [
        "warning: damaged, and left out with their labels: 1 of 3 images: 3.png"
    ]
    journal = Journal.read(run)
    assert journal.plan["options"]["skipped"] == ["3.png"]
    assert [row["skipped"] for row in rows(journal)] == [1, 1]
    assert [measured["frames"] for measured in journal.measurements] == [6, 6], (
        "whole turns of two pictures, at least 5"
    )


def test_damaged_pictures_and_their_labels_are_left_out(labelled, tmp_path, capsys):
    folder = tmp_path / "data"
    shutil.copytree(str(labelled), str(folder))
    (folder / "images" / "cut.png").write_bytes((folder / "images" / "street.png").read_bytes()[:40])
    (folder / "labels" / "cut.txt").write_text("0 0.5 0.5 1 0.5\n" * 9)
    run = str(tmp_path / "run")
    command = ["--images", str(folder / "images"), "--labels", str(folder / "labels"), *QUICK, "--run", run]
    assert sweep.main(command) == 3
    assert "cut.png: " in errors_of(capsys.readouterr().err)[0]
    assert sweep.main([*command, "--skip-damaged"]) == 0
    journal = Journal.read(run)
    assert [(m["round"], m["frames"], m["skipped"]) for m in journal.measurements] == [(0, 2, 1), (1, 6, 1)]
    with open(os.path.join(run, "truth.json")) as file:
        truth = json.load(file)
    assert [image["file_name"] for image in truth["images"]] == ["empty.png", "street.png"]
    assert len(truth["annotations"]) == 1
    picture = cv2.imread(journal.picture_path(journal.plan["grid"][0]))
    assert picture.shape == cv2.imread(STREET).shape, "the one with the most objects that can be read"


def test_a_video_of_one_frame(tmp_path):
    path = write_video(tmp_path / "one.avi", 1)
    run = str(tmp_path / "run")
    assert sweep.main(["--cam", path, *QUICK, "--run", run]) == 0
    assert Journal.read(run).measurements[0]["frames"] == 5


def test_a_capture_that_is_larger_than_the_video_is_a_warning(video, capsys):
    args = make_parser().parse_args(["--cam", video, "--captures", "320x240", "own"])
    plan.length(args, look(args, None))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: ")
    assert "is 96x64, too small to represent a capture of 320x240" in line


@pytest.mark.parametrize(
    "args, code, message",
    [
        ([], 2, "either --cam SOURCE or --images DIR"),
        (["--cam", "VIDEO", "--images", "FOLDER"], 2, "either --cam SOURCE or --images DIR"),
        (["--cam", "VIDEO", "--labels", "FOLDER"], 2, "--labels needs --images"),
        (["--cam", "none.avi"], 3, "none.avi: no such file"),
        (["--cam", "FOLDER/rubbish.avi"], 3, "rubbish.avi: a text file, not a video"),
        (["--images", "FOLDER/empty"], 3, "no images found"),
        (["--images", "none", "--labels", "FOLDER"], 3, "none: no images found"),
        (["--images", "FOLDER/one", "--labels", "FOLDER/none"], 3, "none: no such folder of YOLO files"),
        (["--images", "FOLDER/one", "--labels", "FOLDER/empty"], 3, "has no .txt for any of the images in"),
        (["--images", "FOLDER/bad", "--labels", "FOLDER/bad"], 3, "bad.png: not an image that OpenCV can read"),
        (["--cam", "FOLDER/bad"], 3, "not an image that OpenCV can read"),
        (["--cam", "ftp://host/video"], 3, "not supported"),
        (["--cam", "test://64x48?frames=4"], 3, "too short: it has only 4 frames (own 32 max onnx deadline)"),
        (["--cam", "99"], 3, "/dev/video99 does not exist"),
        (["--cam", "VIDEO", "--sizes", "33"], 2, "nearest: 32 and 64"),
        (["--cam", "VIDEO", "--run", ""], 2, "--run: name the folder"),
        (["--cam", "VIDEO", "--backends", "tensorrt"], 4, "pip install"),
        (["--cam", "VIDEO", "--backends", "onnx:bf16"], 4, "onnx:bf16"),
        (["--cam", "VIDEO", "--model", "nosuch"], 4, "nosuch.onnx: no such model"),
        (["--cam", "VIDEO", "--run", "VIDEO"], 5, "cannot create it: "),
    ],
)
def test_bad_input_is_one_line(video, tmp_path, args, code, message, capsys):
    if "tensorrt" in args and importlib.util.find_spec("tensorrt") is not None:
        pytest.skip("it is installed here")
    for name in ("empty", "one", "bad"):
        (tmp_path / name).mkdir()
    cv2.imwrite(str(tmp_path / "one" / "one.png"), np.zeros((8, 8, 3), np.uint8))
    (tmp_path / "bad" / "bad.png").write_bytes(b"rubbish")
    (tmp_path / "bad" / "bad.txt").write_text("")
    (tmp_path / "rubbish.avi").write_bytes(b"rubbish" * 100)
    args = [arg.replace("FOLDER", str(tmp_path)).replace("VIDEO", video) for arg in args]
    assert sweep.main([*QUICK, "--run", str(tmp_path / "run"), *args]) == code
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = errors_of(err)
    assert [said for said in err.splitlines() if "are left out: 1 .txt" not in said] == [line]
    assert message in line
    if code == 4:
        assert not (tmp_path / "run").exists()  # an empty folder would be no sweep


def test_what_cannot_be_written_while_it_is_measured(video, tmp_path, capsys):
    (tmp_path / "pictures" / "own-32-max-onnx-deadline.jpg").mkdir(parents=True)
    assert sweep.main(["--cam", video, *QUICK, "--run", str(tmp_path)]) == 5
    (line,) = errors_of(capsys.readouterr().err)
    assert "own-32-max-onnx-deadline.jpg" in line


def test_help(capsys):
    with pytest.raises(SystemExit) as caught:
        sweep.main(["--help"])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    assert "python -m tools.sweep --cam street.mp4" in out
    assert "320x240 640x480" in out


@pytest.mark.parametrize("kills", [1, pytest.param(10, marks=pytest.mark.verify)])
def test_killed_at_random_moments_no_measurement_is_lost_or_made_twice(video, tmp_path, kills):
    rng = random.Random(7)
    rounds = 2 + 2 * kills
    command = ["--cam", video, *QUICK, "--sizes", "32", "64", "--rounds", rounds, "--run", tmp_path]
    path = tmp_path / "measurements.jsonl"
    for _ in range(kills):
        before = lines_in(tmp_path)
        process = start(*command)
        wait_for_measurements(process, tmp_path, before + 1)
        time.sleep(rng.uniform(0, 0.8))  # about what a measurement takes
        process.kill()  # this process only, not its measurement
        _, _, err = finish(process)  # which ends too
        assert process.returncode == -signal.SIGKILL, err
        whole = path.read_bytes()
        path.write_bytes(whole + b'{"key": "own-32-max-onnx-dea'[: rng.randint(0, 20)])  # as a power cut leaves it
    kept = [json.loads(line) for line in whole.decode().splitlines()]
    assert len(kept) >= kills
    code, _, err = finish(start(*command))
    assert code == 0, err
    measured = [json.loads(line) for line in path.read_text().splitlines()]
    assert measured[: len(kept)] == kept
    expected = ["own-{}-max-onnx-deadline#{}".format(size, turn) for size in (32, 64) for turn in range(1, rounds + 1)]
    assert sorted(measurement["key"] for measurement in measured) == sorted(expected)
    assert not [name for name in os.listdir(str(tmp_path)) if name.startswith(".")]


LONG = ["--fps", "24", "--frames", "30", "--rounds", "20"]  # measurements of more than a second


@pytest.mark.parametrize(
    "number, whole_group",
    [(signal.SIGINT, True), (signal.SIGINT, False), (signal.SIGTERM, False)],
    ids=["Ctrl-C", "SIGINT", "SIGTERM"],
)
def test_interrupted_it_says_how_to_go_on(video, tmp_path, number, whole_group):
    process = start("--cam", video, *QUICK, *LONG, "--run", tmp_path)
    wait_for_measurements(process, tmp_path)
    time.sleep(0.5)  # into the next measurement
    if whole_group:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    code, out, err = finish(process)
    assert (code, out) == (130, "")
    assert errors_of(err) == []
    assert err.count("type the same command again to continue") == 1
    assert len([line for line in err.splitlines() if not line.startswith("warning: ")]) == 1  # once is enough
    assert str(tmp_path) in err
    assert 1 <= lines_in(tmp_path) < 20
    Journal.read(str(tmp_path))


def test_a_measurement_that_is_killed_stops_the_sweep(video, tmp_path):
    """As by a system that is out of memory."""
    process = start("--cam", video, *QUICK, "--fps", "1", "--frames", "1000", "--run", tmp_path)

    def measurements():
        return [number for number, command in living(process.pid).items() if "tools.sweep.measure" in command]

    wait_until((tmp_path / "sweep.json").exists)  # after the backend was tried
    wait_until(measurements)
    os.kill(measurements()[0], signal.SIGKILL)
    code, _, err = finish(process)
    assert code == 4, err
    (line,) = errors_of(err)
    assert "killed by signal 9 (own 32 1 onnx deadline)" in line
