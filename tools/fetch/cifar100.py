"""Fetches CIFAR-100 for tools.fetch: from the web, or from a folder or an archive that is at hand.

The web must give the official archive, whose MD5 is published. What is at hand may be packed in another way, or have
its records in another order: it is read from end to end instead. Only files of the four known names are written.
"""

import hashlib
import lzma
import os
import tarfile
import zlib
from typing import Any, Dict, Iterator, Optional, Tuple

from app.classification.cifar100 import FILES, RECORD, Cifar100
from app.errors import ModelError, SourceError, say
from tools.fetch.download import Source, SourceFailed, download, from_the_first, short, unfinished

PIECE = 1 << 20  # bytes read at once
LONGEST_LIST = 1 << 16  # bytes that a file of names may have
ARCHIVES = (".tar.gz", ".tar.xz", ".tar")


def fetch_cifar100(name: str, entry: Dict[str, Any], weights: str, place: Optional[str] = None) -> str:
    """Make sure that the data set is in `weights`, all of it, and return its folder.

    entry: what the manifest says of it. place: the folder or archive to take it from. Raises ModelError.
    """
    path = os.path.join(weights, entry["folder"])
    if os.path.exists(path):
        wrong = _fault(path, entry)
        if wrong is None:
            return path
        say("{} is damaged ({}); fetching it again".format(short(path), wrong))

    def get(source: Source) -> None:
        with unfinished(weights, 2 * RECORD * sum(entry["images"].values())) as folder:
            made = os.path.join(folder, entry["folder"])
            os.mkdir(made)
            _write(_official(source["url"], entry, folder) if "url" in source else source["folder"], made, entry)
            wrong = _fault(made, entry)
            if wrong is not None:
                raise SourceFailed(wrong)
            if os.path.lexists(path):
                os.replace(path, os.path.join(folder, "damaged"))  # a folder cannot replace one that has files in it
            os.replace(made, path)

    sources = entry["sources"] if place is None else [{"folder": place}]
    size = " ({:.1f} MB)".format(entry["size"] / 1e6) if place is None else ""
    advice = "name a folder or an archive that has it: python -m tools.fetch {} --from PLACE".format(name)
    if place is None:
        advice = "download {} elsewhere and {}".format(entry["sources"][0]["url"], advice)
    from_the_first(sources, path, entry["folder"] + size, get, advice)
    return path


def _official(url: str, entry: Dict[str, Any], folder: str) -> str:
    """Download the archive and verify it."""
    archive = os.path.join(folder, entry["folder"] + ARCHIVES[0])
    download(url, archive)
    digest = hashlib.md5()
    with open(archive, "rb") as file:
        for piece in iter(lambda: file.read(PIECE), b""):
            digest.update(piece)
    if digest.hexdigest() != entry["md5"]:
        raise SourceFailed("gave an archive with the wrong checksum")
    return archive


def _write(place: str, made: str, entry: Dict[str, Any]) -> None:
    """Write what is in a folder or an archive to the folder `made`."""
    limits = {split + ".bin": count * RECORD for split, count in entry["images"].items()}
    for name, piece in _contents(_find(place, entry["folder"])):
        with open(os.path.join(made, name), "ab") as file:
            file.write(piece)
            if file.tell() > limits.get(name, LONGEST_LIST):  # before it has filled the disk
                raise SourceFailed("{} is too long, or in it twice".format(name))


def _find(place: str, name: str) -> str:
    """The folder or archive that is meant: the place itself, or one of the usual name in it."""
    if not os.path.exists(place):
        raise SourceFailed("there is no such folder or archive")
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
            raise SourceFailed("there is no {} there".format(missing[folder][0]))
    raise SourceFailed("there is no {} there, nor {}{}".format(name, name, ARCHIVES[0]))


def _contents(place: str) -> Iterator[Tuple[str, bytes]]:
    """The data set's files in a folder or an archive, in pieces, each with the name of its file."""
    name = os.path.basename(place)
    try:
        if os.path.isdir(place):
            for name in FILES:
                yield name, b""  # an empty one is made too
                with open(os.path.join(place, name), "rb") as file:
                    for piece in iter(lambda: file.read(PIECE), b""):  # noqa: B023  # called before the next file
                        yield name, piece
            return
        # Not as a stream, which does not verify gzip's checksum.
        with tarfile.open(place) as archive:
            for information in archive:
                base = os.path.basename(information.name)
                if base in FILES and information.isfile():
                    yield base, b""
                    member = archive.extractfile(information)
                    assert member is not None  # it is a file
                    for piece in iter(lambda: member.read(PIECE), b""):  # type: ignore  # noqa: B023
                        yield base, piece
            assert archive.fileobj is not None  # it is open
            while archive.fileobj.read(PIECE):  # the checksum comes last
                pass
    except (tarfile.TarError, EOFError, lzma.LZMAError, zlib.error, ValueError) as error:
        raise SourceFailed("{} is damaged, or not an archive".format(name)) from error
    except OSError as error:  # of the place; what is written fails elsewhere
        raise SourceFailed("{} cannot be read there: {}".format(name, error.strerror or error)) from error


def _fault(path: str, entry: Dict[str, Any]) -> Optional[str]:
    """What is wrong with the data set in a folder; None when every record can be read."""
    try:
        if not os.path.isdir(path):
            raise ModelError("{}: is not a folder; move it away".format(short(path)))
        data = Cifar100(path)
        for split, expected in sorted(entry["images"].items()):
            count = data.count(split)
            if count != expected:
                return "{}.bin has {:,} images instead of {:,}".format(split, count, expected)
            for _ in data.batches(split):
                pass
    except SourceError as error:
        if isinstance(error.__cause__, PermissionError):
            raise ModelError("{}: cannot be read: {}".format(short(path), error.__cause__.strerror)) from error
        return str(error)[len(path) + 2 :]  # without the name of the folder, which is a temporary one
    return None
