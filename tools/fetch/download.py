"""What all downloads share: trying sources in turn, HTTP, and temporary folders that are swept after a kill."""

import errno
import os
import shutil
import sys
import tempfile
from contextlib import contextmanager
from typing import Callable, Dict, Iterator, List

from app.errors import ModelError, say

CONNECT_LIMIT, READ_LIMIT = 5, 20  # seconds for a host to answer, and between two pieces of an answer
PARTIAL = ".fetch-"  # temporary folders are called .fetch-PROCESS-RANDOM

Source = Dict[str, str]


class SourceFailed(Exception):
    """One source did not deliver what it should; the next may."""


def try_sources(sources: List[Source], path: str, title: str, get: Callable[[Source], None], advice: str) -> None:
    """Call `get` with one source after another until one succeeds.

    title: what is fetched, for progress messages. Raises ModelError, with `advice` on what to do, when all fail.
    """
    failures = []
    for source in sources:
        label = _label(source)
        say(f"fetching {title} from {label}")
        try:
            get(source)
            return
        except SourceFailed as error:
            failures.append(f"{label}: {error}")
            if len(failures) < len(sources):
                say(failures[-1])
        except OSError as error:
            raise ModelError(f"{short(path)}: cannot write it: {error.strerror}") from error
    raise ModelError(f"could not fetch {os.path.basename(path)} ({'; '.join(failures)}); {advice}")


@contextmanager
def working_folder(weights: str, space: int) -> Iterator[str]:
    """A temporary folder in weights/. Raises OSError if the disk has less than `space` bytes free."""
    _sweep(weights)
    if shutil.disk_usage(weights).free < space:
        raise OSError(errno.ENOSPC, "the disk is full")
    with tempfile.TemporaryDirectory(prefix=f"{PARTIAL}{os.getpid()}-", dir=weights) as folder:
        yield folder


def download(url: str, path: str) -> None:
    """Download a file, with a progress bar where there is a terminal. Raises SourceFailed."""
    import pooch
    import requests

    downloader = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=(CONNECT_LIMIT, READ_LIMIT))
    try:
        downloader(url, path, None)
    except (requests.exceptions.RequestException, ValueError) as error:
        raise SourceFailed(_network_reason(error)) from error


def short(path: str) -> str:
    """A path relative to the working directory where it lies below it, else as it is."""
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative


def _network_reason(error: Exception) -> str:
    import requests

    response = getattr(error, "response", None)
    if response is not None:
        return f"the server answered {response.status_code}"
    if isinstance(error, requests.exceptions.Timeout):
        return "timed out"
    if isinstance(error, requests.exceptions.ConnectionError):
        return "cannot connect"
    return "the download broke off"


def _sweep(weights: str) -> None:
    """Remove the temporary folders of processes that no longer run."""
    for name in os.listdir(weights):
        process = name[len(PARTIAL) :].split("-")[0]
        if name.startswith(PARTIAL) and not (process.isdigit() and _is_running(int(process))):
            shutil.rmtree(os.path.join(weights, name), ignore_errors=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # it runs, as another user
    return True


def _label(source: Source) -> str:
    if "url" in source:
        return source["url"].split("/")[2]
    return source["folder"] if "folder" in source else f"the Python package index ({source['package']})"
