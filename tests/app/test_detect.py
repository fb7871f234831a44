"""The command itself, on real files. The clip and the model come from `make test`."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
from support.program import CARD, CLIP, MODEL, PATIENCE, ROOT, SHARED, detect, finish, frames_of, lines_of, start
from support.video import picture, room_for, write_video
from support.xwindow import ask_to_close

from app import detect as detect_module

STAGES = {"capture", "preprocess", "infer", "postprocess", "draw", "sink", "wait"}

pytestmark = pytest.mark.skipif(
    not (os.path.exists(CLIP) and os.path.exists(CARD)),
    reason="the clip or the model is not here: python -m tools.fetch && python -m tools.convert",
)
needs_data = pytest.mark.skipif(not os.path.isdir(SHARED), reason="../shared/data is not here")


def test_a_clip_to_its_end(tmp_path):
    video, lines, report = tmp_path / "out.mp4", tmp_path / "out.jsonl", tmp_path / "report.json"
    code, out, err = detect(
        "--cam", CLIP, "--size", 160, "--no-show", "--save", video, "--jsonl", lines, "--report", report,
        "--backend", "onnx",
    )  # fmt: skip
    assert (code, out) == (0, "")
    assert len(err.splitlines()) == 4
    assert "250 frames" in err

    assert frames_of(video) == 250
    found = lines_of(lines)
    assert [line["frame"] for line in found] == list(range(250))
    assert found[0]["t"] == 0
    assert [line["t"] for line in found] == [pytest.approx(index / 25, abs=1e-3) for index in range(250)]
    assert all(one["processed"] <= two["processed"] for one, two in zip(found, found[1:]))
    for line in found:
        assert set(line) == {"frame", "t", "processed", "size", "detections"}
        assert line["size"] == [640, 272]
        scores = [detection["score"] for detection in line["detections"]]
        assert scores == sorted(scores, reverse=True)
        for detection in line["detections"]:
            x1, y1, x2, y2 = detection["box"]
            assert 0 <= x1 < x2 <= 640
            assert 0 <= y1 < y2 <= 272
            assert detection["score"] >= 0.25

    fields = json.loads(report.read_text())
    assert fields["kind"] == "detect"
    assert set(fields) == {
        "kind", "frames", "duration_s", "fps", "captured", "dropped", "undecoded", "sink_dropped", "reconnects",
        "stages_ms", "latency_ms", "detections", "workers",
        "model", "backend", "input", "source", "version",
    }  # fmt: skip
    assert (fields["frames"], fields["dropped"], fields["input"]) == (250, 0, [96, 160])
    assert fields["fps"]["configured"] is None
    assert 0 < fields["fps"]["real"] <= 250 / fields["stages_ms"]["infer"]["p50"] * 10
    assert set(fields["stages_ms"]) == STAGES
    assert all(set(times) == {"mean", "p50", "p95", "p99"} for times in fields["stages_ms"].values())
    assert set(fields["latency_ms"]) == {"p50", "p95", "p99"}
    assert fields["latency_ms"]["p50"] >= fields["stages_ms"]["infer"]["p50"]
    assert fields["detections"]["count"] == sum(len(line["detections"]) for line in found) > 0
    assert sum(fields["detections"]["by_label"].values()) == fields["detections"]["count"]
    assert fields["backend"].startswith("onnxruntime ")
    assert "CPUExecutionProvider" in fields["backend"]


def test_several_sources_in_one_run(tmp_path):
    """Lines in one file with the cameras' names, recordings of their own, a section each in the report."""
    lines, report = tmp_path / "out.jsonl", tmp_path / "report.json"
    code, out, err = detect(
        "--cam", "front=test://64x48?frames=5", "--cam", "test://48x64?frames=7", "--size", 64, "--no-show",
        "--jsonl", lines, "--report", report, "--save", tmp_path / "{camera}.avi",
    )  # fmt: skip
    assert (code, out) == (0, ""), err
    found = lines_of(lines)
    assert set(found[0]) == {"frame", "camera", "t", "processed", "size", "detections"}
    for name, count, size in (("front", 5, [64, 48]), ("cam1", 7, [48, 64])):
        mine = [line for line in found if line["camera"] == name]
        assert [line["frame"] for line in mine] == list(range(count))
        assert all(line["size"] == size for line in mine)
        assert frames_of(tmp_path / (name + ".avi")) == count
    fields = json.loads(report.read_text())
    assert (fields["frames"], fields["input"]) == (12, [64, 64])
    assert {name: camera["frames"] for name, camera in fields["cameras"].items()} == {"front": 5, "cam1": 7}
    assert fields["cameras"]["cam1"]["source"] == "test://48x64?frames=7"
    total, front, other = err.splitlines()[:3]
    assert total.startswith("12 frames in ")
    assert front.startswith("  front: 5 frames at 64x64, ")
    assert other.startswith("  cam1: 7 frames at 64x64, ")


