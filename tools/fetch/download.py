"""What everything that is fetched has in common: sources tried in turn, the web, and folders for what is unfinished."""

import errno
import os
import shutil
import sys
import tempfile
from contextlib import contextmanager
from typing import Callable, Dict, Iterator, List

from app.errors import ModelError, say

CONNECT_LIMIT, READ_LIMIT = 5, 20  # seconds for a host to answer, and between two pieces of an answer
PARTIAL = ".fetch-"  # the folders that hold unfinished downloads are called .fetch-PROCESS-RANDOM

Source = Dict[str, str]


class SourceFailed(Exception):
    """One source did not give what it should; the next may."""


def from_the_first(sources: List[Source], path: str, title: str, get: Callable[[Source], None], advice: str) -> None:
    """Call `get` with one source after another until one does not fail.

    title: what is fetched, for the user. Raises ModelError when all fail; `advice` says what to do then.
    """
    failures = []
    for source in sources:
        label = _label(source)
        say("fetching {} from {}".format(title, label))
        try:
            get(source)
            return
        except SourceFailed as error:
            failures.append("{}: {}".format(label, error))
            if len(failures) < len(sources):
                say(failures[-1])
        except OSError as error:
            raise ModelError("{}: cannot be written: {}".format(short(path), error.strerror)) from error
    raise ModelError("{} could not be fetched ({}); {}".format(os.path.basename(path), "; ".join(failures), advice))


@contextmanager
def unfinished(weights: str, space: int) -> Iterator[str]:
    """A folder beside what is fetched, removed in the end. Raises OSError if the disk lacks `space` bytes."""
    _sweep(weights)
    if shutil.disk_usage(weights).free < space:
        raise OSError(errno.ENOSPC, "the disk is full")
    with tempfile.TemporaryDirectory(prefix="{}{}-".format(PARTIAL, os.getpid()), dir=weights) as folder:
        yield folder


def download(url: str, path: str) -> None:
    """Get a file from the web, with a progress bar where there is a terminal. Raises SourceFailed."""
    import pooch
    import requests

    downloader = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=(CONNECT_LIMIT, READ_LIMIT))
    try:
        downloader(url, path, None)
    except (requests.exceptions.RequestException, ValueError) as error:
        raise SourceFailed(_network_reason(error)) from error


def short(path: str) -> str:
    """A path as the user would write it."""
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative


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


def _sweep(weights: str) -> None:
    """Remove what killed runs left behind: the folders of processes that are no more."""
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
        pass  # it runs, and is somebody else's
    return True


def _label(source: Source) -> str:
    if "url" in source:
        return source["url"].split("/")[2]
    return source["folder"] if "folder" in source else "the Python package index ({})".format(source["package"])
