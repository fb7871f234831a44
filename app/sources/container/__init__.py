"""What the container of a video says of it: its codec, when each frame is shown, how it is to be turned.

Read here and not from OpenCV, whose 4.1.1 gives wrong times and does not know about turned films. Pure: no decoder, no
OpenCV. Nothing in a file makes it raise, or costs more memory or time than the file's length allows.
"""

from typing import Optional

from app.sources.container.avi import read_avi
from app.sources.container.cut_off import MP4_BOXES, is_cut_off
from app.sources.container.matroska import read_matroska
from app.sources.container.mp4 import read_mp4
from app.sources.container.track import Track

__all__ = ["Track", "is_cut_off", "read_track"]


def read_track(path: str) -> Optional[Track]:
    """What the container says of its first video track: AVI, MP4, MOV, 3GP, Matroska or WebM.

    None for a file of another kind (MPEG-TS, FLV, ...), without a frame of video, or too damaged to tell. Raises
    OSError if the file cannot be read.
    """
    track = _read(path)
    return None if track is None or track.frames == 0 else track


def _read(path: str) -> Optional[Track]:
    with open(path, "rb") as file:
        start = file.read(12)
        if start[:4] == b"RIFF" and start[8:] == b"AVI ":
            return read_avi(file, path)
        if start[:4] == b"\x1a\x45\xdf\xa3":
            return read_matroska(file, path)
        if start[4:8] in MP4_BOXES:
            return read_mp4(file, path)
    return None
