"""Films made by FFmpeg, read by this program, and what ffprobe says of them."""

import json
import shutil
import subprocess

import numpy as np
import pytest
from support.program import CLIP, detect, lines_of, needs_model
from support.video import write_video

from app.sources import open_source
from app.sources.shapes import synthesise

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("ffmpeg") is None or shutil.which("ffprobe") is None, reason="ffmpeg is not here"),
]


def ffmpeg(*args):
    subprocess.check_call(["ffmpeg", "-nostdin", "-loglevel", "error", "-y"] + [str(arg) for arg in args])


def shown(path):
    """The times of the frames that ffprobe decodes, in seconds."""
    command = ["ffprobe", "-v", "quiet", "-select_streams", "v:0", "-show_entries", "frame=best_effort_timestamp_time"]
    output = subprocess.check_output(command + ["-of", "json", str(path)])
    return [float(frame["best_effort_timestamp_time"]) for frame in json.loads(output.decode())["frames"]]


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """Half a second of moving shapes, without loss."""
    path = tmp_path_factory.mktemp("film") / "shapes.avi"
    return write_video(path, synthesise(192, 108, 60))


VARIABLE = "select='lt(n,20)+not(mod(n,7))'"
KINDS = [
    ("even.mp4", ["-c:v", "libx264"]),
    ("even.mkv", ["-c:v", "libx264"]),
    ("even.avi", ["-c:v", "mjpeg"]),
    ("variable.mp4", ["-vf", VARIABLE, "-vsync", "vfr", "-c:v", "libx264"]),
    ("variable.mkv", ["-vf", VARIABLE, "-vsync", "vfr", "-c:v", "libx264"]),
    ("variable.mov", ["-vf", VARIABLE, "-vsync", "vfr", "-c:v", "mpeg4"]),
    (
        "variable.webm",
        ["-vf", VARIABLE, "-vsync", "vfr", "-c:v", "libvpx", "-auto-alt-ref", "1", "-lag-in-frames", "16"],
    ),
    ("fragments.mp4", ["-c:v", "libx264", "-g", "10", "-movflags", "frag_keyframe+empty_moov"]),
    ("later.mp4", ["-c:v", "libx264", "-output_ts_offset", "1.5"]),
]


@pytest.mark.parametrize("name, options", KINDS, ids=[kind[0] for kind in KINDS])
def test_every_frame_at_its_time(tmp_path, original, name, options):
    ffmpeg("-i", original, *options, tmp_path / name)
    with open_source(str(tmp_path / name)) as source:
        frames = [frame for frame in source if frame is not None]
    assert [frame.time for frame in frames] == pytest.approx(shown(tmp_path / name), abs=0.0011)
    assert source.undecoded == 0


TURNS = [("transpose=2", 90), ("transpose=1", 270), ("hflip,vflip", 180)]


@pytest.mark.parametrize("turn, degrees", TURNS)
def test_upright_as_ffmpeg_shows_it(tmp_path, original, turn, degrees):
    ffmpeg("-i", original, "-frames:v", "5", "-vf", turn, "-c:v", "mpeg4", "-q:v", "2", tmp_path / "stored.mp4")
    ffmpeg("-i", tmp_path / "stored.mp4", "-c", "copy", "-metadata:s:v:0", f"rotate={degrees}", tmp_path / "turned.mp4")
    ffmpeg("-i", tmp_path / "turned.mp4", "-pix_fmt", "bgr24", "-f", "rawvideo", tmp_path / "frames.raw")
    expected = np.fromfile(str(tmp_path / "frames.raw"), np.uint8).reshape(5, 108, 192, 3)
    with open_source(str(tmp_path / "turned.mp4")) as source:
        frames = [frame.image for frame in source if frame is not None]
    assert np.array(frames).shape == expected.shape
    assert np.abs(np.array(frames).astype(int) - expected).mean() < 3


def test_pixels_that_are_not_square(tmp_path, original):
    ffmpeg("-i", original, "-vf", "scale=96:108,setsar=2/1", "-c:v", "libx264", tmp_path / "wide.mp4")
    with open_source(str(tmp_path / "wide.mp4")) as source:
        assert {frame.image.shape for frame in source if frame is not None} == {(108, 192, 3)}


@needs_model
def test_a_recording_plays_as_the_film_does(tmp_path):
    film, copy, lines = tmp_path / "film.mp4", tmp_path / "copy.mkv", tmp_path / "found.jsonl"
    ffmpeg("-i", CLIP, "-frames:v", "80", "-vf", VARIABLE, "-vsync", "vfr", "-c:v", "libx264", "-an", film)
    code, _, err = detect("--cam", film, "--size", 64, "--save", copy, "--jsonl", lines, "--no-show")
    assert code == 0, err
    assert shown(copy) == pytest.approx(shown(film), abs=0.0011)
    assert [line["t"] for line in lines_of(lines)] == pytest.approx(shown(film), abs=0.0011)
