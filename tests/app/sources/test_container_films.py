"""Films that ffmpeg makes: what their containers say must be what ffprobe says, frame by frame."""

import json
import random
import shutil
import struct
import subprocess
from fractions import Fraction

import pytest

from app.sources.container import read_track

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (shutil.which("ffmpeg") and shutil.which("ffprobe")), reason="needs ffmpeg and ffprobe"),
]
X264 = "-c:v libx264 -preset veryfast"
PLAIN = X264 + " -bf 0"
B_FRAMES = X264 + " -bf 3 -g 12 -x264-params b-adapt=0"
# Frames are left out: 0, 1, 3, 4, 6, 7, 9 ...
GAPS = "-vf select=mod(n\\,7)-mod(n\\,3)+1 -vsync vfr"
SOUND = "-c:a aac"
MJPEG = "-c:v mjpeg -pix_fmt yuvj420p"


def ffmpeg(path, options, *, rate="25", seconds=2):
    """Make a film; with sound if the options say how to encode it."""
    source = f"-f lavfi -i testsrc=size=64x48:rate={rate}:duration={seconds}"
    if "-c:a" in options:
        source = f"-f lavfi -i sine=duration={seconds} {source}"
    command = f"ffmpeg -v error -y {source} -pix_fmt yuv420p {options}".split()
    subprocess.run([*command, str(path)], check=True, stdin=subprocess.DEVNULL)
    return path


def copy(source, path, options, before=""):
    """The same frames in another container, or a part of them."""
    command = f"ffmpeg -v error -y {before} -i {source} -c copy {options}".split()
    subprocess.run([*command, str(path)], check=True, stdin=subprocess.DEVNULL)
    return path


def ffprobe(path):
    """The first video stream, and the times of its frames in seconds."""
    command = "ffprobe -v quiet -select_streams v:0 -show_streams -show_frames -of json".split()
    said = json.loads(subprocess.run([*command, str(path)], check=True, stdout=subprocess.PIPE).stdout.decode())
    return said["streams"][0], [float(frame["best_effort_timestamp_time"]) for frame in said["frames"]]


def blocks(path):
    """How many packets the film has."""
    command = "ffprobe -v quiet -select_streams v:0 -count_packets -show_entries stream=nb_read_packets -of csv=p=0"
    return int(subprocess.run([*command.split(), str(path)], check=True, stdout=subprocess.PIPE).stdout.split()[0])


def check(path):
    """Compare everything with ffprobe, and return the track and its times."""
    stream, expected = ffprobe(path)
    track = read_track(str(path))
    times = list(track.times)
    assert len(times) == len(expected) > 0
    assert times == pytest.approx(expected, abs=0.001)
    assert track.frames in (None, len(expected))
    if path.suffix not in (".mkv", ".webm"):
        assert track.frames == len(expected)
    assert track.codec == stream["codec_name"]
    aspect = Fraction(stream.get("sample_aspect_ratio", "1:1").replace(":", "/"))
    assert float(track.aspect) == pytest.approx(float(aspect), rel=0.01)
    anticlockwise = [data["rotation"] % 360 for data in stream.get("side_data_list", []) if "rotation" in data]
    assert {1: 0, 6: 270, 3: 180, 8: 90}[track.orientation] == (anticlockwise or [0])[0]
    return track, times


