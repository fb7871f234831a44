"""What the camera servers show: the pictures of a video over and over, in any size, each with its number drawn in.

for number, image in enumerate(endless("video.avi")): show(picture(image, (640, 480), number))
"""

import argparse
import itertools
import os
from typing import Iterator, Optional, Sequence, Tuple, Union

import cv2
import numpy as np

from app.command import Parser, number
from app.errors import SourceError
from app.files import opencv_path
from app.sources.readers import probe_video
from tools.camera_servers.stamp import write_stamp

Footage = Union[str, Sequence[np.ndarray]]  # a video's path, or pictures (h, w, 3) uint8 BGR
Size = Optional[Tuple[int, int]]  # width, height; None for that of the footage
Password = Optional[Tuple[str, str]]  # user, secret


def endless(footage: Footage) -> Iterator[np.ndarray]:
    """The pictures of the footage, over and over. Raises SourceError at once for a video that cannot be read.

    A video is opened here, and only here: FFmpeg in OpenCV opens one thing at a time, so a camera that opened its
    video again would wait for a client in the same process, which is opening the camera and so waits for it.
    """
    if not isinstance(footage, str):
        return itertools.cycle(footage)
    if not os.path.isfile(footage):
        raise SourceError("{}: no such file".format(footage))
    probe_video(footage)
    return _repeat(cv2.VideoCapture(opencv_path(footage)), footage)


def _repeat(capture: cv2.VideoCapture, path: str) -> Iterator[np.ndarray]:
    rewound = True
    while True:
        good, image = capture.read()
        if good:
            yield image
        elif rewound:
            raise SourceError("{}: not one frame of it can be read".format(path))
        else:
            capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
        rewound = not good


def picture(image: np.ndarray, size: Size, stamp: int) -> np.ndarray:
    """A stamped copy of the image, in that size."""
    image = image.copy() if size is None else np.array(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    write_stamp(image, stamp)
    return image


def make_parser(command: str, description: str, port: int) -> Parser:
    """The options of a camera server, with examples."""
    examples = """examples:
  python -m {0} video.avi
  python -m {0} video.avi --port {1} --size 320x240 --fps 10
  python -m {0} video.avi --password user:secret
""".format(command, port)
    parser = Parser(prog=command, description=description, epilog=examples)
    parser.add_argument("video", metavar="VIDEO", help="a video file; it is repeated without end")
    parser.add_argument(
        "--port", type=number(int, 0, 65535, "a port"), default=port, help="0 takes a free one; default %(default)s"
    )
    parser.add_argument("--size", type=parse_size, metavar="WxH", help="default: that of the video")
    parser.add_argument("--fps", type=number(float, 0.1, 240, "a rate"), default=25.0, help="default %(default)g")
    parser.add_argument("--password", type=parse_password, metavar="USER:SECRET", help="default: none is asked for")
    return parser


def parse_size(text: str) -> Tuple[int, int]:
    """A size as 640x480. Raises ArgumentTypeError."""
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit() and 128 <= int(width) <= 4096 and 16 <= int(height) <= 4096):
        raise argparse.ArgumentTypeError("a size should be like 640x480, at least 128 wide, is {}".format(text))
    return int(width), int(height)


def parse_password(text: str) -> Tuple[str, str]:
    """A password as user:secret. Raises ArgumentTypeError."""
    user, _, secret = text.partition(":")
    if not (user and secret):
        raise argparse.ArgumentTypeError("a password should be like user:secret, is {}".format(text))
    return user, secret
