"""EMNIST by-class for tools.fetch: its files in a folder, the test part alone will do, or NIST's zip archive.

The archive has five other arrangements of the same characters, which are left in it.
"""

import lzma
import os
import zipfile
import zlib
from typing import Dict, Iterator, List, Optional, Tuple

from app.classification.emnist import FILES, IMAGES, LABELS, MAPPING, SIDE, Emnist
from tools.fetch.data_set import Entry, Form, chunks
from tools.fetch.download import SourceFailed

ARCHIVE = "gzip.zip"  # NIST's name for it
FOLDERS = ("", "gzip")  # where the files are, in a folder that somebody names
LONGEST_LIST = 1 << 12  # bytes that the mapping may have
HEADER = 1 << 12  # bytes, more than those of an IDX and of a gzip file
NEEDED = (MAPPING, IMAGES["test"], LABELS["test"])


def _space(entry: Entry, place: Optional[str]) -> int:
    """Of the archive, what is unpacked is less than half: the files are packed themselves, and most are left in it."""
    if place is None:
        return 3 * int(entry["size"]) // 2
    try:
        found = _find(place, entry["folder"])
    except SourceFailed:
        return 0  # it will be said why
    return sum(map(os.path.getsize, [found] if os.path.isfile(found) else _files(found)))


def _limits(entry: Entry) -> Dict[str, int]:
    limits = {MAPPING: LONGEST_LIST}
    for part, count in entry["images"].items():
        for name, record in ((IMAGES[part], SIDE * SIDE), (LABELS[part], 1)):
            # What gzip cannot make smaller, it makes larger by less than a thousandth.
            limits[name] = limits[name + ".gz"] = HEADER + count * record * 1001 // 1000
    return limits


def _find(place: str, name: str) -> str:
    """The folder or archive to read: `place` itself, or one with the usual name in it."""
    if os.path.isfile(place):
        return place
    folders = [os.path.join(place, folder) for folder in (*FOLDERS, name)]
    for folder in folders:
        if not _missing(folder):
            return folder
    if os.path.isfile(os.path.join(place, ARCHIVE)):
        return os.path.join(place, ARCHIVE)
    for folder in folders:
        if len(_missing(folder)) < len(NEEDED):
            raise SourceFailed(f"it has no {_missing(folder)[0]}")
    raise SourceFailed(f"it has neither the files of EMNIST by-class nor {ARCHIVE}")


def _missing(folder: str) -> List[str]:
    """Files without which there is no data set; of the training part, the reader finds out."""
    present = [os.path.basename(path) for path in _files(folder)]
    return [name for name in NEEDED if name not in present and name + ".gz" not in present]


def _files(folder: str) -> List[str]:
    return [os.path.join(folder, name) for name in FILES if os.path.isfile(os.path.join(folder, name))]


def _contents(place: str, folder: str) -> Iterator[Tuple[str, bytes]]:
    place = _find(place, folder)
    name = os.path.basename(place)
    try:
        if os.path.isdir(place):
            for path in _files(place):
                name = os.path.basename(path)
                yield name, b""  # so that an empty file is written too
                with open(path, "rb") as file:
                    for chunk in chunks(file):
                        yield name, chunk
            return
        with zipfile.ZipFile(place) as archive:
            members = [member for member in archive.infolist() if os.path.basename(member.filename) in FILES]
            if not members:
                raise SourceFailed(f"{name} has no file of EMNIST by-class")
            for member in members:
                yield os.path.basename(member.filename), b""
                with archive.open(member) as content:  # whose checksum is compared at its end
                    for chunk in chunks(content):
                        yield os.path.basename(member.filename), chunk
    # RuntimeError: it is encrypted, or compressed in a way that is not known.
    except (zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError, ValueError, RuntimeError) as error:
        raise SourceFailed(f"{name} is damaged, or not a zip archive") from error
    except OSError as error:  # while reading; errors while writing are raised elsewhere
        raise SourceFailed(f"cannot read {name} there: {error.strerror or error}") from error


def _problem(path: str, entry: Entry) -> Optional[str]:
    for part, count in sorted(Emnist(path).check().items()):
        if count != entry["images"][part]:
            return f"its {part} part has {count:,} records instead of {entry['images'][part]:,}"
    return None


def _lack(path: str) -> Optional[str]:
    if Emnist(path).complete:
        return None
    return "has EMNIST's test part only, which is divided into training, validation and test set"


EMNIST = Form(".zip", _space, _limits, _contents, _problem, _lack)
