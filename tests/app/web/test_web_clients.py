"""Other people's programs as clients of the live view, and as proxies before it; without one its test is skipped.

apt install prometheus nginx-light caddy mpv vlc-bin vlc-plugin-base ffmpeg curl
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.verify]

PATIENCE = 300  # seconds


def needs(*programs):
    missing = [name for name in programs if shutil.which(name) is None]
    return pytest.mark.skipif(bool(missing), reason="needs " + " and ".join(missing))


@pytest.fixture
def door(filmed):
    """Starts a live view of one camera, which has delivered."""

    def start(**options):
        live = filmed("door", **options)
        until(lambda: live.cameras.views["door"].picture is not None)
        return live

    return start


def until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def output(*command, code=0, **options):
    """What a program prints on both its outputs."""
    done = subprocess.run(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE, **options
    )
    text = done.stdout.decode("utf-8", "replace")
    assert done.returncode == code, text
    return text


@needs("promtool", "curl")
def test_prometheus_accepts_the_metrics(door):
    live = door()
    with open(os.devnull) as nothing:
        text = output("curl", "-sS", "-f", live.url + "metrics", stdin=nothing)
    assert text.count("# TYPE ") > 12
    assert output("promtool", "check", "metrics", input=text.encode()) == ""


@needs("curl")
def test_curl(door, tmp_path):
    live = door(token=True)
    assert "401" in output("curl", "-sS", "-i", live.url + "api/state")
    for words in (("-H", f"Authorization: Bearer {live.token}"), ("-u", f"anybody:{live.token}")):
        assert json.loads(output("curl", "-sS", "-f", *words, live.url + "api/state"))["version"] == 1
    jar = tmp_path / "cookies"
    assert "<!doctype html>" in output("curl", "-sS", "-f", "-L", "-c", jar, f"{live.url}?token={live.token}")
    assert "<!doctype html>" in output("curl", "-sS", "-f", "-b", jar, live.url)
    head = output("curl", "-sS", "-I", "-b", jar, live.url + "door/snapshot.jpg")
    assert re.search(r"Content-Length: [1-9]", head)


@needs("ffprobe", "ffmpeg")
def test_ffmpeg(door, tmp_path):
    live = door(token=True)
    stream = live.url.replace("//", f"//any:{live.token}@") + "door/stream.mjpg"
    found = output("ffprobe", "-v", "error", "-show_streams", "-of", "json", stream)
    (shown,) = json.loads(found)["streams"]
    assert (shown["codec_name"], shown["width"], shown["height"]) == ("mjpeg", 640, 480)
    output("ffmpeg", "-v", "error", "-i", stream, "-frames:v", 15, tmp_path / "%02d.png")
    assert len(list(tmp_path.glob("*.png"))) == 15
    assert len({path.read_bytes() for path in tmp_path.glob("*.png")}) == 15, "each frame once"


@needs("mpv")
def test_mpv(door):
    live = door()
    words = ("--no-config", "--vo=null", "--ao=null", "--frames=15", "--msg-level=all=warn,cplayer=info")
    assert "640x480" in output("mpv", *words, live.url + "door/stream.mjpg")


@needs("vlc", "setpriv")
def test_vlc(door):
    live = door()
    scenes = ("--video-filter=scene", "--scene-format=png", "--scene-ratio=1")
    command = ["vlc", "-I", "dummy", "--no-audio", "--vout=dummy", *scenes, "-q", live.url + "door/stream.mjpg"]
    with tempfile.TemporaryDirectory() as folder:
        if os.geteuid() == 0:  # as which it does not run
            command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]
            os.chmod(folder, 0o777)
        environment = dict(os.environ, HOME=folder)
        process = subprocess.Popen([*command, f"--scene-path={folder}"], env=environment, stderr=subprocess.DEVNULL)
        try:
            until(lambda: len([name for name in os.listdir(folder) if name.startswith("scene")]) > 5)
        finally:
            process.kill()
            process.wait()
