"""Other people's programs as clients of the live view, and as proxies before it; without one its test is skipped.

apt install prometheus nginx-light caddy mpv vlc-bin vlc-plugin-base ffmpeg curl
"""

import base64
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time

import pytest
from support.fakes import LIMIT
from support.live import Cameras
from support.program import ROOT

from app.web.server import LiveView

pytestmark = [pytest.mark.slow, pytest.mark.verify]

PATIENCE = 60  # seconds


def needs(*programs):
    missing = [name for name in programs if shutil.which(name) is None]
    return pytest.mark.skipif(bool(missing), reason="needs " + " and ".join(missing))


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Starts a live view of a camera that films; `url` has its address, `credentials` lets clients in."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    opened, ended = [], threading.Event()

    def start(**options):
        cameras = Cameras("door")
        cameras.clock.now = time.monotonic
        cameras.channels["door"].timing.now = time.monotonic
        live = LiveView("127.0.0.1:0", cameras.run, announce=False, **options)
        cameras.hub, cameras.views = live.hub, {"door": live.sink("door")}

        def film():
            number = 0
            while not ended.wait(0.1):
                number += 1
                cameras.film("door", number % 256, ["person"], size=(320, 240))

        thread = threading.Thread(target=film, daemon=True)
        thread.start()
        opened.extend((thread, live))
        until(lambda: cameras.views["door"].picture is not None)
        return live

    yield start
    ended.set()
    for one in opened:
        one.join() if isinstance(one, threading.Thread) else one.close()


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
def test_prometheus_accepts_the_metrics(serve):
    live = serve()
    with open(os.devnull) as nothing:
        text = output("curl", "-sS", "-f", live.url + "metrics", stdin=nothing)
    assert text.count("# TYPE ") > 12
    assert output("promtool", "check", "metrics", input=text.encode()) == ""


@needs("curl")
def test_curl(serve, tmp_path):
    live = serve(token=True)
    assert "401" in output("curl", "-sS", "-i", live.url + "api/state")
    for words in (("-H", f"Authorization: Bearer {live.token}"), ("-u", f"anybody:{live.token}")):
        assert json.loads(output("curl", "-sS", "-f", *words, live.url + "api/state"))["version"] == 1
    jar = tmp_path / "cookies"
    assert "<!doctype html>" in output("curl", "-sS", "-f", "-L", "-c", jar, f"{live.url}?token={live.token}")
    assert "<!doctype html>" in output("curl", "-sS", "-f", "-b", jar, live.url)
    head = output("curl", "-sS", "-I", "-b", jar, live.url + "door/snapshot.jpg")
    assert re.search(r"Content-Length: [1-9]", head)


@needs("ffprobe", "ffmpeg")
def test_ffmpeg(serve, tmp_path):
    live = serve(token=True)
    stream = live.url.replace("//", f"//any:{live.token}@") + "door/stream.mjpg"
    found = output("ffprobe", "-v", "error", "-show_streams", "-of", "json", stream)
    (shown,) = json.loads(found)["streams"]
    assert (shown["codec_name"], shown["width"], shown["height"]) == ("mjpeg", 320, 240)
    output("ffmpeg", "-v", "error", "-i", stream, "-frames:v", 15, tmp_path / "%02d.png")
    assert len(list(tmp_path.glob("*.png"))) == 15
    assert len({path.read_bytes() for path in tmp_path.glob("*.png")}) == 15, "each frame once"


@needs("mpv")
def test_mpv(serve):
    live = serve()
    words = ("--no-config", "--vo=null", "--ao=null", "--frames=15", "--msg-level=all=warn,cplayer=info")
    assert "320x240" in output("mpv", *words, live.url + "door/stream.mjpg")


@needs("cvlc")
def test_vlc(serve, tmp_path):
    if os.geteuid() == 0:
        # VLC does not run as root, unless its check is taken out of a copy of it.
        program = tmp_path / "vlc"
        with open(shutil.which("vlc"), "rb") as file:
            program.write_bytes(file.read().replace(b"geteuid", b"getppid"))
        program.chmod(0o755)
    else:
        program = "vlc"
    live = serve()
    scenes = ("--video-filter=scene", "--scene-format=png", "--scene-ratio=1", f"--scene-path={tmp_path}")
    words = ("-I", "dummy", "--no-audio", "--vout=dummy", *scenes, "--run-time=4", "--play-and-exit", "-q")
    output(program, *words, live.url + "door/stream.mjpg", "vlc://quit")
    assert len(list(tmp_path.glob("scene*.png"))) > 3


