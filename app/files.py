"""Files that are complete or absent, outputs that overwrite no input, and names that libraries accept."""

import os
import re
import sys
import tempfile
from contextlib import contextmanager
from typing import Iterable, Iterator, Optional, Tuple

from app.errors import OutputError, SourceError, UsageError
from app.lock import check_unlocked

NAME_BYTES = 255  # of a name, on the file systems of Linux
TEMPORARY_CHARACTERS = 24  # of a file's name, in its temporary one's
# Not every OpenCV decodes all of them: see sources/pictures.py.
IMAGE_SUFFIXES = tuple(
    ".jpg .jpeg .jpe .jfif .png .bmp .dib .webp .tif .tiff .ppm .pgm .pbm .pnm .jp2 .gif .avif .heic .heif .jxl".split()
)


def is_image(path: str) -> bool:
    """Whether a file has the name of an image."""
    return path.lower().endswith(IMAGE_SUFFIXES)


def reject_overwrites(outputs: Iterable[Tuple[str, Optional[str]]], inputs: Iterable[str]) -> None:
    """Raise UsageError if an output would overwrite an input or another output.

    outputs: pairs of option and path, as ("--report", "report.json"). None, `-` and what exists and is not a file
    (a folder, a device, a pipe) overwrite nothing. A file is the same under all its names: through links of both
    kinds, other mounts, and in capitals where the file system knows none.
    """
    taken = {identity(path): path for path in inputs}
    for option, path in outputs:
        if path and path != "-" and (os.path.isfile(path) or not os.path.exists(path)):
            place = identity(path)
            if place in taken:
                raise UsageError(f"{option} {path}: would overwrite {taken[place]}; choose another name")
            taken[place] = path


def identity(path: str) -> Tuple[object, ...]:
    """What is equal for all names of one file: its device and inode or, before it exists, its path without links."""
    try:
        status = os.stat(path)
    except OSError:
        return (os.path.realpath(path),)
    return status.st_dev, status.st_ino


def numbered(path: str, number: int) -> str:
    """The path with a number after its stem, as name-1.mkv; a stem is cut where the name would become too long."""
    folder, name = os.path.split(path)
    stem, suffix = os.path.splitext(name)
    suffix = f"-{number}{suffix}"
    while len(os.fsencode(stem + suffix)) > NAME_BYTES:
        stem = stem[:-1]
    return os.path.join(folder, stem + suffix)


def check_writable(path: str) -> None:
    """Raise OutputError if a file at `path` cannot be created or replaced, or another program is writing to it.

    Creates nothing.
    """
    folder = os.path.dirname(os.path.abspath(path))
    if not path:
        raise OutputError("an output needs a name")
    if len(os.fsencode(os.path.basename(path))) > NAME_BYTES:
        raise OutputError(f"{path}: the name is too long; it may have {NAME_BYTES} bytes")
    if os.path.isdir(path):
        raise OutputError(f"{path}: is a folder, not a file")
    if not os.path.isdir(folder):
        raise OutputError(f"{path}: there is no folder {folder}; create it with: mkdir -p {folder}")
    # A file is replaced, so its folder must be writable; a pipe or /dev/null is not.
    replaced = not os.path.exists(path) or os.path.isfile(path)
    if not os.access(folder if replaced else path, os.W_OK) or (os.path.exists(path) and not os.access(path, os.W_OK)):
        raise OutputError(f"{path}: no permission to write there")
    check_unlocked(path)


def write_file(path: str, data: bytes) -> None:
    """Write a temporary file, then rename it, so that no reader ever sees half of it. Raises OutputError.

    So this needs no lock: of two programs that write one file, the last one's is there, and whole.
    An existing device or pipe, such as /dev/null, is written to and not replaced.
    """
    folder, name = os.path.split(os.path.abspath(path))
    temporary = None
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            with open(path, "wb") as device:
                device.write(data)
            return
        handle, temporary = tempfile.mkstemp(prefix=_temporary_prefix(name), dir=folder)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        if temporary and os.path.exists(temporary):
            os.remove(temporary)


def remove_unfinished(path: str) -> None:
    """Remove what a `write_file` of this path has left beside it that was killed. Nothing else may be writing it now.

    Raises OutputError.
    """
    folder, name = os.path.split(os.path.abspath(path))
    temporary = re.compile(re.escape(_temporary_prefix(name)) + "[a-z0-9_]{8}")  # as tempfile ends a name
    for found in os.listdir(folder) if os.path.isdir(folder) else []:
        if temporary.fullmatch(found):
            remove_file(os.path.join(folder, found))


def make_folder(path: str) -> None:
    """Create a folder, and those that it is in, if it does not exist. Raises OutputError."""
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path}: cannot create it: {error.strerror}") from error


def remove_file(path: str) -> None:
    """Remove a file, if there is one. Raises OutputError."""
    try:
        os.remove(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise OutputError(f"{path}: cannot be removed: {error.strerror}") from error


def opencv_path(path: str) -> str:
    """A file's path as OpenCV, ONNX Runtime and OpenVINO take it: UTF-8, whatever the locale. They crash on anything
    else. And absolute, since FFmpeg takes the 12 of 12:31:00.mp4 for a protocol.

    Raises ValueError for a name that is not UTF-8.
    """
    try:
        return os.fsencode(os.path.abspath(path)).decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{path!r}: its name is not UTF-8; rename it") from None


@contextmanager
def reading(path: str) -> Iterator[None]:
    """Raise SourceError for what the system says against reading a file or folder: no permission, a bad disk, ..."""
    try:
        yield
    except SourceError:
        raise
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}") from error


@contextmanager
def without_stderr() -> Iterator[None]:
    """Discard what the process writes to file descriptor 2, for libraries that print whatever their log level is.

    Such are TensorFlow 2.21 while it is imported, and the decoders of OpenCV 4.1.1 while they open a file.
    It silences every thread, so use it for a short moment before the loop starts.
    """
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _temporary_prefix(name: str) -> str:
    return "." + name[:TEMPORARY_CHARACTERS] + "."


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
