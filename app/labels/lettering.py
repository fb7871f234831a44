"""Labels in the letters that OpenCV can draw: version 4 has ASCII, and draws ? for each byte of anything else; version
5 has a font for Latin, Greek, Cyrillic, Chinese, Japanese and Korean, and draws ? for other scripts.

What is drawn for a character decides, not the version. A label with others is transliterated by the package `anyascii`
(ISC licence) where it is installed, else only its accents are taken off; what is then left is drawn as `#12`, the
number of the class, and standard error says once which labels the numbers are.
"""

import importlib.util
import unicodedata
from functools import lru_cache
from typing import Sequence, Tuple

import cv2
import numpy as np

from app.errors import say

INSTALL = "python3 -m pip install anyascii==0.3.2"


def lettered(name: str, number: int, labels: Sequence[str]) -> str:
    """A label as it is drawn. number: of its class, a position in `labels`. Costs nothing from the second call on."""
    text = _drawable(name)
    if text:
        return text
    _tell_numbers(tuple(labels))
    return f"#{number}"


@lru_cache(maxsize=1024)
def _drawable(name: str) -> str:
    """The label, or the closest text to it that can be drawn; empty if there is none."""
    for text in (unicodedata.normalize("NFC", name), _transliterated(name)):
        text = " ".join(text.split())
        if all(map(_is_drawn, text)):
            return text
    return ""


def _transliterated(name: str) -> str:
    try:
        from anyascii import anyascii  # here, since only such a label needs it

        return str(anyascii(name))
    except ImportError:
        plain = unicodedata.normalize("NFKD", name)
        return "".join(character for character in plain if not unicodedata.combining(character))


@lru_cache(maxsize=None)
def _tell_numbers(labels: Tuple[str, ...]) -> None:
    numbers = [f"#{number} is {_printable(name)}" for number, name in enumerate(labels) if not _drawable(name)]
    advice = "" if importlib.util.find_spec("anyascii") else f"; for Latin letters instead: {INSTALL}"
    say("labels drawn as numbers: " + ", ".join(numbers) + advice)


def _printable(name: str) -> str:
    return name if name.isprintable() and name.strip() else ascii(name)


@lru_cache(maxsize=4096)
def _is_drawn(character: str) -> bool:
    """Whether OpenCV draws this character, and neither nothing nor the question marks that stand for it."""
    if " " <= character <= "~":
        return True
    # Control characters and the like; and scripts from right to left, which OpenCV 5 writes from left to right.
    if unicodedata.category(character)[0] == "C" or unicodedata.bidirectional(character) in ("R", "AL"):
        return False
    return _pixels(character) not in [_pixels(text) for text in ("", "?", "?" * len(character.encode()))]


def _pixels(text: str) -> bytes:
    """What OpenCV draws for up to four characters."""
    canvas = np.zeros((48, 128), np.uint8)
    cv2.putText(canvas, text, (8, 32), cv2.FONT_HERSHEY_SIMPLEX, 1, 255)
    return canvas.tobytes()
