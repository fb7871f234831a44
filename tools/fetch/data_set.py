"""Fetches a data set for tools.fetch: from the web, or from a folder or archive on this machine.

A download must be the official archive, whose MD5 is published. A local copy may be packed or ordered differently, so
every record of it is read and checked instead. Only files with known names are written.
"""

import hashlib
import os
from typing import Any, Callable, Dict, Iterator, NamedTuple, Optional, Tuple

from app.errors import ModelError, SourceError, say
from tools.fetch.download import Source, SourceFailed, download, short, try_sources, working_folder

CHUNK = 1 << 20  # bytes read at once

Entry = Dict[str, Any]  # of a data set in the manifest


class Form(NamedTuple):
    """How one data set is packed and checked.

    ending: of the official archive's name. space: bytes to be free on the disk, for an entry and the place that it is
    taken from, None for the web. limits: the largest size of each file that may be written. contents: those files in a
    folder or archive, or in one of the usual name in it, in chunks with the name of their file; raises SourceFailed.
    problem: what is wrong with a complete folder, None if nothing is, after reading every record; may raise SourceError
    instead. lack: what an intact folder lacks, for people to read; None if it is complete.
    """

    ending: str
    space: Callable[[Entry, Optional[str]], int]
    limits: Callable[[Entry], Dict[str, int]]
    contents: Callable[[str, str], Iterator[Tuple[str, bytes]]]
    problem: Callable[[str, Entry], Optional[str]]
    lack: Callable[[str], Optional[str]]


def fetch_data_set(name: str, entry: Entry, form: Form, weights: str, place: Optional[str] = None) -> str:
    """Make sure that the data set is in `weights`, complete where its source is, and return its folder.

    entry: its entry in the manifest. place: the folder or archive to take it from. Raises ModelError.
    """
    path = os.path.join(weights, entry["folder"])
    if os.path.exists(path):
        problem = _problem(path, entry, form)
        lack = None if problem else form.lack(path)
        if problem is None and lack is None:
            return path
        say(f"{short(path)} {lack or f'is damaged ({problem})'}; fetching it again")

    def get(source: Source) -> None:
        with working_folder(weights, form.space(entry, source.get("folder"))) as folder:
            made = os.path.join(folder, entry["folder"])
            os.mkdir(made)
            archive = _official(source["url"], entry, form, folder) if "url" in source else source["folder"]
            _write(archive, made, entry, form)
            problem = _problem(made, entry, form)
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
    lack = form.lack(path)
    if lack is not None:
        say(f"{short(path)} {lack}")
    return path


def chunks(file: Any) -> Iterator[bytes]:
    """The bytes of an open file, in pieces."""
    return iter(lambda: file.read(CHUNK), b"")


def _official(url: str, entry: Entry, form: Form, folder: str) -> str:
    archive = os.path.join(folder, entry["folder"] + form.ending)
    download(url, archive)
    digest = hashlib.md5()
    with open(archive, "rb") as file:
        for chunk in chunks(file):
            digest.update(chunk)
    if digest.hexdigest() != entry["md5"]:
        raise SourceFailed("delivered an archive with the wrong checksum")
    return archive


def _write(place: str, made: str, entry: Entry, form: Form) -> None:
    """Write the data set's files from a folder or an archive to the folder `made`."""
    if not os.path.exists(place):
        raise SourceFailed("no such folder or archive")
    limits = form.limits(entry)
    for name, chunk in form.contents(place, entry["folder"]):
        with open(os.path.join(made, name), "ab") as file:
            file.write(chunk)
            if file.tell() > limits[name]:  # stop before it fills the disk
                raise SourceFailed(f"{name} is too long, or contained twice")


def _problem(path: str, entry: Entry, form: Form) -> Optional[str]:
    """What is wrong with the data set in a folder; None when every record can be read."""
    try:
        if not os.path.isdir(path):
            raise ModelError(f"{short(path)}: is not a folder; move it away")
        return form.problem(path, entry)
    except SourceError as error:
        if isinstance(error.__cause__, PermissionError):
            raise ModelError(f"{short(path)}: cannot read it: {error.__cause__.strerror}") from error
        # Without the name of the folder, which is temporary, and without the advice to do what is being done.
        return str(error)[len(path) :].lstrip(":/ ").split("; get it with")[0]
