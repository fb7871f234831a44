"""The proxies that docs/live.md has configurations for, with just these; without the program its test is skipped.

apt install nginx-light caddy
"""

import base64
import os
import re
import shutil
import socket
import subprocess
import time

import pytest
from support.fakes import LIMIT
from support.program import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.verify]

PATIENCE = 300  # seconds


def until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


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


def needs(proxy):
    return pytest.mark.skipif(shutil.which(proxy.__name__) is None, reason="needs " + proxy.__name__)


proxies = pytest.mark.parametrize(
    "proxy", [pytest.param(one, marks=needs(one), id=one.__name__) for one in (nginx, caddy)]
)


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


@proxies
def test_a_proxy_as_documented(filmed, tmp_path, monkeypatch, proxy):
    monkeypatch.setenv("HOME", str(tmp_path))
    live, port = filmed("door", token=True, names=["cams.example.org"]), free_port()
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
            assert re.search(rb"(?i)x-age-ms: [0-9]+", after)
        with client.open("/door/stream.mjpg") as sock:
            data = b""
            while data.count(b"X-Frame: ") < 5:  # they come as they are taken, and are not kept back
                data += sock.recv(1 << 16)
    finally:
        process.terminate()
        process.wait()


@proxies
def test_a_proxy_without_a_token_is_refused(filmed, tmp_path, monkeypatch, proxy):
    monkeypatch.setenv("HOME", str(tmp_path))
    live, port = filmed("door", names=["cams.example.org"]), free_port()
    process = subprocess.Popen(proxy(port, live.port, tmp_path), stderr=subprocess.DEVNULL)
    try:
        until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
        until(lambda: b" 403 " in Client(port, "x").ask("/api/state").split(b"\r\n")[0])
    finally:
        process.terminate()
        process.wait()
