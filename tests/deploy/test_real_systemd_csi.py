"""A CSI camera's daemon, which is a fake here, and the real units under a real systemd."""

import time

import pytest
from booted_board import OUTPUTS, UNIT

pytestmark = pytest.mark.deploy

# In place of NVIDIA's: it says how often it was started. Its socket appears late, and stays behind when it is killed.
FAKE_DAEMON = """import os, socket, time
count = len(open('/run/argus-starts').read()) if os.path.exists('/run/argus-starts') else 0
open('/run/argus-starts', 'a').write('x')
time.sleep(1.5)
if os.path.lexists('/tmp/argus_socket'):
    os.remove('/tmp/argus_socket')
server = socket.socket(socket.AF_UNIX)
server.bind('/tmp/argus_socket')
os.chmod('/tmp/argus_socket', 0o777)
server.listen(5)
while True:
    server.accept()[0].sendall(b'start %d' % (count + 1))
"""
# In place of the program: says what the daemon answers, and is well as long as it does.
CLIENT = """import os, socket, time
def ask():
    to = socket.socket(socket.AF_UNIX)
    to.connect('/tmp/argus_socket')
    return to.recv(100).decode()
def tell(text):
    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(text, os.environ['NOTIFY_SOCKET'])
try:
    answer = ask()
except OSError as error:
    answer = str(error)
open('/var/lib/nanoyolo/answer', 'w').write(answer)
tell(b'READY=1')
while True:
    time.sleep(0.5)
    try:
        ask()
        tell(b'WATCHDOG=1')
    except OSError:
        pass
"""
AS_CLIENT = "RestartSec=1\nExecStart=\nExecStart=/opt/nanoyolo/venv/bin/python /opt/nanoyolo/client.py\n"


@pytest.fixture
def csi(board):
    board.write("/opt/nanoyolo/fake-daemon.py", FAKE_DAEMON)
    board.write("/opt/nanoyolo/client.py", CLIENT)
    board.write(
        "/run/systemd/system/nvargus-daemon.service",
        "[Unit]\nDescription=FAKE of NVIDIA's daemon of CSI cameras\n[Service]\nKillSignal=SIGKILL\n"
        "ExecStart=/opt/nanoyolo/venv/bin/python /opt/nanoyolo/fake-daemon.py\n",
    )
    board.configure(AS_CLIENT, CAM="csi://0?flip=2")
    yield board
    board.run("systemctl", "stop", "nvargus-daemon.service")
    board.run("rm", "-f", "/run/systemd/system/nvargus-daemon.service", "/run/argus-starts", "/tmp/argus_socket")


def answer(board):
    return (board.path(OUTPUTS) / "answer").read_text()


def test_a_csi_camera_is_reached_through_its_daemon_which_is_fresh_at_each_start(csi):
    pid = csi.start()
    assert answer(csi) == "start 1"
    csi.write("/tmp/of-the-machine", "secret")
    there = csi.run("nsenter", "--target", pid, "--mount", "ls", "-A", "/tmp").split()
    assert there == ["argus_socket"]
    csi.run("chown", "nobody", "/tmp/argus_socket")  # it is replaced whoever owns it
    csi.run("systemctl", "restart", UNIT)
    assert answer(csi) == "start 2"
    pid = csi.show("MainPID")
    csi.run("kill", "-SEGV", pid)
    csi.wait_for_restart(pid)
    assert answer(csi) == "start 3"


def test_a_daemon_that_others_start_again_is_found_again(csi):
    """What the service has is the socket of the last one: the watchdog restarts the service."""
    csi.configure(AS_CLIENT + "WatchdogSec=4", CAM="csi://0")
    pid = csi.start()
    csi.run("systemctl", "restart", "nvargus-daemon.service")
    csi.wait_for_restart(pid)
    assert answer(csi) == "start 3"
    pid = csi.show("MainPID")
    time.sleep(6)
    assert csi.show("MainPID") == pid


def test_a_csi_camera_without_its_daemon_is_said(csi):
    csi.write("/opt/nanoyolo/fake-daemon.py", "import time; time.sleep(1000)")
    csi.start()
    assert answer(csi).startswith("[Errno ")
    assert "nvargus-daemon.service did not create /tmp/argus_socket" in csi.journal("nanoyolo-csi.service")
    csi.write("/opt/nanoyolo/fake-daemon.py", FAKE_DAEMON)
    csi.run("systemctl", "restart", UNIT)
    assert answer(csi) == "start 1"
