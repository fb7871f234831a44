"""The command, with a small classifier by mean colour that is made here."""

import json
import os
import subprocess

import cv2
import numpy as np
import pytest
from support.classifiers import LABELS, altered, card_fields, weights, write_card, write_fields, write_model
from support.program import PATIENCE, call, finish, lines_of, start
from support.xwindow import ask_to_close

from app import classify
from app.classifier import softmax
from app.modelcard import card_path


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_card(write_model(tmp_path_factory.mktemp("model") / "small.onnx"))


@pytest.fixture(scope="module")
def letters(tmp_path_factory):
    """A model of characters, by the share of ink."""
    path = write_model(tmp_path_factory.mktemp("letters") / "letters.onnx", outputs=3, side=28, channels=1)
    grey = {"layout": "NCHW", "colour": "grey", "scale": 1, "size": [28, 28]}
    fields = card_fields(path, input=grey, labels=["A", "B", "C"], data="characters")
    return write_fields(path, altered(altered(fields, ["superclasses"]), ["superclass_of"]))


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the command in an empty folder: (exit code, standard output, standard error)."""
    monkeypatch.chdir(str(tmp_path))

    def command(model, *args):
        return call(classify.main, "--model", model, "--backend", "onnx", "--device", "cpu", *args, DISPLAY="")

    return command


def write_picture(path, colour, sides=(40, 50)):
    """A picture in one BGR colour; its path."""
    folder = os.path.dirname(str(path))
    if folder and not os.path.isdir(folder):
        os.makedirs(folder)
    assert cv2.imwrite(str(path), np.full(sides + (3,), colour, np.uint8))
    return str(path)


def expected(colour, top=5):
    """The labels and probabilities of a picture in one BGR colour, by the model's weights."""
    matrix, bias = weights()
    logits = np.array(colour[::-1]) @ matrix + bias
    best = np.argsort(-logits)[:top]
    return [(LABELS[index], int(index), softmax(logits[None])[0, index]) for index in best]


RED, BLUE = (10, 20, 200), (220, 30, 5)


def test_text(run, model):
    pictures = [write_picture("a.png", RED), write_picture("b.png", BLUE)]
    code, out, err = run(model, *pictures)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == pictures
    for first, colour in ((1, RED), (7, BLUE)):
        for line, (label, _, score) in zip(lines[first:], expected(colour)):
            share, percent, name = line.split()
            assert (percent, name) == ("%", label)
            assert float(share) == pytest.approx(100 * score, abs=0.06)
    assert len(lines) == 12


@pytest.mark.parametrize("jsonl", ["found.jsonl", "-"])
def test_json_lines(run, model, jsonl):
    write_picture("photos/a10.png", RED)
    write_picture("photos/a9.png", BLUE)
    write_picture("other.png", RED)
    code, out, err = run(model, "photos", "other.png", "--top", 2, "--jsonl", jsonl)
    assert (code, err) == (0, "")
    found = [json.loads(line) for line in out.splitlines()] if jsonl == "-" else lines_of(jsonl)
    assert [line["file"] for line in found] == ["photos/a9.png", "photos/a10.png", "other.png"]
    for line, colour in zip(found, (BLUE, RED, RED)):
        assert set(line) == {"file", "top"}
        for entry, (label, number, score) in zip(line["top"], expected(colour)):
            assert entry == {"label": label, "class": number, "score": pytest.approx(score, abs=1e-4)}
        assert len(line["top"]) == 2


def test_a_glob(run, model):
    for name in ("a.png", "b.jpg", "c.png"):
        write_picture(os.path.join("photos", name), RED)
    code, out, _ = run(model, "photos/*.png", "--jsonl", "-")
    assert code == 0
    assert [json.loads(line)["file"] for line in out.splitlines()] == ["photos/a.png", "photos/c.png"]


def test_frames_of_a_film(run, model):
    code, out, _ = run(model, "test://64x48@10?frames=3", "--jsonl", "-", "--top", 1)
    found = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [(line["file"], line["frame"], line["t"]) for line in found] == [
        ("test://64x48@10?frames=3", index, index / 10) for index in range(3)
    ]
    assert "frame 1 at 0.10 s\n" in run(model, "test://64x48@10?frames=3")[1]


@pytest.mark.slow
def test_a_camera(run, model):
    code, out, err = run(model, "--cam", "test://64x48@30?live", "--max-frames", 5, "--jsonl", "found.jsonl")
    assert code == 0
    assert len(out.splitlines()) == 1  # one a second
    assert err.startswith("frames: 5 in ")
    assert "small on onnxruntime" in err
    found = lines_of("found.jsonl")
    assert [set(line) for line in found] == 5 * [{"frame", "t", "top"}]
    assert found[0]["t"] == 0


