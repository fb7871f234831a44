"""Fetches models, clips and a data set by name, from the sources that weights/manifest.json lists for them.

What arrives is checked against the manifest before it gets its name: a file in weights/ is whole and right, or absent.
"""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import zipfile
from typing import Any, Dict, Optional, Sequence

from app.command import Parser, exit_code
from app.errors import ModelError, UsageError, say
from app.modelcard import WEIGHTS, hash_file
from tools.fetch.cifar100 import fetch_cifar100
from tools.fetch.download import READ_LIMIT, Source, SourceFailed, download, from_the_first, short, unfinished

MANIFEST = os.path.join(WEIGHTS, "manifest.json")

EXAMPLES = """examples:
  python -m tools.fetch yolov3-tiny
  python -m tools.fetch yolov3-tiny bikes --from /media/usb-stick
  python -m tools.fetch cifar-100 --from ~/Downloads/cifar-100-binary.tar.gz
  python -m tools.fetch --list
"""


def read_manifest() -> Dict[str, Any]:
    """The entries of weights/manifest.json by name."""
    with open(MANIFEST, encoding="utf-8") as file:
        entries: Dict[str, Any] = json.load(file)
    return entries


def fetch(name: str, place: Optional[str] = None) -> str:
    """Make sure that something of the manifest is in weights/, and return its path.

    place: take it from this folder and nowhere else. Raises UsageError for a name that the manifest does not have, and
    ModelError when no source gave the file; says how to put it there by hand.
    """
    manifest = read_manifest()
    if name not in manifest:
        raise UsageError("there is no {!r} to fetch; there are: {}".format(name, ", ".join(sorted(manifest))))
    entry = manifest[name]
    if _is_data(entry):
        return fetch_cifar100(name, entry, WEIGHTS, place)
    path = os.path.join(WEIGHTS, entry["file"])
    if os.path.isdir(path):
        raise ModelError("{}: is a folder; move it away".format(short(path)))
    if os.path.exists(path):
        if _is_whole(path, entry):
            return path
        say("{} is damaged; fetching it again".format(short(path)))
    sources = entry["sources"] if place is None else [{"folder": place}]
    title = "{} ({:.1f} MB)".format(entry["file"], entry["size"] / 1e6)
    advice = "put the file ({:,} bytes, SHA-256 {}) at {}, or name a folder that has it: {}".format(
        entry["size"], entry["sha256"], short(path), "python -m tools.fetch {} --from DIR".format(name)
    )
    from_the_first(sources, path, title, lambda source: _fetch_from(source, entry, path), advice)
    return path


def _fetch_from(source: Source, entry: Dict[str, Any], path: str) -> None:
    """Get the file from one source into a temporary folder beside its place, verify it, and move it there."""
    with unfinished(WEIGHTS, 2 * entry["size"]) as folder:
        found = os.path.join(folder, entry["file"])
        if "url" in source:
            download(source["url"], found)
        elif "package" in source:
            _unpack(_download_package(source, folder), source, found)
        else:
            _copy(source["folder"], entry["file"], found)
        size = os.path.getsize(found)
        if size != entry["size"]:
            raise SourceFailed("gave {:,} bytes instead of {:,}".format(size, entry["size"]))
        if hash_file(found) != entry["sha256"]:
            raise SourceFailed("gave a file with the wrong checksum")
        os.replace(found, path)


def _download_package(source: Source, folder: str) -> str:
    """Download a package's archive with pip, as it is configured here. pip checks the archive's hash first of all."""
    requirement = os.path.join(folder, "requirement.txt")
    with open(requirement, "w") as file:
        file.write("{} --hash=sha256:{}\n".format(source["package"], source["sha256"]))
    name = source["package"].split("==")[0]
    kind = ["--no-binary", name] if source["format"] == "sdist" else ["--only-binary", name]
    archives = os.path.join(folder, "archive")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes", "--requirement", requirement]
    command += kind + ["--dest", archives, "--retries", "1", "--timeout", str(READ_LIMIT)]
    command += ["--disable-pip-version-check", "--no-cache-dir"]
    # pip draws its own progress bar on standard output, which belongs to our caller.
    shown = sys.stderr if sys.stderr.isatty() else subprocess.DEVNULL
    process = subprocess.run(command, stdout=shown, stderr=subprocess.PIPE, universal_newlines=True)
    if process.returncode != 0:
        if "No space left" in process.stderr:
            raise OSError(errno.ENOSPC, "the disk is full")
        errors = [line[7:] for line in process.stderr.splitlines() if line.startswith("ERROR: ")]
        raise SourceFailed("pip: " + (errors or process.stderr.strip().splitlines() or ["failed"])[-1])
    return os.path.join(archives, os.listdir(archives)[0])


def _unpack(archive: str, source: Source, path: str) -> None:
    """Take one member out of an archive; nothing else of it is written or run."""

    def save(member: Optional[Any]) -> None:
        if member is None:
            raise KeyError(source["member"])
        with member, open(path, "wb") as file:
            shutil.copyfileobj(member, file)

    try:
        if source["format"] == "wheel":
            with zipfile.ZipFile(archive) as wheel:
                save(wheel.open(source["member"]))
        else:
            with tarfile.open(archive) as sdist:
                save(sdist.extractfile(source["member"]))
    except (KeyError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise SourceFailed("the archive does not hold {}".format(source["member"])) from error


def _copy(folder: str, name: str, path: str) -> None:
    if not os.path.isfile(os.path.join(folder, name)):
        raise SourceFailed("there is no file {} there".format(name))
    try:
        original = open(os.path.join(folder, name), "rb")  # noqa: SIM115
    except OSError as error:
        raise SourceFailed("{} cannot be read there: {}".format(name, error.strerror)) from error
    with original, open(path, "wb") as copy:
        shutil.copyfileobj(original, copy)


def _is_whole(path: str, entry: Dict[str, Any]) -> bool:
    try:
        return bool(os.path.getsize(path) == entry["size"] and hash_file(path) == entry["sha256"])
    except OSError as error:
        raise ModelError("{}: cannot be read: {}".format(short(path), error.strerror)) from error


def _is_data(entry: Dict[str, Any]) -> bool:
    """Whether it is a data set, a folder: large, and not needed to run anything."""
    return "folder" in entry


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    parser = Parser(prog="python -m tools.fetch", description=__doc__, epilog=EXAMPLES)
    parser.add_argument("names", nargs="*", metavar="NAME", help="what to fetch (default: all but the data set)")
    parser.add_argument(
        "--from", dest="place", metavar="PLACE", help="take it from this folder, not the network (data set: or archive)"
    )
    parser.add_argument("--list", action="store_true", help="list what can be fetched")

    def work() -> None:
        args = parser.parse_args(argv)
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that it too cleans up
        manifest = read_manifest()
        if args.list:
            for name, entry in sorted(manifest.items()):
                print("{:14} {:>12,} bytes  {}".format(name, entry["size"], entry["licence"]))
            return
        for name in args.names or sorted(name for name in manifest if not _is_data(manifest[name])):
            print(short(fetch(name, args.place)))

    return exit_code(work)


if __name__ == "__main__":
    sys.exit(main())
