"""Which pictures are trained on, and which are for validation."""

import os
import re
from fractions import Fraction
from typing import Optional, Sequence

from app.errors import SourceError, UsageError
from app.sources.pictures import is_picture
from tools.score.coco import some_of

LARGEST_LIST = 64 << 20  # bytes
NONE = "none"


def find_pictures(places: Sequence[str]) -> list[str]:
    """The pictures in folders and in lists of files, sorted by name as text. Raises SourceError if there are none."""
    found: dict[str, str] = {}
    for place in places:
        for path in _in_folder(place) if os.path.isdir(place) else _in_list(place, [os.path.dirname(place), ""]):
            found.setdefault(os.path.realpath(path), path)
    return sorted(found.values(), key=lambda path: (os.path.basename(path), path))


def split(pictures: Sequence[str], how: str, folder: Optional[str]) -> tuple[list[str], list[str]]:
    """Pictures to train on, and those to validate on.

    how: 1/5 takes the first of every five, in their order; "none" takes none; a folder, or a file that lists pictures,
    names them, with or without a path. folder: where listed names are looked for. Raises SourceError, UsageError.
    """
    share = re.fullmatch(r"1/(\d{1,6})", how)
    if how == NONE:
        return list(pictures), []
    if share and not os.path.exists(how):
        every = int(share[1])
        if every < 2:
            raise UsageError(f"--val {how}: nothing would be left to train on; use 1/5, for example")
        held = list(pictures[::every])
    elif os.path.isdir(how):
        held = find_pictures([how])
    else:
        held = _in_list(how, [os.path.dirname(how), "", folder or ""])
    real = {os.path.realpath(path) for path in held}
    training = [path for path in pictures if os.path.realpath(path) not in real]
    if not training:
        raise UsageError(f"--val {how}: takes all {len(pictures)} pictures, and none is left to train on")
    return training, held


def share_of(text: str) -> Optional[Fraction]:
    """The share that 1/5 means; None for a path."""
    match = re.fullmatch(r"1/(\d{1,6})", text)
    return Fraction(1, int(match[1])) if match and int(match[1]) else None


def _in_folder(folder: str) -> list[str]:
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise SourceError(f"{folder}: {error.strerror}") from error
    found = [os.path.join(folder, name) for name in names if is_picture(name)]
    if not found:
        inner = [name for name in names if os.path.isdir(os.path.join(folder, name))]
        hint = f"; its subfolders are not searched, name one: {some_of(inner)}" if inner else ""
        raise SourceError(f"{folder}: no pictures found{hint}")
    return found


def _in_list(path: str, folders: Sequence[str]) -> list[str]:
    """The pictures that a file lists, one a line; relative ones are looked for in these folders, then by name alone."""
    try:
        if os.path.getsize(path) > LARGEST_LIST:
            raise SourceError(f"{path}: is too large for a list of pictures")
        with open(path, encoding="utf-8-sig") as file:
            lines = [line.strip() for line in file if line.strip()]
    except FileNotFoundError:
        raise SourceError(f"{path}: no such folder, and no file that lists pictures") from None
    except SourceError:
        raise
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: not a list of pictures: {getattr(error, 'strerror', None) or error}") from error
    found = []
    for number, line in enumerate(lines, 1):
        if "\0" in line or len(line) > 4096:
            raise SourceError(f"{path}:{number}: not a path")
        tried = [os.path.join(folder, line) for folder in folders]
        tried += [os.path.join(folder, os.path.basename(line.replace("\\", "/"))) for folder in folders]
        place = next((one for one in tried if os.path.isfile(one)), None) or _with_suffix(tried)
        if place is None:
            raise SourceError(f"{path}:{number}: there is no picture {line[:100]}")
        found.append(place)
    if not found:
        raise SourceError(f"{path}: lists no pictures")
    return list(dict.fromkeys(found))


def _with_suffix(stems: Sequence[str]) -> Optional[str]:
    """A picture whose name without its suffix is listed, as Pascal VOC's lists do."""
    for stem in stems:
        for suffix in (".jpg", ".jpeg", ".png", ".JPG", ".PNG", ".bmp"):
            if os.path.isfile(stem + suffix):
                return stem + suffix
    return None
