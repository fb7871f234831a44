"""CIFAR-100 for tools.fetch: in a folder, or in a tar archive with any compression."""

import lzma
import os
import tarfile
import zlib
from typing import Dict, Iterator, Optional, Tuple

from app.classification.cifar100 import FILES, RECORD, Cifar100
from tools.fetch.data_set import Entry, Form, chunks
from tools.fetch.download import SourceFailed

LONGEST_LIST = 1 << 16  # bytes that a file of names may have
ARCHIVES = (".tar.gz", ".tar.xz", ".tar")


def _space(entry: Entry, place: Optional[str]) -> int:
    return 2 * RECORD * int(sum(entry["images"].values()))


def _limits(entry: Entry) -> Dict[str, int]:
    images = {split + ".bin": count * RECORD for split, count in entry["images"].items()}
    return {name: images.get(name, LONGEST_LIST) for name in FILES}


def _find(place: str, name: str) -> str:
    """The folder or archive to read: `place` itself, or one with the usual name in it."""
    if os.path.isfile(place):
        return place
    folders = [place, os.path.join(place, name)]
    archives = [os.path.join(place, name + ending) for ending in ARCHIVES]
    missing = {folder: [base for base in FILES if not os.path.isfile(os.path.join(folder, base))] for folder in folders}
    found = [folder for folder in folders if not missing[folder]]
    found += [archive for archive in archives if os.path.isfile(archive)]
    if found:
        return found[0]
    for folder in folders:
        if len(missing[folder]) < len(FILES):
            raise SourceFailed(f"it has no {missing[folder][0]}")
    raise SourceFailed(f"it has neither {name} nor {name}{ARCHIVES[0]}")


def _contents(place: str, folder: str) -> Iterator[Tuple[str, bytes]]:
    place = _find(place, folder)
    name = os.path.basename(place)
    try:
        if os.path.isdir(place):
            for name in FILES:
                yield name, b""  # so that an empty file is written too
                with open(os.path.join(place, name), "rb") as file:
                    for chunk in chunks(file):
                        yield name, chunk
            return
        # Not as a stream, which does not verify gzip's checksum.
        with tarfile.open(place) as archive:
            for information in archive:
                base = os.path.basename(information.name)
                if base in FILES and information.isfile():
                    yield base, b""
                    for chunk in chunks(archive.extractfile(information)):
                        yield base, chunk
            for _ in chunks(archive.fileobj):  # the checksum is at the end
                pass
    except (tarfile.TarError, EOFError, lzma.LZMAError, zlib.error, ValueError) as error:
        raise SourceFailed(f"{name} is damaged, or not an archive") from error
    except OSError as error:  # while reading; errors while writing are raised elsewhere
        raise SourceFailed(f"cannot read {name} there: {error.strerror or error}") from error


def _problem(path: str, entry: Entry) -> Optional[str]:
    data = Cifar100(path)
    for split, expected in sorted(entry["images"].items()):
        count = data.count(split)
        if count != expected:
            return f"{split}.bin has {count:,} images instead of {expected:,}"
        for _ in data.batches(split):
            pass
    return None


CIFAR100 = Form(ARCHIVES[0], _space, _limits, _contents, _problem, lambda path: None)
