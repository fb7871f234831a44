"""The pictures that the camera servers send: those of a video, repeated, in any size, each with its number drawn in.

for number, image in enumerate(endless("video.avi")): show(picture(image, (640, 480), number))
"""

import argparse
import itertools
import os
from typing import Iterator, Optional, Sequence, Tuple, Union

import cv2
import numpy as np

from app.command import Parser, number, size
from app.errors import SourceError
from app.files import opencv_path
from app.sources.film import Film
from tools.camera_servers.stamp import write_stamp

Footage = Union[str, Sequence[np.ndarray]]  # a video's path, or pictures (h, w, 3) uint8 BGR
Size = Optional[Tuple[int, int]]  # width, height; None to keep the footage's
parse_size = size("a size", (128, 16), 4096)  # the stamp is 128 wide
Password = Optional[Tuple[str, str]]  # user, secret


def endless(footage: Footage) -> Iterator[np.ndarray]:
    """The pictures of the footage, repeated without end. Raises SourceError at once for an unreadable video.

    The video is opened only once: OpenCV's FFmpeg opens one source at a time, so reopening it while a client in the
    same process is connecting to this camera would be a deadlock.
    """
    if not isinstance(footage, str):
        return itertools.cycle(footage)
    if not os.path.isfile(footage):
        raise SourceError(f"{footage}: no such file")
    Film(footage)  # which says why, where it is not a video
    return _repeat(cv2.VideoCapture(opencv_path(footage)), footage)


def _repeat(capture: cv2.VideoCapture, path: str) -> Iterator[np.ndarray]:
    rewound = True
    while True:
        good, image = capture.read()
        if good:
            yield image
        elif rewound:
            raise SourceError(f"{path}: none of its frames can be read")
        else:
            capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
        rewound = not good


def picture(image: np.ndarray, size: Size, stamp: int) -> np.ndarray:
    """A stamped copy of the image, resized."""
    image = image.copy() if size is None else np.array(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    write_stamp(image, stamp)
    return image


def make_parser(command: str, description: str, port: int) -> Parser:
    """The command line of a camera server."""
    examples = f"""examples:
  python -m {command} video.avi
  python -m {command} video.avi --port {port} --size 320x240 --fps 10
  python -m {command} video.avi --password user:secret
"""
    parser = Parser(prog="python -m " + command, description=description, epilog=examples)
    parser.add_argument("video", metavar="VIDEO", help="a video file, which is repeated without end")
    port_number = number(int, 0, 65535, "a port")
    parser.add_argument(
        "--port", type=port_number, default=port, metavar="N", help="port, 0 for a free one (default: %(default)s)"
    )
    parser.add_argument("--size", type=parse_size, metavar="WxH", help="frame size (default: the video's)")
    rate = number(float, 0.1, 240, "a rate")
    parser.add_argument("--fps", type=rate, default=25.0, metavar="N", help="frames per second (default: %(default)g)")
    parser.add_argument(
        "--password", type=parse_password, metavar="USER:SECRET", help="require this login (default: none)"
    )
    return parser


def parse_password(text: str) -> Tuple[str, str]:
    """A password as user:secret. Raises ArgumentTypeError."""
    user, _, secret = text.partition(":")
    if not (user and secret):
        raise argparse.ArgumentTypeError(f"a password should be as user:secret, is {text}")
    return user, secret