@pytest.mark.slow
def test_a_window_that_the_user_closes_ends_the_program(model, display):
    env = dict(os.environ, DISPLAY=display)
    args = ("--model", model, "--backend", "onnx", "--cam", "test://320x240@20?live")
    process = start(*args, module="app.classify", env=env)
    try:
        find = ["xdotool", "search", "--sync", "--onlyvisible", "--name", "nanoyolo"]
        window = subprocess.check_output(find, env=env, timeout=PATIENCE).split()[0].decode()
        ask_to_close(display, int(window))
        code, out, err = finish(process)
    finally:
        process.kill()
    assert (code, out) == (0, "")
    assert err.startswith("frames: ")


def test_damaged_pictures_are_skipped(run, model):
    picture = write_picture("a.png", RED)
    with open("damaged.png", "wb") as file:
        file.write(b"not a picture")
    code, out, err = run(model, "damaged.png", picture, "absent.png")
    assert code == 0
    assert [line for line in out.splitlines() if not line.startswith(" ")] == [picture]
    assert err.splitlines() == [
        "warning: damaged.png: not an image that OpenCV can read; skipped",
        "warning: absent.png: no such file, folder or camera; skipped",
    ]
    assert run(model, "damaged.png") == (3, "", "error: damaged.png: not an image that OpenCV can read\n")
    code, out, err = run(model, "damaged.png", "absent.png", "--jsonl", "found.jsonl")
    assert (code, out) == (3, "")
    assert err.endswith("error: none of 2 could be classified\n")
    assert not os.path.exists("found.jsonl")


def write_cut_film(path, frames=20, left=0.6):
    """A film that breaks off, with this share of its bytes."""
    writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 64))
    for index in range(frames):
        writer.write(np.random.RandomState(index).randint(0, 255, (64, 64, 3)).astype(np.uint8))
    writer.release()
    with open(path, "r+b") as file:
        file.truncate(int(left * os.path.getsize(path)))
    return path


def test_a_film_that_breaks_off_keeps_its_lines(run, model):
    film, picture = write_cut_film("cut.avi"), write_picture("a.png", RED)
    code, _, err = run(model, film, picture, "--jsonl", "found.jsonl")
    files = [line["file"] for line in lines_of("found.jsonl")]
    count = files.count(film)
    assert (code, files) == (0, [film] * count + [picture])
    assert 5 < count < 20
    truncated = f"cut.avi: truncated; it ends after {count} of 20 frames"
    assert err.endswith(f"warning: {truncated}\n")  # before that, OpenCV's decoder may complain
    code, _, err = run(model, film, "--jsonl", "found.jsonl")
    assert code == 3
    assert err.endswith(f"error: {truncated}\n")
    assert len(lines_of("found.jsonl")) == count


def test_characters(run, letters):
    page = np.full((150, 200, 3), 210, np.uint8)
    write_picture("pages/blank.png", 210, (150, 200))
    cv2.line(page, (150, 30), (150, 80), (40, 40, 40), 8)
    cv2.imwrite("pages/one.png", page)
    code, out, err = run(letters, "pages", "--jsonl", "-")
    assert code == 0
    (line,) = map(json.loads, out.splitlines())
    assert line["file"] == "pages/one.png"
    assert sorted(entry["label"] for entry in line["top"]) == ["A", "B", "C"]
    blank = "pages/blank.png: no character found; photograph a single one, upright, larger, and on plain paper"
    assert err == f"warning: {blank}; skipped\n"
    assert run(letters, "pages/blank.png") == (3, "", f"error: {blank}\n")


@pytest.mark.parametrize(
    "code, args, phrase",
    [
        (2, (), "name a picture, a folder or a camera"),
        (2, ("a.png", "--top", "0"), "a number should be from 1"),
        (2, ("a.png", "--jsonl", "a.png"), "would overwrite a.png"),
        (2, ("a.png", "--jsonl", "{card}"), "would overwrite"),
        (2, (".", "--jsonl", "a.png"), "would overwrite"),
        (3, ("absent.png",), "absent.png: no such file"),
        (5, ("a.png", "--jsonl", "absent/found.jsonl"), "mkdir -p"),
    ],
)
def test_bad_options(run, model, code, args, phrase):
    write_picture("a.png", RED)
    ended, out, err = run(model, *(arg.format(card=card_path(model)) for arg in args))
    assert (ended, out, len(err.splitlines())) == (code, "", 1)
    assert phrase in err
    assert os.listdir(".") == ["a.png"]


def test_a_missing_model(run):
    assert "absent.onnx: no such model" in run("absent", "a.png")[2]
    assert run("absent", "a.png")[0] == 4


def test_help(run):
    out = run("any", "--help")[1]
    assert out.count("  python -m app.classify") == 3
