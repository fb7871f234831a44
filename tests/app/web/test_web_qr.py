import re

import cv2
import numpy as np
import pytest

from app.web.qr import DATA, QUIET, qr_code, qr_text

OLD_OPENCV = tuple(map(int, cv2.__version__.split(".")[:2])) < (4, 5)
reads = pytest.mark.skipif(OLD_OPENCV, reason="this OpenCV reads no codes")
LINK = "http://192.168.1.20:8080/?token=0123456789abcdef0123456789abcdef"


def read(modules):
    """What OpenCV reads in a code."""
    image = np.kron(np.pad(1 - modules, QUIET, "constant", constant_values=1), np.ones((8, 8))) * 255
    return cv2.QRCodeDetector().detectAndDecode(image.astype(np.uint8))[0]


@reads
@pytest.mark.parametrize("text", ["A", LINK, LINK.replace("http", "https"), *("n" * (size - 2) for size in DATA)])
def test_another_program_reads_it(text):
    assert read(qr_code(text.encode())) == text


def test_sizes():
    assert qr_code(b"x" * 17).shape == (21, 21)
    assert qr_code(b"x" * 18).shape == (25, 25)
    assert qr_code(b"x" * 107) is None
    assert qr_text("x" * 107) == ""


@reads
def test_in_a_terminal_it_is_the_same_code():
    halves = {" ": (0, 0), "▄": (0, 1), "▀": (1, 0), "█": (1, 1)}
    lines = [re.sub("\033\\[[0-9;]*m", "", line) for line in qr_text(LINK).split("\n")]
    rows = [[halves[character][half] for character in line] for line in lines for half in (0, 1)]
    modules = np.array(rows, np.uint8)[QUIET:-QUIET, QUIET:-QUIET]
    assert read(modules[: modules.shape[1]]) == LINK
