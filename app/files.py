"""Files that are whole or not there."""

import os
import tempfile

from app.errors import OutputError


def check_writable(path: str) -> None:
    """Raise OutputError if a file at `path` could not be made or replaced; makes nothing itself."""
    folder = os.path.dirname(os.path.abspath(path))
    if not path:
        raise OutputError("an output needs a name")
    if os.path.isdir(path):
        raise OutputError(f"{path}: is a folder, not a file")
    if not os.path.isdir(folder):
        raise OutputError(f"{path}: there is no folder {folder}; make it with: mkdir -p {folder}")
    # A file is replaced, so its folder must be writable; a pipe or /dev/null is not.
    replaced = not os.path.exists(path) or os.path.isfile(path)
    if not os.access(folder if replaced else path, os.W_OK) or (os.path.exists(path) and not os.access(path, os.W_OK)):
        raise OutputError(f"{path}: no permission to write there")


def write_file(path: str, data: bytes) -> None:
    """Write a file beside its place, then move it there, so that nobody ever sees half of it. Raises OutputError.

    What is there and not a file, a pipe or /dev/null, is written to and stays what it is.
    """
    folder, name = os.path.split(os.path.abspath(path))
    temporary = None
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            with open(path, "wb") as device:
                device.write(data)
            return
        handle, temporary = tempfile.mkstemp(prefix="." + name + ".", dir=folder)
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


def remove_file(path: str) -> None:
    """Remove a file, if there is one. Raises OutputError."""
    try:
        os.remove(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise OutputError(f"{path}: cannot be removed: {error.strerror}") from error


def opencv_path(path: str) -> str:
    """A path as OpenCV and ONNX Runtime want it: UTF-8, whatever the locale. They crash on anything else.

    Raises ValueError for a name that is not UTF-8.
    """
    try:
        return os.fsencode(path).decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{path!r}: its name is not UTF-8; rename it") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
