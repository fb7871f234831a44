import json
import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest
from commands import JETSON, ROOT, failed, run, write

from app.arguments import make_parser
from app.config import DEFAULT_SOURCE, read_settings

SERVICE = JETSON / "service"
RUN_DETECT = SERVICE / "run-detect"
NO_SETTINGS = {"help", "version", "list-backends", "check", "config"}  # the file of --config has a fixed place
DEFAULTS = {"cam": DEFAULT_SOURCE}  # of options whose default is not the parser's
NOT_OPTIONS = {"NANOYOLO_OUTPUT_LIMIT", "OPENBLAS_CORETYPE"}


def variable(option):
    return "NANOYOLO_" + option.upper().replace("-", "_")


def options():
    """Each option of app.detect, without its dashes, and argparse's action for it."""
    found = {}
    for action in make_parser()._actions:
        option = action.option_strings[-1][2:]
        if option not in NO_SETTINGS and option != "no-show":
            found[option] = action
    return found


def settings_file():
    """The settings' lines: (variable, value, whether it is commented out, the line before)."""
    before, found = "", []
    for line in (SERVICE / "nanoyolo.env").read_text().splitlines():
        match = re.match(r"(#?)([A-Z_]+)=(.*)$", line)
        if match:
            found.append((match.group(2), match.group(3), bool(match.group(1)), before))
        before = line
    return found


def test_every_option_is_in_the_settings_with_its_default_and_a_sentence():
    commented = {name: (value, before) for name, value, comment, before in settings_file() if comment}
    for option, action in options().items():
        value, before = commented.pop(variable(option))
        default = DEFAULTS.get(option, "" if action.default is None else str(action.default))
        assert value == ("no" if action.nargs == 0 else default), option  # a service has no display to show on
        assert re.match(r"# [A-Z].{10,}", before), option
        for choice in action.choices or ():
            assert choice in before, (option, choice)
    assert set(commented) == NOT_OPTIONS


