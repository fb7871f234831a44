"""The doctor's look at the live view: real ports and files, of a machine that is a folder."""

import os
import socket
import subprocess
from contextlib import closing

import pytest
from support.fake_nano import write_files
from support.live import Cameras

from app import doctor
from app.checks import FAIL, PASS, SKIP, WARN, live
from app.checks.live import live_view
from app.checks.machine import Machine
from app.web.server import LiveView

UNIT = {"etc/systemd/system/nanoyolo.service": "[Service]\n"}


@pytest.fixture
def port():
    """One that is free."""
    with closing(socket.socket()) as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    """Where the token is."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    os.mkdir(str(tmp_path / "state"))
    return tmp_path / "state"


def put(path, mode):
    path.write_text("0123456789abcdef" * 2)
    path.chmod(mode)


def look(serve, root="/nowhere"):
    return live_view(Machine(str(root), serve=serve))


def test_it_was_not_asked_for():
    assert look(None).state == SKIP


def test_a_free_port(port):
    result = look(f"127.0.0.1:{port}")
    assert (result.state, result.message) == (PASS, f"127.0.0.1:{port} is free, and for this machine only")


def test_a_port_of_another_program(port, monkeypatch):
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", port))
        other.listen(2)
        monkeypatch.setattr(live, "PATIENCE", 0.05)
        result = look(str(port))
    assert (result.state, result.fix) == (FAIL, f"sudo ss -ltnp 'sport = :{port}'")
    assert result.message == f"127.0.0.1:{port}: another program has this port"


def test_an_address_of_another_machine(port):
    result = look(f"192.0.2.1:{port}")
    assert (result.state, result.fix) == (FAIL, "ip address")


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]"])
def test_everybody_can_listen(port, host):
    result = look(f"{host}:{port}")
    if host == "[::]" and result.state == FAIL:
        pytest.skip("no IPv6 here")
    assert (result.state, result.message.split(" is")[0]) == (WARN, f"{host}:{port}")
    assert "--serve-tls cert.pem key.pem" in result.fix


def test_a_token_that_others_can_read(port, state):
    for mode, expected in ((0o600, WARN), (0o640, FAIL), (0o604, FAIL)):
        put(state / "token", mode)
        result = look(f"0.0.0.0:{port}")
        assert result.state == expected
    assert result.fix == f"sudo rm {state}/token"
    assert look(f"127.0.0.1:{port}").state == PASS  # where none is needed


def test_a_token_that_is_a_link(port, state):
    put(state / "other", 0o600)
    (state / "token").symlink_to(state / "other")
    assert look(f"0.0.0.0:{port}").state == FAIL


@pytest.mark.parametrize(
    "env, toml, expected",
    [
        ("#NANOYOLO_SERVE=1\n", "", SKIP),
        ("NANOYOLO_SERVE=\n", "size = 160\n", SKIP),
        ('NANOYOLO_SERVE="127.0.0.1:{0}"\n', "serve = 1\n", PASS),  # the first is over the second
        ("NANOYOLO_SERVE=0.0.0.0:{0}\n", "", WARN),
        ("", "serve = {0}\n", PASS),
        ("", 'size = 160\nserve = "0.0.0.0:{0}"  # all\n[camera.a]\ncam = 0\n', WARN),
        ("", 'serve="0.0.0.0:{0}"\nserve_tls = ["cert.pem", "key.pem"]\n', PASS),
        ('NANOYOLO_SERVE=0.0.0.0:{0}\nNANOYOLO_SERVE_TLS="a b"\n', "", PASS),
    ],
)
def test_the_settings_of_the_service(tmp_path, port, env, toml, expected):
    files = dict(UNIT)
    files["etc/nanoyolo/nanoyolo.env"], files["etc/nanoyolo/nanoyolo.toml"] = env.format(port), toml.format(port)
    write_files(tmp_path / "root", files)
    result = look(None, tmp_path / "root")
    assert result.state == expected, result
    if expected != SKIP:
        assert f":{port} " in result.message


def test_the_token_of_the_service(tmp_path, port):
    write_files(
        tmp_path / "root",
        dict(UNIT, **{"etc/nanoyolo/nanoyolo.env": f"NANOYOLO_SERVE={port}\nNANOYOLO_SERVE_TOKEN=yes\n"}),
    )
    (tmp_path / "root/var/lib/nanoyolo").mkdir(parents=True)
    put(tmp_path / "root/var/lib/nanoyolo/token", 0o600)
    assert look(None, tmp_path / "root").message == f"127.0.0.1:{port} is free, and needs the token"
    put(tmp_path / "root/var/lib/nanoyolo/token", 0o644)
    assert look(None, tmp_path / "root").state == FAIL


def test_settings_that_are_for_root(tmp_path, monkeypatch):
    write_files(tmp_path / "root", UNIT)

    def read(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(live, "_read", read)
    result = look(None, tmp_path / "root")
    assert (result.state, result.message.endswith("sudo python3 -m app.doctor")) == (SKIP, True)


@pytest.mark.slow
@pytest.mark.parametrize("token", [False, True])
def test_a_port_that_is_our_own(token):
    cameras = Cameras("door")
    with LiveView("127.0.0.1:0", cameras.run, token=token, announce=False) as served:
        assert (
            look(str(served.port)).message
            == f"127.0.0.1:{served.port} is served by nanoyolo, and for this machine only"
        )


@pytest.mark.slow
def test_a_port_that_is_our_own_with_tls(tmp_path):
    words = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key.pem -out cert.pem"
    subprocess.run(words.split(), cwd=str(tmp_path), check=True, stderr=subprocess.DEVNULL)
    certificate = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    with LiveView("127.0.0.1:0", Cameras("door").run, tls=certificate, announce=False) as served:
        assert "is served by nanoyolo" in look(str(served.port)).message


def test_a_place_that_is_none(capsys):
    assert doctor.main(["--serve", "everywhere"]) == 2
    assert "should be [HOST:]PORT" in capsys.readouterr().err