def documented(kind):
    """The configuration that docs/live.md has for a proxy."""
    with open(os.path.join(ROOT, "docs", "live.md"), encoding="utf-8") as file:
        text = file.read()
    return re.search(kind + r"[^\n]*:\n\n```\n(.*?)\n```", text, re.DOTALL).group(1)


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def nginx(port, live_port, folder):
    """The command of a proxy as documented, which listens on a port."""
    inside = documented("nginx").replace("127.0.0.1:8080", f"127.0.0.1:{live_port}")
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; {temporary} server {{ listen 127.0.0.1:{port}; {inside} }} }}\n"
    )
    return ["nginx", "-c", str(folder / "nginx.conf"), "-e", "stderr"]


def caddy(port, live_port, folder):
    """The command of a proxy as documented, which listens on a port, without a certificate."""
    inside = documented("Caddy").replace("127.0.0.1:8080", f"127.0.0.1:{live_port}")
    inside = inside.replace("cams.example.org", f"http://cams.example.org:{port}")
    (folder / "Caddyfile").write_text("{\nadmin off\nauto_https off\n}\n" + inside + "\n")
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


class Client:
    """Asks through a proxy, by the name that it is known under."""

    def __init__(self, port, token):
        self.port = port
        self.token = token

    def open(self, path, credentials=True, host="cams.example.org"):
        sock = socket.create_connection(("127.0.0.1", self.port), LIMIT)
        basic = base64.b64encode(b"any:" + self.token.encode()).decode()
        who = f"Authorization: Basic {basic}\r\n" if credentials else ""
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{who}\r\n".encode())
        return sock

    def ask(self, path, **options):
        with self.open(path, **options) as sock:
            data = b""
            while True:
                more = sock.recv(1 << 16)
                if not more:
                    return data
                data += more


@pytest.mark.parametrize(
    "proxy",
    [pytest.param(nginx, marks=needs("nginx")), pytest.param(caddy, marks=needs("caddy"))],
    ids=["nginx", "caddy"],
)
def test_a_proxy_as_documented(serve, tmp_path, monkeypatch, proxy):
    monkeypatch.setenv("HOME", str(tmp_path))
    live, port = serve(token=True, names=["cams.example.org"]), free_port()
    client = Client(port, live.token)
    process = subprocess.Popen(proxy(port, live.port, tmp_path), stderr=subprocess.DEVNULL)
    try:
        until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
        until(lambda: client.ask("/page.css").startswith(b"HTTP/1.1 200"))
        assert client.ask("/", credentials=False).startswith(b"HTTP/1.1 401")
        cookie = client.ask("/?token=" + live.token, credentials=False)
        assert b"303" in cookie.split(b"\r\n")[0]
        assert b"Location: /\r\n" in cookie
        for _ in range(3):
            answer = client.ask("/door/frame.jpg")
            number = int(re.search(rb"(?i)x-frame: ([0-9]+)", answer).group(1))
            after = client.ask(f"/door/frame.jpg?after={number}")
            assert int(re.search(rb"(?i)x-frame: ([0-9]+)", after).group(1)) > number
            assert int(re.search(rb"(?i)x-age-ms: ([0-9]+)", after).group(1)) < 5000
        with client.open("/door/stream.mjpg") as sock:
            data = b""
            while data.count(b"X-Frame: ") < 5:  # they come as they are taken, and are not kept back
                data += sock.recv(1 << 16)
    finally:
        process.terminate()
        process.wait()


@pytest.mark.parametrize(
    "proxy",
    [pytest.param(nginx, marks=needs("nginx")), pytest.param(caddy, marks=needs("caddy"))],
    ids=["nginx", "caddy"],
)
def test_a_proxy_without_a_token_is_refused(serve, tmp_path, monkeypatch, proxy):
    monkeypatch.setenv("HOME", str(tmp_path))
    live, port = serve(names=["cams.example.org"]), free_port()
    process = subprocess.Popen(proxy(port, live.port, tmp_path), stderr=subprocess.DEVNULL)
    try:
        until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
        until(lambda: b" 403 " in Client(port, "x").ask("/api/state").split(b"\r\n")[0])
    finally:
        process.terminate()
        process.wait()