def arguments(settings, *words):
    """What app.detect would be called with."""
    code = "import json, os, sys; print(json.dumps([os.getpid(), os.getcwd(), sys.argv[1:]]))"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NANOYOLO_")}
    environment.update(settings, PYTHON_CODE=code, NANOYOLO_PYTHON=str(settings.get("NANOYOLO_PYTHON")))
    process = subprocess.Popen(
        [str(RUN_DETECT), *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
    )
    out, err = process.communicate(timeout=30)
    return process, out, err


@pytest.fixture
def python(tmp_path):
    """A Python that only says what it was called with."""
    path = tmp_path / "python"
    write(path, f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -c "$PYTHON_CODE" "$@"\n', 0o755)
    return str(path)


def parsed(settings, python):
    process, out, err = arguments(dict(settings, NANOYOLO_PYTHON=python))
    assert process.returncode == 0, err
    pid, folder, words = json.loads(out)
    assert pid == process.pid, "systemd knows the process that it has started, so that should be the program"
    assert folder == str(ROOT)
    assert words[:2] == ["-m", "app.detect"]
    return vars(make_parser().parse_args(words[2:])), err


CAM = "rtsp://user:p a$s'\"w*rd;`id`@host/a?b#c\\d"
SAMPLES = {  # of each option, a value that is not the default, and what the parser makes of it
    "cam": (CAM, [CAM]),
    "password-file": ("/etc/nanoyolo/a b", None),
    "workers": ("3", 3),
    "width": ("1280", 1280),
    "height": ("720", 720),
    "fps": ("12.5", 12.5),
    "retry": ("3", 3),
    "max-frames": ("10", 10),
    "max-megapixels": ("200", 200),
    "model": ("-odd name.onnx", None),
    "size": ("160", 160),
    "detect-every": ("5", None),
    "backend": ("onnx", None),
    "device": ("cpu", None),
    "precision": ("fp32", None),
    "conf": ("0.5", 0.5),
    "nms": ("0.3", 0.3),
    "classes": ("traffic light,dog\nand a line", ["traffic light", "dog\nand a line"]),
    "save": ("/somewhere/a b.mkv", None),
    "jsonl": ("-", None),
    "report": ("/somewhere/report.json", None),
    "line": ("door:1,2-30%,40%", ["door:1,2-30%,40%"]),
    "line-names": ("up,down", None),
    "zone": ("yard:1,2-30,2-30,40", ["yard:1,2-30,2-30,40"]),
    "mask": ("sky:1,2-30,2-30,40:black", ["sky:1,2-30,2-30,40:black"]),
    "anchor": ("centre", None),
    "inertia": ("1.5", 1.5),
    "loiter": ("60", 60),
    "events": ("-", None),
    "store": ("/somewhere/a store", None),
    "event-classes": ("traffic light,dog", ["traffic light", "dog"]),
    "event-zones": ("yard,door", ["yard", "door"]),
    "event-score": ("0.6", 0.6),
    "quiet-hours": ("22:00-6:00", None),
    "cool-down": ("60", 60),
    "keep-events": ("1000", 1000),
    "mqtt": ("mqtts://ada@broker.local/home", None),
    "mqtt-password-file": ("/etc/nanoyolo/a b", None),
    "mqtt-ca": ("/etc/nanoyolo/ca.pem", None),
    "webhook": ("https://example.org/hook?a=b&c", ["https://example.org/hook?a=b&c"]),
    "webhook-secret-file": ("/etc/nanoyolo/secret", None),
    "on-event": ("sh -c 'cat > \"/tmp/a b\"'", ["sh -c 'cat > \"/tmp/a b\"'"]),
    "on-event-jobs": ("3", 3),
    "totals": ("/somewhere/totals.json", None),
    "serve": ("0.0.0.0:8080", None),
    "serve-host": ("cams.example.org", None),
    "serve-tls": ("/somewhere/cert.pem  /somewhere/key.pem", ["/somewhere/cert.pem", "/somewhere/key.pem"]),
    "pre-roll": ("2.5", 2.5),
    "post-roll": ("3", 3),
    "keep-clips": ("1GB", None),
    "record": ("/somewhere/a b", None),
    "segment": ("90s", None),
    "keep": ("8G", None),
    "keep-days": ("14", 14),
    "keep-free": ("2GB", None),
    "time-lapse": ("60x", None),
    "keep-time-lapse": ("500MB", None),
}


def test_each_variable_becomes_its_argument_whatever_is_in_it(python):
    for option, action in options().items():
        value, expected = ("yes", True) if action.nargs == 0 else SAMPLES[option]
        found, err = parsed({variable(option): value}, python)
        assert found[action.dest] == (value if expected is None else expected), option
        assert err == ""


def test_without_settings_everything_is_the_default_but_the_window(python):
    found, _ = parsed({}, python)
    assert found == dict(vars(make_parser().parse_args([])), show=False)
    assert parsed({variable(option): "" for option in options()}, python)[0] == found


def test_the_file_as_it_comes_waits_for_its_camera_and_never_downloads(python):
    active = {name: value for name, value, comment, _ in settings_file() if not comment}
    found, err = parsed(active, python)
    assert found == dict(vars(make_parser().parse_args([])), show=False, wait=True, offline=True)
    assert err == ""


@pytest.mark.parametrize("text", ["no", "false", "off", "0", ""])
def test_a_switch_that_is_off(python, text):
    assert parsed({"NANOYOLO_SQUARE": text, "NANOYOLO_SHOW": text}, python)[0]["square"] is False


def test_a_switch_that_is_neither(python):
    process, _, err = arguments({"NANOYOLO_SQUARE": "perhaps", "NANOYOLO_PYTHON": python})
    assert process.returncode == 2
    assert err == "error: NANOYOLO_SQUARE should be yes or no, is perhaps; fix it in /etc/nanoyolo/nanoyolo.env\n"


def test_outputs_are_in_the_services_folder(python):
    found, _ = parsed({"NANOYOLO_SAVE": "a.mkv", "NANOYOLO_JSONL": "b/c.jsonl", "NANOYOLO_REPORT": "/d.json"}, python)
    assert found["save"] == "/var/lib/nanoyolo/a.mkv"
    assert found["jsonl"] == "/var/lib/nanoyolo/b/c.jsonl"
    assert found["report"] == "/d.json"


def test_a_store_that_another_setting_needs_is_in_the_services_folder(python):
    found, _ = parsed({"NANOYOLO_QUIET_HOURS": "22:00-6:00", "NANOYOLO_EVENT_ZONES": "yard"}, python)
    assert found["store"] == "/var/lib/nanoyolo/store"
    assert (
        parsed({"NANOYOLO_COOL_DOWN": "60", "NANOYOLO_STORE": "mine"}, python)[0]["store"] == "/var/lib/nanoyolo/mine"
    )


def test_a_setting_of_another_version_is_said_and_ignored(python):
    found, err = parsed({"NANOYOLO_SIZ": "160", "NANOYOLO_OUTPUT_LIMIT": "1G"}, python)
    assert found["size"] is None
    assert err.startswith("warning: NANOYOLO_SIZ is not a setting of this version")
    assert len(err.splitlines()) == 1


def test_what_it_prints_can_be_typed(python):
    settings = {"NANOYOLO_CAM": CAM, "NANOYOLO_PYTHON": python}
    out = arguments(settings, "--print")[1]
    words = shlex.split(out)
    assert words[:3] == [python, "-m", "app.detect"]
    assert make_parser().parse_args(words[3:]).cam == [CAM]


def test_a_file_of_cameras(python, tmp_path):
    config = tmp_path / "a b.toml"
    config.write_text("show = true")
    settings = {"NANOYOLO_CONFIG": str(config)}
    found, err = parsed(settings, python)
    assert (found["config"], found["show"], found["check"], err) == (str(config), None, False, "")
    assert parsed(dict(settings, NANOYOLO_SHOW="no"), python)[0]["show"] is False
    out = arguments(dict(settings, NANOYOLO_PYTHON=python), "--check")[1]
    assert json.loads(out)[2][-2:] == [f"--config={config}", "--check"]
    config.unlink()
    assert parsed(settings, python)[0] == dict(vars(make_parser().parse_args([])), show=False)


def test_the_example_of_a_file_of_cameras(tmp_path):
    (tmp_path / "front.password").write_text("word")
    text = (SERVICE / "nanoyolo.toml").read_text().replace("/etc/nanoyolo/front", str(tmp_path / "front"))
    (tmp_path / "nanoyolo.toml").write_text(text)
    settings = read_settings(["--config", str(tmp_path / "nanoyolo.toml")])
    front, yard = settings.cameras
    assert (front.name, front.cam, front.size) == ("front", "rtsp://ada:word@192.168.1.30/live", 160)
    assert (yard.name, yard.size, yard.save) == ("yard", 320, "/var/lib/nanoyolo/yard.mkv")


def prune(*words):
    return run(SERVICE / "prune-outputs", *words)


def put(path, age, kilobytes=64):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.urandom(kilobytes * 1024))
    os.utime(str(path), (10**9 - age, 10**9 - age))
    return path


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_the_oldest_go_until_the_rest_fits(tmp_path):
    assert prune(tmp_path, "1") == (0, "", "")
    for age in range(10):
        put(tmp_path / f"{age}.mkv", age)
    assert prune(tmp_path, "200K")[0] == 0
    assert names(tmp_path) == ["0.mkv", "1.mkv", "2.mkv"]
    assert prune(tmp_path, "192K") == (0, "", "")
    assert len(names(tmp_path)) == 3


def test_the_newest_stays_however_large(tmp_path):
    put(tmp_path / "old", 2)
    put(tmp_path / "newest", 1, 512)
    code, _, err = prune(tmp_path, "100K")
    assert code == 0
    assert names(tmp_path) == ["newest"]
    assert "exceed the limit of 100K" in err


def test_one_that_is_being_written_stays_however_old_and_under_whatever_name(tmp_path):
    with open(str(put(tmp_path / "open", 9)), "ab"):
        (tmp_path / "open").rename(tmp_path / "renamed")
        put(tmp_path / "b", 5)
        put(tmp_path / "c", 1)
        prune(tmp_path, "130K")
        assert names(tmp_path) == ["c", "renamed"]
        prune(tmp_path, "1")
        assert names(tmp_path) == ["c", "renamed"]
    prune(tmp_path, "1")
    assert names(tmp_path) == ["c"]


def test_odd_names_and_folders(tmp_path):
    odd = [" a b ", "-rf", "new\nline", "*", "$(touch x)", "'\"", "ä\\n", "deep/er/file"]
    for age, name in enumerate(odd):
        put(tmp_path / name, 100 + age)
    put(tmp_path / "newest", 1)
    assert prune(tmp_path, "64K")[0] == 0
    assert names(tmp_path) == ["newest"]


def test_the_token_of_viewers_stays(tmp_path):
    put(tmp_path / "token", 1000)
    put(tmp_path / "yard/token", 900)  # an output of that name
    put(tmp_path / "newest", 1)
    assert prune(tmp_path, "1")[0] == 0
    assert names(tmp_path) == ["newest", "token"]


def test_links_are_not_followed(tmp_path):
    outside = tmp_path / "outside"
    precious = put(outside / "precious", 1000)
    inside = tmp_path / "inside"
    put(inside / "old", 5)
    put(inside / "new", 1)
    (inside / "file").symlink_to(precious)
    (inside / "folder").symlink_to(outside)
    (inside / "up").symlink_to("..")
    assert prune(inside, "64K")[0] == 0
    assert precious.exists()
    assert (inside / "file").is_symlink()
    assert not (inside / "old").exists()
    (tmp_path / "link").symlink_to(inside)
    failed(prune(tmp_path / "link", "1"), "is a link", code=2)


def test_what_keeps_to_limits_of_its_own_is_left_alone(tmp_path):
    put(tmp_path / "recordings" / "manifest.jsonl", 900)
    put(tmp_path / "recordings" / "yard" / "2026-11-29" / "14-00-00.mkv", 800)
    put(tmp_path / "store" / "events.sqlite", 700)
    put(tmp_path / "store" / "pictures" / "1.jpg", 600)
    put(tmp_path / "events.sqlite-wal", 500)
    kept = names(tmp_path)
    put(tmp_path / "yard" / "old.mkv", 400)
    put(tmp_path / "new.mkv", 1)
    assert prune(tmp_path, "64K") == (0, "deleted the 1 oldest files; 0 MB are left of 64K\n", "")
    assert names(tmp_path) == sorted([*kept, "new.mkv"])


@pytest.mark.parametrize(
    "words", [[], ["/tmp"], ["/", "1G"], ["/nowhere/at/all", "1G"], ["/tmp", "much"], ["/tmp", ""]]
)
def test_wrong_words_delete_nothing(words):
    failed(prune(*words), code=2)


def test_only_large_lines_that_are_not_yet_named_by_time_are_renamed(tmp_path):
    put(tmp_path / "found.jsonl", 1, 8)
    put(tmp_path / "small.jsonl", 1, 2)
    put(tmp_path / "found.20240101-000000.jsonl", 1, 8)
    put(tmp_path / "a.mkv", 1, 8)
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "a.mkv")
    for _ in range(2):
        subprocess.check_call([str(SERVICE / "rotate-lines"), str(tmp_path), "4K"])
    found = names(tmp_path)
    assert len(found) == 5
    assert "found.jsonl" not in found
    assert {"small.jsonl", "a.mkv", "found.20240101-000000.jsonl", "link.jsonl"} < set(found)


@pytest.fixture
def units(tmp_path):
    """The units, as if a version were where this repository is and NVIDIA's commands were there."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze")
    for path in [*SERVICE.glob("*.service"), *SERVICE.glob("*.timer")]:
        text = path.read_text().replace("/opt/nanoyolo/current", str(ROOT))
        text = re.sub(r"^ExecStart=/usr/s?bin/\w+", "ExecStart=/bin/true", text, flags=re.M)
        (tmp_path / path.name).write_text(text)
    return tmp_path


def test_systemd_understands_the_units(units):
    files = [*units.glob("*.service"), *units.glob("*.timer")]
    assert run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *files) == (0, "", "")


@pytest.mark.parametrize(
    "unit, most", [("nanoyolo.service", 1.8), ("nanoyolo-prune.service", 1.0), ("nanoyolo-csi.service", 3.6)]
)
def test_little_is_exposed(units, unit, most):
    code, out, err = run("systemd-analyze", "security", "--offline=true", "--no-pager", units / unit)
    if "unrecognized option" in err:
        pytest.skip("this systemd-analyze looks at running units only")
    score = re.search(r"Overall exposure level for .*: ([0-9.]+) ", out)
    assert float(score.group(1)) <= most