@pytest.mark.parametrize(
    "suffix, options",
    [
        pytest.param(suffix, options, id=f"{suffix}-{name}")
        for suffix in ("mp4", "mov", "mkv", "3gp", "m4v")
        for name, options in {
            "plain": PLAIN,
            "b": B_FRAMES,
            "gaps": f"{GAPS} {B_FRAMES}",
            "sound": f"{SOUND} {B_FRAMES}",
        }.items()
        if not (suffix == "3gp" and name == "sound")
    ]
    + [
        pytest.param("mp4", B_FRAMES + " -movflags faststart", id="moov-first"),
        pytest.param("mp4", B_FRAMES + " -movflags frag_keyframe+empty_moov", id="fragmented"),
        pytest.param("mp4", B_FRAMES + " -movflags frag_keyframe", id="fragmented-after-table"),
        pytest.param("mp4", B_FRAMES + " -movflags frag_every_frame+empty_moov", id="fragment-per-frame"),
        pytest.param("mp4", f"{GAPS} {B_FRAMES} -movflags frag_keyframe+empty_moov", id="fragmented-gaps"),
        pytest.param("mp4", B_FRAMES + " -movflags cmaf+frag_keyframe", id="cmaf"),
        pytest.param(
            "mp4", f"{SOUND} {B_FRAMES} -movflags frag_keyframe+empty_moov+default_base_moof", id="fragmented-sound"
        ),
        pytest.param("mp4", B_FRAMES + " -movflags negative_cts_offsets", id="negative-offsets"),
        pytest.param(
            "mp4", B_FRAMES + " -movflags negative_cts_offsets+frag_keyframe+empty_moov", id="negative-fragmented"
        ),
        pytest.param("mp4", B_FRAMES + " -use_editlist 0", id="no-edit-list"),
        pytest.param("mp4", "-c:v libx265 -x265-params log-level=none:bframes=4 -preset ultrafast", id="hevc"),
        pytest.param("mp4", "-c:v mpeg4 -bf 2", id="mpeg4-b"),
        pytest.param("mov", MJPEG, id="mov-mjpeg"),
        pytest.param("mov", "-c:v prores -pix_fmt yuv422p10le", id="prores"),
        pytest.param("avi", MJPEG, id="avi-mjpeg"),
        pytest.param("avi", "-c:v mpeg4", id="avi-mpeg4"),
        pytest.param("avi", PLAIN, id="avi-h264"),
        pytest.param("avi", f"{GAPS} {MJPEG}", id="avi-gaps"),
        pytest.param("avi", "-c:a pcm_s16le -c:v mpeg4", id="avi-sound"),
        pytest.param("avi", "-c:a pcm_s16le -c:v mpeg4 -map 0:a -map 1:v", id="avi-sound-first"),
        pytest.param("mp4", f"{SOUND} {B_FRAMES} -map 0:a -map 1:v", id="mp4-sound-first"),
        pytest.param("mkv", f"{SOUND} {B_FRAMES} -map 0:a -map 1:v", id="mkv-sound-first"),
        pytest.param("mkv", f"{B_FRAMES} -map 0:v -map 0:v -r:v:1 10", id="mkv-two-films"),
        pytest.param("mp4", f"{B_FRAMES} -map 0:v -map 0:v -r:v:1 10", id="mp4-two-films"),
        pytest.param("mp4", "-c:v libaom-av1 -cpu-used 8 -strict -2", id="av1"),
        pytest.param("mkv", "-c:v mpeg2video -bf 2", id="mpeg2"),
        pytest.param("webm", "-c:v libvpx-vp9 -auto-alt-ref 1 -lag-in-frames 16 -deadline realtime", id="vp9"),
        pytest.param("webm", f"{GAPS} -c:v libvpx-vp9 -deadline realtime", id="vp9-gaps"),
        pytest.param("mkv", MJPEG, id="mkv-mjpeg"),
        pytest.param("mkv", "-c:v mpeg4 -bf 2", id="mkv-mpeg4-b"),
        pytest.param("mkv", B_FRAMES + " -live 1 -cluster_time_limit 200", id="mkv-live"),
        pytest.param("mkv", B_FRAMES + " -allow_raw_vfw 1", id="mkv-h264-b"),
    ],
)
def test_times(tmp_path, suffix, options):
    check(ffmpeg(tmp_path / f"film.{suffix}", options))


@pytest.mark.parametrize("suffix", ["webm", "mkv", "avi"])
def test_hidden_frames_of_vp8(tmp_path, suffix):
    film, log = tmp_path / "film.webm", tmp_path / "log"
    for number in (1, 2):  # only the second one has frames to refer to that are not shown
        ffmpeg(
            film, f"-c:v libvpx -auto-alt-ref 1 -lag-in-frames 16 -g 50 -pass {number} -passlogfile {log}", seconds=6
        )
    track, times = check(copy(film, tmp_path / f"copy.{suffix}", ""))
    assert len(times) == 150 < blocks(film)


