"""Compares what the program says of a file with what others say of it."""

from typing import List, NamedTuple, Optional

from tools.soak.files.oracles import Verdict
from tools.soak.files.worker import LIMIT, Ours, Theirs

# What must not happen to any file.
FAILURES = (
    "traceback",
    f"more than {LIMIT:g} s",
    "a whole file is called damaged",
    "frames are lost in silence",
    "a frame's time goes backwards",
)
# What may be: decoders differ, and not all damage can be seen.
DIFFERENCES = (
    "OpenCV crashes",
    "damaged to us, whole to the oracle",
    "damaged to the oracle, whole to us",
    "more frames than the oracle's",
    "fewer images of a stream than the oracle's",
    "fewer frames than before the damage, and not told",
)


class File(NamedTuple):
    """A file and all that was said of it. kind: "picture", "film" or "stream"."""

    name: str  # as "jpeg:12"
    damage: str
    kind: str
    ours: Ours
    theirs: Theirs
    oracle: Optional[Verdict]  # None where it is not installed
    before: int  # frames before the damage


def findings(file: File) -> List[str]:
    """Which of FAILURES and DIFFERENCES apply."""
    ours, oracle = file.ours, file.oracle
    if ours.crashed:
        return [DIFFERENCES[0]]
    found = []
    if ours.bug:
        found.append(FAILURES[0])
    if ours.seconds > LIMIT:
        found.append(FAILURES[1])
    if ours.backwards:
        found.append(FAILURES[4])
    if oracle is None or ours.bug or ours.seconds > LIMIT:
        return found
    told = tells_damage(file)
    if oracle.whole and told:
        found.append(FAILURES[2] if _is_whole(file, oracle) else DIFFERENCES[1])
    if not oracle.whole and not told:
        found.append(DIFFERENCES[2])
    if ours.frames < oracle.frames and file.kind == "stream":
        found.append(DIFFERENCES[4])  # a stream has no length, so nobody can tell what it lacks at its end
    elif ours.frames < oracle.frames and not told:
        found.append(FAILURES[3])
    if ours.frames > oracle.frames:
        found.append(DIFFERENCES[3])
    if ours.frames < file.before and file.kind == "film" and not told:
        found.append(DIFFERENCES[5])
    return found


def _is_whole(file: File, oracle: Verdict) -> bool:
    """Whether all say so: the oracle, OpenCV alone, and what the file held before.

    ffprobe says nothing of an AVI that ends between two frames, nor of frames that a damaged list of them leaves out.
    """
    silent = file.theirs.silent or file.kind != "picture"
    return oracle.whole and silent and file.theirs.frames == oracle.frames == file.before


def tells_damage(file: File) -> bool:
    """Whether the program says that something is wrong with a file.

    Of a stream it always says that it has ended, so there only the images count that could not be decoded.
    """
    ours = file.ours
    if file.kind == "stream":
        return ours.undecoded > 0 or ours.frames == 0
    return ours.error is not None or ours.undecoded > 0 or "warning:" in ours.told