@pytest.mark.parametrize("given, count, why", [("1", 1, "as asked for"), ("3", 3, "as asked for")])
def test_workers_that_are_asked_for(tmp_path, given, count, why):
    report = tmp_path / "report.json"
    args = ["--cam", "test://64x48?frames=9", "--size", 64, "--no-show", "--report", report, "--workers", given]
    code, _, err = detect(*args, "--backend", "onnx")
    assert code == 0, err
    assert json.loads(report.read_text())["workers"] == {"count": count, "why": why}


def test_of_several_cameras_the_one_with_a_wrong_label_is_named(tmp_path):
    config = tmp_path / "cameras.toml"
    config.write_text(
        '[camera.front]\ncam = "test://64x48?frames=5"\n'
        '[camera.yard]\ncam = "test://64x48?frames=5"\nclasses = ["persn"]\n'
    )
    code, _, err = detect("--config", config, "--no-show")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "yard: " in err
    assert "did you mean person?" in err


@needs_data
def test_a_photo(tmp_path):
    picture = tmp_path / "out.png"
    args = ["--cam", os.path.join(SHARED, "dog.jpg"), "--conf", 0.5, "--jsonl", "-", "--save", picture, "--no-show"]
    code, out, err = detect(*args)
    assert code == 0, err
    labels = {detection["label"] for detection in json.loads(out)["detections"]}
    assert {"dog", "car"} <= labels <= {"dog", "bicycle", "car", "truck"}
    original = cv2.imread(os.path.join(SHARED, "dog.jpg"))
    drawn = cv2.imread(str(picture))
    assert drawn.shape == original.shape
    assert (drawn != original).any()


def test_a_folder_with_a_broken_image_among_good_ones(tmp_path):
    photos, out_folder = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for name, sides in (("a.jpg", (60, 80)), ("c.png", (33, 91)), ("d.png", (1, 1)), ("e.png", (1, 10000))):
        cv2.imwrite(str(photos / name), np.full(sides + (3,), 90, np.uint8))
    (photos / "b.jpg").write_bytes(b"not a picture")
    (photos / "notes.txt").write_text("not asked for")
    code, _, err = detect("--cam", photos, "--size", 64, "--save", str(out_folder) + "/", "--no-show")
    assert code == 0, err
    assert err.count("warning") == 1
    assert "b.jpg" in err
    assert sorted(os.listdir(str(out_folder))) == ["a.jpg", "c.png", "d.png", "e.png"]
    assert cv2.imread(str(out_folder / "e.png")).shape == (1, 10000, 3)


def test_a_file_in_a_loop_until_so_many_frames(tmp_path):
    lines = tmp_path / "out.jsonl"
    args = ["--cam", "test://64x48?frames=7", "--size", 64, "--loop", "--max-frames", 20, "--jsonl", lines, "--no-show"]
    code, _, err = detect(*args)
    assert code == 0, err
    assert [line["frame"] for line in lines_of(lines)] == list(range(20))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_an_interrupted_recording_is_whole(tmp_path, number):
    video, lines, report = tmp_path / "out.mp4", tmp_path / "out.jsonl", tmp_path / "report.json"
    process = start(
        "--cam", "test://320x240", "--size", 96, "--fps", 50, "--save", video, "--jsonl", lines, "--report", report,
        "--no-show",
    )  # fmt: skip
    deadline = time.monotonic() + PATIENCE
    while not (lines.exists() and lines.read_bytes().count(b"\n") >= 10) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(number)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert "frames in" in err
    count = len(lines_of(lines))
    assert count >= 10
    assert frames_of(video) == count
    assert json.loads(report.read_text())["frames"] == count


@pytest.mark.slow
def test_starting_loads_no_runtime():
    program = "import sys, app.detect; print([m for m in ('onnxruntime', 'tensorflow', 'onnx') if m in sys.modules])"
    out = subprocess.check_output([sys.executable, "-c", program], cwd=ROOT, universal_newlines=True)
    assert out.strip() == "[]"