@pytest.mark.parametrize("rate", ["30000/1001", "60", "1/2", "12.5"])
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
def test_rates(tmp_path, suffix, rate):
    check(ffmpeg(tmp_path / f"film.{suffix}", B_FRAMES if suffix != "avi" else MJPEG, rate=rate, seconds=10))


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "avi"])
@pytest.mark.parametrize("aspect", ["4/3", "1/2", "40/33", "16/11"])
def test_pixels_that_are_not_square(tmp_path, suffix, aspect):
    options = B_FRAMES if suffix != "avi" else MJPEG
    track, _ = check(ffmpeg(tmp_path / f"film.{suffix}", f"-vf setsar={aspect} {options}", seconds=1))
    assert track.aspect == Fraction(aspect) or suffix != "mp4"


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
@pytest.mark.parametrize("turn, orientation", [(0, 1), (90, 6), (180, 3), (270, 8)])
def test_turned_films(tmp_path, suffix, turn, orientation):
    film = ffmpeg(tmp_path / "film.mp4", B_FRAMES, seconds=1)
    track, _ = check(copy(film, tmp_path / f"turned.{suffix}", f"-metadata:s:v:0 rotate={-turn % 360}"))
    assert track.orientation == orientation


@pytest.mark.parametrize("codec", ["-c:v mpeg4 -bf 2", B_FRAMES])
def test_b_frames_in_avi(tmp_path, codec):
    """AVI says nothing of when they are shown, and ffprobe only when they are decoded: one after the other."""
    track = read_track(str(ffmpeg(tmp_path / "film.avi", codec)))
    assert list(track.times) == pytest.approx([index / 25 for index in range(50)])


@pytest.mark.parametrize(
    "before, options",
    [
        ("-itsoffset 1.5", ""),
        ("-ss 0.7", ""),
        ("-ss 1", "-t 0.5"),
        ("-ss 0.9", "-copyts"),
        ("-itsoffset 0.3 -ss 0.5", "-t 1"),
    ],
)
@pytest.mark.parametrize("codec", [PLAIN + " -g 12", B_FRAMES])
@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_parts_of_films(tmp_path, suffix, before, options, codec):
    film = ffmpeg(tmp_path / "film.mp4", codec)
    check(copy(film, tmp_path / f"part.{suffix}", options, before))


@pytest.mark.parametrize("flags", ["frag_keyframe+delay_moov", "frag_keyframe+empty_moov", "cmaf+delay_moov"])
def test_parts_of_films_in_fragments(tmp_path, flags):
    film = ffmpeg(tmp_path / "film.mp4", f"{SOUND} {B_FRAMES}")
    for index, before in enumerate(["", "-itsoffset 1.5", "-ss 0.7"]):
        check(copy(film, tmp_path / f"part{index}.mp4", f"-movflags {flags}", before))


@pytest.mark.parametrize("suffix, options", [("mkv", B_FRAMES), ("webm", "-c:v libvpx-vp9 -deadline realtime")])
def test_films_that_are_cut_off(tmp_path, suffix, options):
    film = ffmpeg(tmp_path / f"film.{suffix}", options)
    data = film.read_bytes()
    for percent in (50, 65, 80):
        film.write_bytes(data[: len(data) * percent // 100])
        assert len(check(film)[1]) < 50


def box(kind, *parts):
    content = b"".join(parts)
    return (8 + len(content)).to_bytes(4, "big") + kind + content


def with_edits(path, target, edits):
    """A copy of an MP4 file whose `moov` is at its end, with other edits: duration in milliseconds, time."""

    def changed(data):
        parts, place = [], 0
        while place < len(data):
            size, kind = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8]
            part = data[place : place + size]
            place += size
            if kind in (b"moov", b"trak"):
                part = box(kind, changed(part[8:]))
            elif kind == b"edts":
                entries = [struct.pack(">IiI", length, time, 1 << 16) for length, time in edits]
                part = box(kind, box(b"elst", bytes(4), struct.pack(">I", len(edits)), *entries))
            parts.append(part)
        return b"".join(parts)

    target.write_bytes(changed(path.read_bytes()))
    return target


@pytest.mark.parametrize("codec", [PLAIN + " -g 12", B_FRAMES, MJPEG])
def test_edit_lists(tmp_path, codec):
    film = ffmpeg(tmp_path / "film.mp4", codec + " -video_track_timescale 1000")
    chance = random.Random(5)
    for index in range(12):
        edits = [(chance.choice([0, 200, 500]), -1)] * (index % 2)
        edits += [(chance.randrange(1, 60) * 40, chance.randrange(0, 45) * 40) for _ in range(1 + index // 4)]
        check(with_edits(film, tmp_path / f"edited{index}.mp4", edits))
