"""Which files there are, and the tasks that they are divided into. A task is done completely or not at all."""

import glob
import hashlib
import itertools
import json
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Optional

from app.errors import SourceError
from app.files import reading
from app.sources.film import Film
from app.sources.folder import is_film
from app.sources.pictures import is_picture, natural_order

PICTURES = 64  # to a task: two seconds of work
STRETCH = 3000  # frames of a film to a task: one or two minutes of work
LEAST_BYTES = 500  # of a frame of a film; what is too small for two stretches by that is not opened to be counted
FRAME_BYTES = 5000  # of a film, for the time left only
STEM = 40  # characters of a file's name in that of its results


class Settings(NamedTuple):
    """What the results depend on besides the files. sha256: of the model. The rest: see `load_detector`."""

    model: str
    sha256: str
    size: int = 416
    square: bool = False
    confidence: float = 0.25
    iou: float = 0.45
    class_agnostic: bool = False
    classes: Optional[tuple[str, ...]] = None
    backend: str = "auto"
    device: str = "auto"
    precision: str = "auto"

    def options(self) -> dict[str, Any]:
        """What `load_detector` takes besides the model."""
        return {name: value for name, value in self._asdict().items() if name not in ("model", "sha256")}


class Task(NamedTuple):
    """Some images, a film, or the frames `first` to before `stop` of one; `stop` is None for its end.

    files: absolute paths. stamps: size in bytes and time of change in ns of each. weight: about how many frames it has.
    """

    files: tuple[str, ...]
    stamps: tuple[tuple[int, int], ...]
    first: int = 0
    stop: Optional[int] = None
    weight: float = 1.0

    def name(self, settings: Settings) -> str:
        """The name of its results. It says all that these depend on, so a file of this name is never outdated."""
        identity = json.dumps([settings, self.files, self.stamps, self.first, self.stop])
        stem = re.sub(r"[^\w.-]", "_", os.path.splitext(os.path.basename(self.files[0]))[0])[:STEM]
        return f"{stem}-{self.first:06d}-{hashlib.sha256(identity.encode()).hexdigest()[:16]}.parquet"


def find_files(sources: Sequence[str]) -> tuple[list[str], list[str]]:
    """The files of sources, absolute and once each; and what is wrong with sources, one line each.

    A source is a file, a folder (its videos and images, not those of folders in it), a glob, or @LIST, a text file
    with a source a line.
    """
    found: dict[str, str] = {}
    problems = []
    for source in _expand(sources):
        try:
            for path in _files_of(source):
                path.encode()  # a table has no other text
                found.setdefault(os.path.realpath(path), os.path.abspath(path))
        except SourceError as error:
            problems.append(str(error))
        except UnicodeEncodeError:
            problems.append(f"{path!r}: its name is not UTF-8; rename it")
    return list(found.values()), problems


def _expand(sources: Sequence[str]) -> Iterator[str]:
    for source in sources:
        if source.startswith("@") and not os.path.exists(source):
            try:
                with reading(source[1:]), open(source[1:], encoding="utf-8") as file:
                    lines = file.read().splitlines()
            except UnicodeDecodeError as error:
                raise SourceError(f"{source[1:]}: not a list of files in UTF-8") from error
            yield from filter(None, lines)
        else:
            yield source


def _files_of(source: str) -> list[str]:
    """Raises SourceError for a source without files."""
    if os.path.isfile(source):
        return [source]
    if os.path.isdir(source):
        with reading(source):
            paths = [os.path.join(source, name) for name in os.listdir(source)]
    else:
        paths = glob.glob(source, recursive=True)
    chosen = [path for path in paths if (is_picture(path) or is_film(path)) and os.path.isfile(path)]
    if not chosen:
        there = "has no videos and no images" if paths else "no such file or folder"
        raise SourceError(f"{source}: {there}")
    return sorted(chosen, key=natural_order)


def make_tasks(files: Sequence[str], stretch: int = STRETCH) -> tuple[list[Task], list[str]]:
    """The tasks for files, the largest first; and what is wrong with files, one line each.

    stretch: about how many frames of a film make a task. It is the same whatever the number of workers, so that a run
    with another number continues this one.
    """
    tasks: list[Task] = []
    stills: list[tuple[str, tuple[int, int]]] = []
    problems = []
    for path in files:
        try:
            with reading(path):
                status = os.stat(path)
        except SourceError as error:
            problems.append(str(error))
            continue
        stamp = (status.st_size, status.st_mtime_ns)
        if is_picture(path) and not path.lower().endswith(".gif"):
            stills.append((path, stamp))
        else:
            tasks += _stretches(path, stamp, stretch)
    for _, in_folder in itertools.groupby(stills, lambda still: os.path.dirname(still[0])):
        group = list(in_folder)
        for start in range(0, len(group), PICTURES):
            paths, stamps = zip(*group[start : start + PICTURES])
            tasks.append(Task(paths, stamps, weight=len(paths)))
    return sorted(tasks, key=lambda task: -task.weight), problems


def _stretches(path: str, stamp: tuple[int, int], stretch: int) -> list[Task]:
    """A film as one task, or as several of the same length; the last one ends where the film does."""
    count = None
    if stamp[0] >= LEAST_BYTES * stretch:
        try:
            count = Film(path).count
        except SourceError:
            pass  # the worker will say so
    parts = round(count / stretch) if count else 1
    if count is None or parts < 2:
        return [Task((path,), (stamp,), weight=count or max(1.0, stamp[0] / FRAME_BYTES))]
    bounds: list[Optional[int]] = [part * count // parts for part in range(parts)]
    return [
        Task((path,), (stamp,), first or 0, stop, weight=count / parts)
        for first, stop in zip(bounds, [*bounds[1:], None])
    ]