def test_a_recording_of_a_file_plays_as_fast_as_the_file(tmp_path):
    """Also where --fps makes the loop slower or faster."""
    video = tmp_path / "out.avi"
    source = "test://64x48@12?frames=5"
    code, _, err = detect("--cam", source, "--size", 64, "--fps", 90, "--save", video, "--no-show")
    assert code == 0, err
    assert cv2.VideoCapture(str(video)).get(cv2.CAP_PROP_FPS) == pytest.approx(12)


@pytest.fixture
def bad(tmp_path):
    """A folder of things that cannot be read."""
    with open(CLIP, "rb") as file:
        clip = file.read()
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_text("this is not a video\n" * 100)
    (tmp_path / "truncated.mp4").write_bytes(clip[: len(clip) // 2])
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff but no more")
    (tmp_path / "no-images").mkdir()
    (tmp_path / "text.onnx").write_text("this is not a model")
    shutil.copy(CARD, str(tmp_path / "text.json"))
    (tmp_path / "cardless.onnx").write_bytes(b"x")
    return tmp_path


BAD_INPUT = [
    (["--size", "150"], 2, "128 and 160"),
    (["--size", "-32"], 2, "a size should be from 1 to 4096"),
    (["--size", "big"], 2, "a size"),
    (["--conf", "1.5"], 2, "threshold"),
    (["--fps", "0"], 2, "rate"),
    (["--classes", "persn"], 2, "did you mean person"),
    (["--classes", "unicorn"], 2, "no label 'unicorn'"),
    (["--backend", "magic"], 2, "magic"),
    (["--nonsense"], 2, "--nonsense"),
    (["--save", "{bad}/out.xyz"], 2, ".mp4"),
    (["--save", "{bad}/out.jpg"], 2, "many frames"),
    (["--cam", "/dev/video97"], 3, "camera"),
    (["--cam", "97"], 3, "/dev/video97"),
    (["--cam", "{bad}/missing.mp4"], 3, "no such"),
    (["--cam", "{bad}/empty.mp4"], 3, "empty"),
    (["--cam", "{bad}/text.mp4"], 3, "not a video"),
    (["--cam", "{bad}/truncated.mp4"], 3, "truncated.mp4"),
    (["--cam", "{bad}/broken.jpg"], 3, "damaged: cut off"),
    (["--cam", "{bad}/no-images"], 3, "no images"),
    (["--cam", "{bad}/*.png"], 3, "no images"),
    (["--cam", "test://nonsense"], 3, "test://640x480"),
    (["--cam", "gopher://host"], 3, "not supported"),
    (["--model", "{bad}/missing.onnx"], 4, "no such model"),
    (["--model", "no-such-name"], 4, "no such model"),
    (["--model", "{bad}/text.onnx"], 4, "card"),
    (["--model", "{bad}/cardless.onnx"], 4, "card"),
    (["--device", "gpu"], 4, "CUDA"),
    (["--save", "{bad}/no-folder/out.mp4"], 5, "no folder"),
    (["--save", "{bad}/no-folder/out.mkv"], 5, "no folder"),
    (["--jsonl", "{bad}/no-images"], 5, "is a folder"),
    (["--report", "{bad}/no-folder/r.json"], 5, "no folder"),
    (["--jsonl", "/dev/full"], 5, "No space left"),
    (["--show"], 5, "no display"),
]


@pytest.mark.parametrize("args, expected, phrase", BAD_INPUT, ids=[" ".join(row[0]) for row in BAD_INPUT])
def test_bad_input_is_one_line_and_leaves_nothing(bad, args, expected, phrase):
    before = sorted(os.listdir(str(bad)))
    args = [arg.format(bad=bad) for arg in args]
    # The first of two equal options loses, so the row's own come last.
    given = ["--size", "64", "--offline", "--save", str(bad / "out.mp4")]
    if "--cam" not in args:
        given += ["--cam", "test://64x48?frames=5"]
    if "--show" not in args:
        given.append("--no-show")
    code, out, err = detect(*given + args)
    assert code == expected, err
    assert phrase in err
    assert "Traceback" not in err
    assert out == ""
    assert err.startswith("error: ")
    assert len(err.splitlines()) == 1
    assert sorted(os.listdir(str(bad))) == before


def test_a_model_whose_card_is_of_another(tmp_path):
    shutil.copy(MODEL, str(tmp_path / "model.onnx"))
    with open(CARD) as file:
        card = json.load(file)
    card["labels"] = card["labels"][:79]
    (tmp_path / "model.json").write_text(json.dumps(card))
    code, _, err = detect("--cam", "test://64x48?frames=5", "--model", tmp_path / "model.onnx", "--no-show")
    assert (code, len(err.splitlines())) == (4, 1)
    assert "does not fit" in err


def test_a_video_that_breaks_off_keeps_what_was_read(tmp_path):
    """An AVI has its header first, so half a file still opens."""
    half = write_video(tmp_path / "half.avi", [picture(4 * index) for index in range(60)])
    data = half.read_bytes()
    half.write_bytes(data[: len(data) // 2])
    video, lines = tmp_path / "out.mp4", tmp_path / "out.jsonl"
    code, _, err = detect("--cam", half, "--size", 64, "--save", video, "--jsonl", lines, "--no-show")
    assert code == 3
    assert "truncated" in err.splitlines()[-1]
    count = len(lines_of(lines))
    assert 10 < count < 50
    assert frames_of(video) == count


def test_a_recording_that_outgrows_its_limit(tmp_path):
    """The kernel refuses to let the file grow, of which OpenCV says nothing."""
    video = tmp_path / "out.avi"
    with room_for(100000):
        code, _, err = detect("--cam", "test://640x480?frames=60", "--size", 64, "--save", video, "--no-show")
    assert code == 5
    assert "out.avi" in err.splitlines()[-1]
    assert not video.exists() or 0 < frames_of(video) < 60


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_disk_that_fills_up(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.call(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(disk)], stderr=subprocess.DEVNULL):
        pytest.skip("mounting is not allowed here")
    try:
        video = disk / "out.avi"
        code, _, err = detect("--cam", "test://640x480?frames=2000", "--size", 64, "--save", video, "--no-show")
        assert code == 5
        assert "disk is full" in err.splitlines()[-1]
        assert frames_of(video) > 10
    finally:
        subprocess.check_call(["umount", str(disk)])


@pytest.mark.slow
@pytest.mark.parametrize("how", ["q is pressed", "it is closed"])
def test_a_window_that_the_user_closes_ends_the_program(display, how):
    env = dict(os.environ, DISPLAY=display)
    process = start("--cam", "test://320x240", "--size", 64, "--fps", 20, "--show", env=env)
    try:
        find = ["xdotool", "search", "--sync", "--onlyvisible", "--name", "nanoyolo"]
        window = subprocess.check_output(find, env=env, timeout=PATIENCE).split()[0].decode()
        if how == "it is closed":
            ask_to_close(display, int(window))
        else:
            subprocess.check_call(["xdotool", "windowfocus", "--sync", window, "key", "q"], env=env)
        _, err = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert process.returncode == 0, err
    assert "frames in" in err


def test_stopped_before_the_first_frame(tmp_path, monkeypatch, capsys):
    """The report is written all the same."""
    report = tmp_path / "report.json"

    class Stopped(detect_module.Stop):
        def __enter__(self):
            self.request()
            return super().__enter__()

    monkeypatch.setattr(detect_module, "Stop", Stopped)
    args = ["--cam", "test://64x48", "--size", "64", "--no-show", "--report", str(report)]
    assert detect_module.main(args) == 0
    assert capsys.readouterr().err == "stopped before the first frame\n"
    fields = json.loads(report.read_text())
    assert fields["frames"] == 0
    assert fields["fps"]["real"] is None


@pytest.mark.parametrize("link", [os.link, os.symlink])
@pytest.mark.parametrize(
    "option, name", [("--save", "b.mkv"), ("--save", "b.mp4"), ("--jsonl", "b"), ("--report", "b")]
)
def test_the_source_is_never_overwritten_through_a_link(tmp_path, link, option, name):
    source, output = tmp_path / "clip.mp4", tmp_path / name
    shutil.copy(CLIP, str(source))
    link(str(source), str(output))
    before = source.read_bytes()
    code, _, err = detect("--cam", source, "--size", 64, "--max-frames", 3, option, output, "--no-show")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "would overwrite" in err
    assert source.read_bytes() == before


@pytest.mark.parametrize(
    "linked, name, refused",
    [
        pytest.param(os.link, "a.png", True, id="a hard link"),
        pytest.param(os.symlink, "a.png", True, id="a link"),
        pytest.param(os.link, "other.png", False, id="a link whose name is not written to"),
        pytest.param(shutil.copy, "a.png", False, id="an older image"),
    ],
)
def test_images_that_are_linked_into_the_output(tmp_path, linked, name, refused):
    images, folder = tmp_path / "images", tmp_path / "out"
    images.mkdir()
    folder.mkdir()
    cv2.imwrite(str(images / "a.png"), picture(100))
    linked(str(images / "a.png"), str(folder / name))
    before = (images / "a.png").read_bytes()
    code, _, err = detect("--cam", images, "--size", 64, "--no-show", "--save", folder)
    assert code == (2 if refused else 0), err
    assert ("would overwrite the input images" in err) is refused
    assert (images / "a.png").read_bytes() == before


def test_images_in_folders_below_are_not_overwritten(tmp_path):
    """A recording of a glob has the folders that the glob goes through."""
    (tmp_path / "one").mkdir()
    cv2.imwrite(str(tmp_path / "one" / "a.png"), picture(100))
    before = (tmp_path / "one" / "a.png").read_bytes()
    code, _, err = detect("--cam", tmp_path / "*" / "a.png", "--size", 64, "--no-show", "--save", tmp_path)
    assert code == 2
    assert "would overwrite the input images" in err
    assert (tmp_path / "one" / "a.png").read_bytes() == before


@pytest.mark.parametrize("place", ["out", "linked"])
def test_images_that_are_links_in_the_output(tmp_path, place):
    """They would be replaced, although what they lead to would stay."""
    images, folder = tmp_path / "images", tmp_path / "out"
    images.mkdir()
    folder.mkdir()
    os.symlink("out", str(tmp_path / "linked"))
    cv2.imwrite(str(images / "a.png"), picture(100))
    os.symlink(str(images / "a.png"), str(folder / "b.png"))
    code, _, err = detect("--cam", folder, "--size", 64, "--no-show", "--save", tmp_path / place)
    assert code == 2, err
    assert (folder / "b.png").is_symlink()


@pytest.mark.parametrize("option", ["--save", "--jsonl", "--report"])
def test_the_source_is_never_overwritten(tmp_path, option):
    source = tmp_path / "clip.mp4"
    shutil.copy(CLIP, str(source))
    before = source.read_bytes()
    code, _, err = detect("--cam", source, "--size", 64, "--max-frames", 3, option, source, "--no-show")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "would overwrite" in err
    assert source.read_bytes() == before


def test_photos_are_never_overwritten(tmp_path):
    photo = tmp_path / "a.png"
    cv2.imwrite(str(photo), np.full((40, 60, 3), 90, np.uint8))
    before = photo.read_bytes()
    for save in (tmp_path, photo):
        code, _, err = detect("--cam", tmp_path, "--size", 64, "--save", save, "--no-show")
        assert (code, len(err.splitlines())) == (2, 1)
    assert photo.read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize("locale", ["C.UTF-8", "C"])
def test_a_name_in_any_script(tmp_path, locale):
    photo, out = tmp_path / "\u732b \u00fc.png", tmp_path / "\u00e9.png"
    cv2.imwrite(str(photo), np.full((40, 60, 3), 90, np.uint8))
    args = ["--cam", photo, "--size", 64, "--save", out, "--no-show"]
    code, _, err = finish(start(*args, env={"LC_ALL": locale, "PYTHONUTF8": "0"}))
    assert code == 0, err
    assert cv2.imread(str(out)).shape == (40, 60, 3)


@pytest.mark.parametrize("kind", [".png", ".mp4"])
def test_a_name_that_is_not_utf8(tmp_path, kind):
    path = os.fsencode(str(tmp_path)) + b"/\xff" + kind.encode()
    shutil.copy(CLIP, path)
    code, _, err = detect("--cam", os.fsdecode(path), "--size", 64, "--no-show")
    assert (code, len(err.splitlines())) == (3, 1)


def test_images_of_one_name_from_two_folders(tmp_path):
    for folder, value in (("one", 10), ("two", 20)):
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / "1.pgm"), np.full((200, 300), value, np.uint8))
    out = tmp_path / "out"
    code, _, err = detect("--cam", tmp_path / "*" / "1.pgm", "--size", 64, "--save", out, "--no-show")
    assert code == 0, err
    assert sorted(os.listdir(str(out))) == ["one", "two"]
    assert [cv2.imread(str(out / name))[0, 0, 0] for name in ("one/1.png", "two/1.png")] == [10, 20]


@pytest.mark.slow
def test_standard_output_that_is_closed():
    args = ["--cam", "test://64x48?frames=3", "--jsonl", "-", "--no-show"]
    code, _, err = finish(start(*args, preexec_fn=lambda: os.close(1), stdout=None))
    assert (code, len(err.splitlines())) == (5, 1)
