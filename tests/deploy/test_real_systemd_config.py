"""The file of cameras, read by the real unit under a real systemd."""

import pytest
from booted_board import UNIT

pytestmark = pytest.mark.deploy

CONFIG = "/etc/nanoyolo/nanoyolo.toml"
TEXT = """size = 160
[camera.front]
cam = "test://160x120@${RATE}?live"
jsonl = "/var/lib/nanoyolo/{camera}.jsonl"
"""


def test_cameras_of_a_file_with_a_variable_of_the_environment(board):
    board.configure(CAM="", SIZE="", JSONL="")  # they would be over the file
    with open(str(board.path("/etc/nanoyolo/nanoyolo.env")), "a") as file:
        file.write("RATE=5\n")
    board.write(CONFIG, TEXT)
    board.run("chown", "root:nanoyolo", CONFIG)
    board.run("chmod", "640", CONFIG)
    try:
        board.start()
        board.wait(lambda: board.lines("front.jsonl"), "no lines")
        assert board.show("NRestarts") == "0"
        board.run("systemctl", "stop", UNIT)
    finally:
        board.run("rm", CONFIG)
