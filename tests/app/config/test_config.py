import json
import os

import pytest

from app import detect
from app.arguments import make_parser
from app.config import check_text, read_settings
from app.config.file import CAMERA_KEYS, RUN_KEYS, SWITCHES
from app.errors import UsageError


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes front.toml into the working folder; the words that name it."""
    monkeypatch.chdir(tmp_path)

    def write(text, name="front.toml", mode=0o600):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(mode)
        return ["--config", "front.toml"]

    return write


def refused(*words):
    with pytest.raises(UsageError) as caught:
        read_settings(words)
    return str(caught.value)


def column(settings, key):
    return {camera.name: getattr(camera, key) for camera in settings.cameras}


def test_every_option_is_a_key_of_the_file_or_of_the_command_line_only():
    actions = {action.dest: action for action in make_parser()._actions}
    assert set(actions) == {*RUN_KEYS, *CAMERA_KEYS, "help", "version", "list_backends", "config", "check"}
    assert {key for key in (*RUN_KEYS, *CAMERA_KEYS) if actions[key].nargs == 0} == set(SWITCHES)


def test_without_a_file_there_is_one_camera_with_the_parsers_defaults():
    settings = read_settings([])
    defaults = vars(make_parser().parse_args([]))
    assert vars(settings.cameras[0]) == dict({key: defaults[key] for key in CAMERA_KEYS}, cam="0", name="cam0")
    assert len(settings.cameras) == 1
    keys = (*RUN_KEYS, "config", "check", "list_backends")
    assert vars(settings.run) == {key: defaults[key] for key in keys}
    assert (settings.run.workers, settings.run.show) == ("auto", None)


def test_names_of_cameras(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a=b.mp4").write_text("")
    sources = ["a=b.mp4", "yard=c=d.mp4", "csi://0?flip=2", "Door=0", "x-1_y=1"]
    settings = read_settings([word for source in sources for word in ("--cam", source)])
    expected = [
        ("cam0", "a=b.mp4"),
        ("yard", "c=d.mp4"),
        ("cam2", "csi://0?flip=2"),
        ("cam3", "Door=0"),
        ("x-1_y", "1"),
    ]
    assert list(column(settings, "cam").items()) == expected


def test_wrong_names():
    assert refused("--cam", "a=0", "--cam", "a=1").startswith("--cam: two cameras have the name a; give each its own")
    assert refused("--cam", "0", "--cam", "cam0=1").startswith("--cam: two cameras have the name cam0")
    assert refused("--cam", "a=") == "--cam: a has no source; write a=SOURCE"
    assert refused("--cam", "") == "--cam: cam0 has no source; write cam0=SOURCE"


@pytest.mark.parametrize("text, value", [("auto", "auto"), ("1", 1), ("256", 256)])
def test_workers(text, value):
    assert read_settings(["--workers", text]).run.workers == value


@pytest.mark.parametrize("text", ["0", "257", "-1", "many", "1.5", "", "auto "])
def test_wrong_workers(text):
    assert f"--workers: should be auto or from 1 to 256, is {text}; see" in refused("--workers=" + text)


FILE = """size = 320
wait = true
conf = 0.5
workers = 2
show = false
offline = true
[camera.front]
cam = "rtsp://ada:word@host/live"
size = 160
wait = false
classes = ["person", "dog"]
[camera.yard]
cam = 1
max_frames = 7
"""


def test_a_table_is_over_the_top_and_an_option_over_both(write):
    words = write(FILE)
    settings = read_settings(words)
    assert column(settings, "cam") == {"front": "rtsp://ada:word@host/live", "yard": "1"}
    assert column(settings, "size") == {"front": 160, "yard": 320}
    assert column(settings, "wait") == {"front": False, "yard": True}
    assert column(settings, "classes") == {"front": ["person", "dog"], "yard": None}
    assert column(settings, "max_frames") == {"front": None, "yard": 7}
    assert (settings.run.workers, settings.run.show, settings.run.offline) == (2, False, True)
    settings = read_settings([*words, "--size=64", "--wait", "--classes=cat", "--workers=auto", "--show"])
    assert column(settings, "size") == {"front": 64, "yard": 64}
    assert column(settings, "wait") == {"front": True, "yard": True}
    assert column(settings, "classes") == {"front": ["cat"], "yard": ["cat"]}
    assert column(settings, "conf") == {"front": 0.5, "yard": 0.5}
    assert (settings.run.workers, settings.run.show) == ("auto", True)


def test_cameras_of_the_command_line_replace_those_of_the_file(write):
    settings = read_settings([*write(FILE), "--cam", "other.mp4", "--cam", "front=front.mp4"])
    assert column(settings, "cam") == {"cam0": "other.mp4", "front": "front.mp4"}
    assert column(settings, "size") == {"cam0": 320, "front": 160}


def test_a_file_without_tables(write):
    assert column(read_settings(write("size = 96")), "cam") == {"cam0": "0"}
    assert column(read_settings(write('cam = ["a.mp4", "yard=b.mp4"]')), "cam") == {"cam0": "a.mp4", "yard": "b.mp4"}
    assert refused(*write('\ncam = ["a=1", "a=2"]')).startswith("front.toml:2: cam: two cameras have the name a")


@pytest.mark.parametrize(
    "line, message",
    [
        ("size = 5000", "size: a size should be from 1 to 4096, is 5000"),
        ("size = 160.0", "size: a size should be from 1 to 4096, is 160.0"),
        ("conf = 1.5", "conf: a threshold should be from 0 to 1, is 1.5"),
        ("fps = nan", "fps: a rate should be from 0.01 to 1000, is nan"),
        ('max_frames = "-"', "max_frames: a number should be from 1 to 1e+09, is -"),
    ],
)
def test_a_value_that_its_option_does_not_take(write, line, message):
    assert refused(*write(f'[camera.front]\ncam = "0"\n{line}')) == f"front.toml:3: {message}"
    assert refused(*write(f"\n\n\n{line}")) == f"front.toml:4: {message}"


def test_a_choice_that_there_is_not(write):
    assert refused(*write('backend = "quick"')).startswith(
        "front.toml:1: backend: invalid choice: 'quick' (choose from"
    )


def test_a_wrong_value_from_the_environment_is_not_shown(write, monkeypatch):
    monkeypatch.setenv("WORD", "hunter2")
    message = refused(*write('conf = "${WORD}"'))
    assert message == "front.toml:1: conf: is wrong with the present value of its variables, which are not shown"


@pytest.mark.parametrize(
    "cam, password, expected",
    [
        ("rtsp://ada@h:554/a?b=c@d", b"word\n", "rtsp://ada:word@h:554/a?b=c@d"),
        ("http://ada@h/x", b"p:a/s@s%#\xc3\xa9 \r\nsecond", "http://ada:p%3Aa%2Fs%40s%25%23%C3%A9%20@h/x"),
        ("RTSPS://a%40b@[::1]/", b"x", "RTSPS://a%40b:x@[::1]/"),
    ],
)
def test_a_password_from_a_file(write, tmp_path, cam, password, expected):
    (tmp_path / "word.txt").write_bytes(password)
    (tmp_path / "word.txt").chmod(0o600)
    words = write(f'[camera.front]\ncam = "{cam}"\npassword_file = "word.txt"')
    assert read_settings(words).cameras[0].cam == expected
    assert read_settings(["--cam", cam, "--password-file", "word.txt"]).cameras[0].cam == expected


def test_a_password_that_everybody_can_read(write, capsys):
    write("word", name="word.txt", mode=0o640)
    words = ["--cam", "rtsp://ada@h/", "--password-file", "word.txt"]
    read_settings(words)
    assert capsys.readouterr().err == ""
    os.chmod("word.txt", 0o604)
    assert read_settings(words).cameras[0].cam == "rtsp://ada:word@h/"
    expected = "warning: word.txt: everybody on this machine can read this password; type: chmod o= word.txt\n"
    assert capsys.readouterr().err == expected


@pytest.mark.parametrize(
    "cam, content, message",
    [
        ("rtsp://ada@h/", None, "word.txt cannot be read: No such file or directory"),
        ("rtsp://ada@h/", "\nword", "the first line of word.txt should be a password of at most 1024 bytes"),
        ("rtsp://ada@h/", "x" * 1025, "the first line of word.txt should be a password of at most 1024 bytes"),
        ("rtsp://ada:old@h/", "word", "the address of front has a password already; remove one of them"),
        ("rtsp://h/live", "word", "front needs an address with a user, as rtsp://user@host/path"),
        ("rtsp://h/a@b", "word", "front needs an address with a user, as rtsp://user@host/path"),
        ("test://ada@h/", "word", "front needs an address with a user, as rtsp://user@host/path"),
        ("0", "word", "front needs an address with a user, as rtsp://user@host/path"),
    ],
)
def test_a_password_that_has_no_place(write, cam, content, message):
    if content is not None:
        write(content, name="word.txt")
    words = write(f'[camera.front]\ncam = "{cam}"\npassword_file = "word.txt"')
    assert refused(*words) == f"front.toml:3: password_file: {message}"
    assert refused("--cam", "front=" + cam, "--password-file", "word.txt") == f"--password-file: {message}"


TWO = ["--cam", "a=0", "--cam", "b=1"]


def test_outputs_with_the_cameras_name(write):
    settings = read_settings([*TWO, "--save", "x/{camera}-{camera}.mkv", "--jsonl", "{camera}.jsonl"])
    assert column(settings, "save") == {"a": "x/a-a.mkv", "b": "x/b-b.mkv"}
    assert column(settings, "jsonl") == {"a": "a.jsonl", "b": "b.jsonl"}
    assert column(read_settings([*TWO, "--jsonl", "all.jsonl"]), "jsonl") == {"a": "all.jsonl", "b": "all.jsonl"}
    words = write('jsonl = "-"\n[camera.a]\ncam = 0\nsave = "a.mkv"\n[camera.b]\ncam = 1\nsave = "b.mkv"')
    assert column(read_settings(words), "save") == {"a": "a.mkv", "b": "b.mkv"}
    assert column(read_settings([*TWO, "--save", "/dev/null"]), "save") == {"a": "/dev/null", "b": "/dev/null"}


def test_outputs_that_meet(write):
    write("")
    message = "--save: a and b cannot both write x/all.mkv; change it to x/{camera}.mkv"
    assert refused(*TWO, "--save", "x/all.mkv") == message
    os.mkdir("stills")
    assert refused(*TWO, "--save", "stills").endswith("write stills; change it to stills/{camera}")
    words = write('save = "all.mkv"\n[camera.a]\ncam = 0\n[camera.b]\ncam = 1\nsave = "./all.mkv"')
    expected = "front.toml:6: save: a and b cannot both write ./all.mkv; change it to ./{camera}.mkv"
    assert refused(*words) == expected
    assert refused("--save", "x", "--jsonl", "x") == "--jsonl x: would overwrite x; choose another name"
    assert refused(*TWO, "--save", "{camera}", "--jsonl", "b").startswith("--jsonl b: would overwrite b")
    assert refused(*TWO, "--jsonl", "{camera}", "--report", "b").startswith("--report b: would overwrite b")


def test_check_shows_the_settings_and_no_password(write, monkeypatch):
    monkeypatch.setenv("WORD", "hunter2")
    write("geheim", name="word.txt")
    words = write(
        '[camera.a]\ncam = "rtsp://ada:${WORD}@h/live"\n[camera.b]\ncam = "rtsp://bob@h/x?token=hunter2"\n'
        'password_file = "word.txt"\n[camera.c]\ncam = "gst://rtspsrc user-pw=hunter2 ! appsink"'
    )
    told = ["--webhook", "https://example.org/hooks/hunter2", "--on-event", "sh -c 'echo hunter2'"]
    text = check_text(read_settings([*words, "--size", "96", *told]))
    assert "hunter2" not in text
    assert "geheim" not in text
    assert '"https://example.org..."' in text
    found = json.loads(text)
    assert found["run"]["config"] == "front.toml"
    assert [found["cameras"][name]["cam"] for name in "abc"] == [
        "rtsp://***@h/live",
        "rtsp://***@h/x?token=***",
        "gst://rtspsrc user-pw=*** ! appsink",
    ]
    assert found["cameras"]["b"]["size"] == 96
    assert set(found["cameras"]["b"]) == set(CAMERA_KEYS)


def test_check_ends_with_0_or_2(write, capsys):
    words = write("[camera.a]\ncam = 'rtsp://nowhere.invalid/'\nmax_frames = 5", name="front.toml")
    assert detect.main([*words, "--check", "--model", "no such model"]) == 0
    assert json.loads(capsys.readouterr().out)["cameras"]["a"]["max_frames"] == 5
    assert detect.main([*words, "--check", "--save", "a", "--jsonl", "a"]) == 2
    assert capsys.readouterr() == ("", "error: --jsonl a: would overwrite a; choose another name\n")


def test_settings_are_read_again_and_stay_when_the_file_is_wrong(write):
    settings = read_settings([*write("[camera.a]\ncam = 0\nsize = 32"), "--conf", "0.1"])
    write("[camera.a]\ncam = 0\nsize = 5000")
    with pytest.raises(UsageError, match=r"^front.toml:3: size: a size should be"):
        settings.reread()
    assert column(settings, "size") == {"a": 32}
    write("[camera.a]\ncam = 0\nsize = 64\n[camera.b]\ncam = 1")
    again = settings.reread()
    assert column(again, "size") == {"a": 64, "b": None}
    assert column(again, "conf") == {"a": 0.1, "b": 0.1}
    assert column(settings, "size") == {"a": 32}


def test_lines_zones_and_masks(write):
    words = write(
        'line = "door:0,0-9,9"\nconf = 0.5\n[camera.a]\ncam = 0\n'
        'line = ["gate:10%,0-9,9", "door:1,1-2,2"]\nline_names = "up,down"\nmask = ["sky:0,0-9,0-9,9:black"]\n'
        "[camera.b]\ncam = 1\n[camera.c]\ncam = 2\nline = []\n[camera.d]\ncam = 3\nline = []\ntrack = true"
    )
    settings = read_settings(words)
    assert column(settings, "line") == {
        "a": ["gate:10%,0-9,9", "door:1,1-2,2"],
        "b": ["door:0,0-9,9"],
        "c": None,
        "d": None,
    }
    assert column(settings, "track") == {"a": True, "b": True, "c": False, "d": True}
    assert column(settings, "mask")["a"] == ["sky:0,0-9,0-9,9:black"]
    assert column(settings, "line_names") == {"a": "up,down", "b": None, "c": None, "d": None}
    shown = json.loads(check_text(settings))["cameras"]["a"]
    assert shown["line"] == ["gate:10%,0-9,9", "door:1,1-2,2"]
    settings = read_settings([*words, "--line", "x:0,0-1,1", "--line", "y:0,0-1,1"])
    assert set(map(tuple, column(settings, "line").values())) == {("x:0,0-1,1", "y:0,0-1,1")}


@pytest.mark.parametrize("words", [["--events", "e"], ["--zone", "z:0,0-9,0-9,9"], ["--totals", "t"], ["--track"]])
def test_what_brings_tracking(words):
    assert read_settings(words).cameras[0].track is True
    assert read_settings(["--mask", "z:0,0-9,0-9,9"]).cameras[0].track is False


@pytest.mark.parametrize(
    "line, message",
    [
        ('line = ["door:0,0-9,9", "x:1,1-1,1"]', "line: line x: both ends are the same point"),
        ("line = 5", 'line: should be a list of texts, as ["door:100,200-400,200"]'),
        ("zone = [5]", "zone: should be a list of texts"),
        ("track = 1", "track: should be true or false"),
        ('anchor = "left"', "anchor: invalid choice"),
        ("lines = []", "lines: unknown key; did you mean line?"),
        ('[camera.front.line]\ndoor = "0,0-9,9"', "line: should be a list of texts"),
    ],
)
def test_wrong_lines_in_a_file(write, line, message):
    assert refused(*write(f'[camera.front]\ncam = "0"\n{line}')).startswith(f"front.toml:3: {message}")


def test_names_that_repeat_in_a_file(write):
    words = write('[camera.front]\ncam = 0\nline = ["a:0,0-9,9"]\nzone = ["a:0,0-9,0-9,9"]')
    assert refused(*words).startswith("front.toml:3: line: a: two lines, zones or masks have this name")


def test_outputs_of_tracking_that_meet(write):
    write("")
    assert column(read_settings([*TWO, "--events", "{camera}.jsonl"]), "events") == {"a": "a.jsonl", "b": "b.jsonl"}
    assert column(read_settings([*TWO, "--events", "all"]), "events") == {"a": "all", "b": "all"}
    message = "--totals: a and b cannot both write t.json; change it to {camera}.json"
    assert refused(*TWO, "--totals", "t.json") == message
    assert refused("--events", "x", "--jsonl", "x") == "--jsonl x: would overwrite x; choose another name"


def test_what_is_recorded(write):
    words = write(
        'record = ""\nkeep = "8G"\n[camera.front]\ncam = "0"\n[camera.yard]\ncam = "1"\nrecord = "/disk/{camera}"\n'
        'keep = "1GB"\nkeep_days = 14\nclips = true\n'
    )
    settings = read_settings(words)
    assert column(settings, "record") == {"front": "", "yard": "/disk/yard"}
    assert column(settings, "keep") == {"front": "8G", "yard": "1GB"}
    assert column(settings, "keep_days") == {"front": None, "yard": 14}
    assert column(settings, "clips") == {"front": False, "yard": True}
    assert column(read_settings([*words, "--keep-days", "3"]), "keep_days") == {"front": 3, "yard": 3}


def test_limits_of_a_folder_that_cameras_share(write):
    words = write('record = ""\n[camera.front]\ncam = "0"\n[camera.yard]\ncam = "1"\nkeep = "1GB"\n')
    assert "front and yard share the folder recordings" in refused(*words)
    words = write('record = true\n[camera.front]\ncam = "0"\n')
    assert "front.toml:1: record: should not be true or false" in refused(*words)
