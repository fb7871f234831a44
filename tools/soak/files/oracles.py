"""What others say of a file: ffprobe of films and streams, Pillow of pictures.

Where they are wrong: ffprobe says nothing of an AVI that is cut between two frames; FFmpeg conceals damage in H.264 and
MPEG-4, complains, and counts the frame as decoded; Pillow does not look at what libjpeg reports, so a JPEG with damaged
pixels is whole to it, and refuses a PNG whose comment is damaged.
"""

import io
import os
import shutil
import subprocess
import warnings
from typing import NamedTuple, Optional

try:
    from PIL import Image
except ImportError:  # the verdicts on pictures are left out
    Image = None  # type: ignore[assignment]

PROBE_LIMIT = 60.0  # seconds
NO_LENGTH = "Stream ends prematurely"  # said at the end of every stream, since its server tells no length


class Verdict(NamedTuple):
    """whole: nothing is wrong with it. frames: how many can be decoded. reason: what is wrong."""

    whole: bool
    frames: int
    reason: str = ""


def missing(kind: str) -> Optional[str]:
    """Which oracle of this kind ("picture", "film" or "stream") is not installed here; None if it is."""
    if kind == "picture":
        return "Pillow" if Image is None else None
    return None if shutil.which("ffprobe") else "ffprobe"


def ask_pillow(data: bytes) -> Verdict:
    """Whether Pillow decodes a picture without complaint. Prints what libtiff has to say."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # it warns of damaged tags
            Image.open(io.BytesIO(data)).load()
    except Exception as error:  # of every type, depending on where the damage is
        return Verdict(False, 0, f"{type(error).__name__}: {error}")
    return Verdict(True, 1)


def be_silent() -> None:
    """Discard what this process writes to standard error, for a process that asks Pillow."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def ask_ffprobe(uri: str) -> Verdict:
    """How many frames FFmpeg decodes, and whether it complains."""
    command = (
        "ffprobe -v error -count_frames -select_streams v:0 -show_entries stream=nb_read_frames -of csv=p=0".split()
    )
    try:
        done = subprocess.run([*command, uri], stdin=subprocess.DEVNULL, capture_output=True, timeout=PROBE_LIMIT)
    except subprocess.TimeoutExpired:
        return Verdict(False, 0, "ffprobe hangs")
    count = done.stdout.decode(errors="replace").split("\n")[0].strip(" ,")
    lines = done.stderr.decode(errors="replace").splitlines()
    reason = "; ".join(line for line in lines if NO_LENGTH not in line)
    frames = int(count) if count.isdecimal() else 0
    if not reason and (done.returncode or not frames):
        reason = f"exit code {done.returncode}, {frames} frames"
    return Verdict(not reason, frames, reason)
