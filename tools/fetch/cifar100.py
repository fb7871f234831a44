"""Fetches CIFAR-100 for tools.fetch: from the web, or from a folder or archive on this machine.

A download must be the official archive, whose MD5 is published. A local copy may be packed or ordered differently, so
every record of it is read and checked instead. Only files with the four known names are written.
"""

import hashlib
import lzma
import os
import tarfile
import zlib
from typing import Any, Dict, Iterator, Optional, Tuple

from app.classification.cifar100 import FILES, RECORD, Cifar100
from app.errors import ModelError, SourceError, say
from tools.fetch.download import Source, SourceFailed, download, short, try_sources, working_folder

CHUNK = 1 << 20  # bytes read at once
LONGEST_LIST = 1 << 16  # bytes that a file of names may have
ARCHIVES = (".tar.gz", ".tar.xz", ".tar")


def fetch_cifar100(name: str, entry: Dict[str, Any], weights: str, place: Optional[str] = None) -> str:
    """Make sure that the complete data set is in `weights`, and return its folder.

    entry: its entry in the manifest. place: the folder or archive to take it from. Raises ModelError.
    """
    path = os.path.join(weights, entry["folder"])
    if os.path.exists(path):
        problem = _problem(path, entry)
        if problem is None:
            return path
        say(f"{short(path)} is damaged ({problem}); fetching it again")

    def get(source: Source) -> None:
        with working_folder(weights, 2 * RECORD * sum(entry["images"].values())) as folder:
            made = os.path.join(folder, entry["folder"])
            os.mkdir(made)
            _write(_official(source["url"], entry, folder) if "url" in source else source["folder"], made, entry)
            problem = _problem(made, entry)
            if problem is not None:
                raise SourceFailed(problem)
            if os.path.lexists(path):
                os.replace(path, os.path.join(folder, "damaged"))  # a folder cannot replace one that has files in it
            os.replace(made, path)

    sources, title = entry["sources"], f"{entry['folder']} ({entry['size'] / 1e6:.1f} MB)"
    advice = f"name a folder or an archive that has it: python -m tools.fetch {name} --from PLACE"
    if place is None:
        advice = f"download {sources[0]['url']} elsewhere and {advice}"
    else:
        sources, title = [{"folder": place}], entry["folder"]
    try_sources(sources, path, title, get, advice)
    return path


def _official(url: str, entry: Dict[str, Any], folder: str) -> str:
    archive = os.path.join(folder, entry["folder"] + ARCHIVES[0])
    download(url, archive)
    digest = hashlib.md5()
    with open(archive, "rb") as file:
        for chunk in _chunks(file):
            digest.update(chunk)
    if digest.hexdigest() != entry["md5"]:
        raise SourceFailed("delivered an archive with the wrong checksum")
    return archive


def _write(place: str, made: str, entry: Dict[str, Any]) -> None:
    """Write the data set's files from a folder or an archive to the folder `made`."""
    limits = {split + ".bin": count * RECORD for split, count in entry["images"].items()}
    for name, chunk in _contents(_find(place, entry["folder"])):
        with open(os.path.join(made, name), "ab") as file:
            file.write(chunk)
            if file.tell() > limits.get(name, LONGEST_LIST):  # stop before it fills the disk
                raise SourceFailed(f"{name} is too long, or contained twice")


def _find(place: str, name: str) -> str:
    """The folder or archive to read: `place` itself, or one with the usual name in it."""
    if not os.path.exists(place):
        raise SourceFailed("no such folder or archive")
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


def _contents(place: str) -> Iterator[Tuple[str, bytes]]:
    """The data set's files in a folder or an archive, in chunks, each with the name of its file."""
    name = os.path.basename(place)
    try:
        if os.path.isdir(place):
            for name in FILES:
                yield name, b""  # so that an empty file is written too
                with open(os.path.join(place, name), "rb") as file:
                    for chunk in _chunks(file):
                        yield name, chunk
            return
        # Not as a stream, which does not verify gzip's checksum.
        with tarfile.open(place) as archive:
            for information in archive:
                base = os.path.basename(information.name)
                if base in FILES and information.isfile():
                    yield base, b""
                    for chunk in _chunks(archive.extractfile(information)):
                        yield base, chunk
            for _ in _chunks(archive.fileobj):  # the checksum is at the end
                pass
    except (tarfile.TarError, EOFError, lzma.LZMAError, zlib.error, ValueError) as error:
        raise SourceFailed(f"{name} is damaged, or not an archive") from error
    except OSError as error:  # while reading; errors while writing are raised elsewhere
        raise SourceFailed(f"cannot read {name} there: {error.strerror or error}") from error


def _chunks(file: Any) -> Iterator[bytes]:
    return iter(lambda: file.read(CHUNK), b"")


def _problem(path: str, entry: Dict[str, Any]) -> Optional[str]:
    """What is wrong with the data set in a folder; None when every record can be read."""
    try:
        if not os.path.isdir(path):
            raise ModelError(f"{short(path)}: is not a folder; move it away")
        data = Cifar100(path)
        for split, expected in sorted(entry["images"].items()):
            count = data.count(split)
            if count != expected:
                return f"{split}.bin has {count:,} images instead of {expected:,}"
            for _ in data.batches(split):
                pass
    except SourceError as error:
        if isinstance(error.__cause__, PermissionError):
            raise ModelError(f"{short(path)}: cannot read it: {error.__cause__.strerror}") from error
        return str(error)[len(path) + 2 :]  # without the name of the folder, which is temporary
    return None
