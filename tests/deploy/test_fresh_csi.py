import os
import re
import socket
import subprocess
import sys

import pytest
from commands import JETSON, put_first

SCRIPT = JETSON / "service/fresh-csi"


@pytest.fixture
def fresh_csi(tmp_path):
    """Runs fresh-csi for a camera, with a systemctl that makes a socket, or not: all that systemctl was asked."""
    script, called, made = tmp_path / "fresh-csi", tmp_path / "called", tmp_path / "socket"
    text = SCRIPT.read_text()
    script.write_text(re.sub(r"^SOCKET=.*", f"SOCKET={made}", text, flags=re.M).replace("=50 ", "=5 "))
    make = f"import socket; socket.socket(socket.AF_UNIX).bind('{made}')"
    fake = (
        f'[ "$1" != start ] || [ -n "$FAIL" ] || {sys.executable} -c "{make}"\necho "$@" >> {called}\n[ -z "$FAIL" ]\n'
    )
    put_first(tmp_path, "systemctl", fake)

    def call(cam, fail="", config=""):
        called.write_text("")
        path = "{}:{}".format(tmp_path, os.environ["PATH"])
        (tmp_path / "nanoyolo.toml").write_text(config)
        env = {"PATH": path, "NANOYOLO_CAM": cam, "FAIL": fail, "NANOYOLO_CONFIG": str(tmp_path / "nanoyolo.toml")}
        subprocess.check_call(["bash", str(script)], env=env)
        return called.read_text()

    call.socket = made
    return call


AFRESH = "stop nvargus-daemon.service\nstart nvargus-daemon.service\n"


@pytest.mark.parametrize("cam", ["csi://0", "csi://1?flip=2", "gst://nvarguscamerasrc sensor-id=1 ! appsink"])
def test_the_daemon_of_csi_cameras_is_started_afresh(fresh_csi, cam):
    fresh_csi.socket.write_text("the last one's")
    assert fresh_csi(cam) == AFRESH
    assert fresh_csi.socket.is_socket()


@pytest.mark.parametrize("cam", ["0", "/dev/video0", "rtsp://csi://", "", "csi; exit 1", "gst://v4l2src ! appsink"])
def test_of_other_cameras_it_is_not_and_a_socket_stays(fresh_csi, cam):
    assert fresh_csi(cam) == ""
    assert fresh_csi.socket.is_file()  # there is something to bind
    fresh_csi.socket.unlink()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(fresh_csi.socket))
        assert fresh_csi(cam) == ""
        assert fresh_csi.socket.is_socket()


@pytest.mark.parametrize(
    "config, expected",
    [
        ('[camera.a]\ncam = "csi://0"', AFRESH),
        ('[camera.a]\ncam = "gst://nvarguscamerasrc ! appsink"', AFRESH),
        ('[camera.a]\ncam = "0"\n# cam = "csi://0"', ""),
    ],
)
def test_cameras_of_a_file(fresh_csi, config, expected):
    assert fresh_csi("", config=config) == expected


def test_without_the_daemon_there_is_something_to_bind(fresh_csi):
    assert fresh_csi("csi://0", fail="yes") == AFRESH
    assert fresh_csi.socket.is_file()


def test_no_link_in_the_folder_of_all_is_followed(fresh_csi, tmp_path):
    fresh_csi.socket.symlink_to(tmp_path / "precious")
    with pytest.raises(subprocess.CalledProcessError):
        fresh_csi("0")
    assert not (tmp_path / "precious").exists()
