import argparse

import pytest
from support.recorded import files, frame, put

from app.clips import check_limits, open_clips, open_recorders
from app.clips.arguments import Free, add_clips, read_factor, read_free
from app.clips.segments import SegmentSink
from app.clips.timelapse import TimeLapseSink
from app.command import Parser, byte_count, duration
from app.errors import OutputError, UsageError


def options(*words, name="yard"):
    parser = Parser()
    add_clips(parser)
    made = parser.parse_args(words)
    made.name = name
    return made


@pytest.mark.parametrize("text, expected", [("90s", 90), ("10m", 600), ("1.5h", 5400)])
def test_a_time_has_a_unit(text, expected):
    assert duration(text) == expected


@pytest.mark.parametrize("text", ["", "10", "0m", "-5m", "10 m", "1e3s", "nan", "10d"])
def test_not_a_time(text):
    with pytest.raises(argparse.ArgumentTypeError, match="as 90s, 10m or 2h"):
        duration(text)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("20GB", 20 * 10**9),
        ("8G", 8 << 30),
        ("8GiB", 8 << 30),
        ("500MB", 500 * 10**6),
        ("1.5K", 1536),
        ("2TB", 2 * 10**12),
    ],
)
def test_a_size_has_a_unit(text, expected):
    assert byte_count(text) == expected


@pytest.mark.parametrize("text", ["", "20", "0GB", "-1GB", "20 GB", "20gb", "GB", "1e9B", "infGB"])
def test_not_a_size(text):
    with pytest.raises(argparse.ArgumentTypeError, match="as 500MB, 20GB or 8G"):
        byte_count(text)


def test_what_stays_free():
    assert read_free("5%") == Free(0.05, is_share=True)
    assert read_free("2GB") == Free(2 * 10**9)
    assert read_free("0") == Free(0)
    for text in ("100%", "-5%", "5", "%", ""):
        with pytest.raises(argparse.ArgumentTypeError, match="as 5% or 2GB, or 0"):
            read_free(text)


def test_how_fast():
    assert read_factor("60x") == 60
    for text in ("60", "1x", "0x", "x", "1000000x", "6.5x"):
        with pytest.raises(argparse.ArgumentTypeError, match="from 2x to 100000x"):
            read_factor(text)


@pytest.mark.parametrize(
    "words",
    [
        ["--pre-roll", "61"],
        ["--post-roll", "-1"],
        ["--keep", "20"],
        ["--keep-clips", "x"],
        ["--keep-free", "200%"],
        ["--keep-days", "0"],
        ["--segment", "10"],
        ["--time-lapse", "60"],
        ["--keep-time-lapse", ""],
    ],
)
def test_nonsense_is_refused(words):
    with pytest.raises(UsageError, match=words[0]):
        options(*words)


def test_the_options_stay_the_texts_that_were_given():
    made = options("--keep", "20GB", "--segment", "10m", "--keep-free", "5%", "--time-lapse", "60x")
    assert (made.keep, made.segment, made.keep_free, made.time_lapse) == ("20GB", "10m", "5%", "60x")
    assert options() == options("--pre-roll", "5", "--post-roll", "5", "--keep-clips", "5GB")


def test_what_is_not_asked_for_is_not_opened(tmp_path):
    assert open_recorders(options(), str(tmp_path), "yard") == []
    assert not list(tmp_path.iterdir())


def test_where_what_is_recorded(tmp_path):
    made = options("--record", "--time-lapse", "60x", "--clips")
    recorders = open_recorders(made, str(tmp_path), "yard")
    assert list(map(type, recorders)) == [SegmentSink, TimeLapseSink]
    clips = open_clips(made, str(tmp_path), "yard")
    for sink in (*recorders, clips):
        put(sink, frame(0))
        sink.close()
    folders = [path.relative_to(tmp_path).parts[:2] for path in files(tmp_path)]
    assert folders == [("recordings", "yard"), ("time-lapse", "yard")]
    (sink,) = open_recorders(options("--record", str(tmp_path / "own")), str(tmp_path), "yard")
    put(sink, frame(0))
    sink.close()
    assert len(files(tmp_path / "own")) == 1


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "time-lapse").write_text("x")
    with pytest.raises(OutputError, match="cannot create it"):
        open_recorders(options("--record", "--time-lapse", "60x"), str(tmp_path), "yard")
    open_recorders(options("--record"), str(tmp_path), "yard")[0].close()


def test_cameras_that_share_a_folder_share_its_limits(tmp_path):
    check_limits([options("--record"), options("--record", name="door"), options("--keep", "1GB", name="gate")])
    check_limits([options("--record", "a"), options("--record", "b", "--keep", "1GB", name="door")])
    check_limits([options("--clips"), options("--record", "clips", name="door")])  # not the store's folder of this name
    with pytest.raises(UsageError, match="yard and door share the folder recordings.*set keep, keep_days, keep_free"):
        check_limits([options("--record"), options("--record", "--keep", "1GB", name="door")])
    with pytest.raises(UsageError, match="set keep_clips, keep_days, keep_free for all"):
        check_limits([options("--clips"), options("--clips", "--keep-days", "3", name="door")])
