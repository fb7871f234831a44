"""The live view of the real unit under a real systemd: its token, its port, and what the doctor says of them."""

import json
import socket

import pytest
from booted_board import OUTPUTS, UNIT, VENV

pytestmark = pytest.mark.deploy

ASK = """import sys, urllib.request, urllib.error
request = urllib.request.Request(sys.argv[1], headers={"Authorization": "Bearer " + sys.argv[2]})
try:
    print(urllib.request.urlopen(request).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""


@pytest.fixture
def port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def test_the_token_is_the_service_s_and_stays(board, port):
    board.configure(SERVE=f"0.0.0.0:{port}", OUTPUT_LIMIT="1")
    board.start()
    found = board.run("stat", "-c", "%U %a", OUTPUTS + "/token").strip()
    assert found == "nanoyolo 600"
    token = board.path(OUTPUTS + "/token").read_text().strip()
    assert f"cat {OUTPUTS}/token" in board.journal()
    assert token not in board.journal()

    def ask(token):
        url = f"http://127.0.0.1:{port}/api/state"
        return board.run(VENV + "/bin/python", "-c", ASK, url, token).strip()

    assert ask("wrong") == "401"
    assert ask(token) == "200"
    board.run("systemctl", "start", "nanoyolo-prune.service")  # which deletes all but the newest of the outputs
    # As systemd 237 has it, which does not tell the service where its folder is.
    board.configure("UnsetEnvironment=STATE_DIRECTORY", SERVE=f"0.0.0.0:{port}")
    board.run("systemctl", "restart", UNIT)
    assert f"cat {OUTPUTS}/token" in board.journal()
    assert ask(token) == "200"


def test_what_the_doctor_says(board, port):
    board.configure(SERVE=f"0.0.0.0:{port}")
    board.start()

    def live_view():
        command = f"cd /opt/nanoyolo/current && {VENV}/bin/python -m app.doctor --json || true"
        checks = json.loads(board.run("sh", "-c", command))["checks"]
        return next(check for check in checks if check["name"] == "live view")

    found = live_view()
    assert (found["state"], f"0.0.0.0:{port} is served by nanoyolo" in found["found"]) == ("warn", True)
    board.run("chmod", "644", OUTPUTS + "/token")
    found = live_view()
    assert (found["state"], found["fix"]) == ("fail", f"sudo rm {OUTPUTS}/token")
