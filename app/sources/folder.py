"""Files, folders and globs: which of what lies there is read, in which order, and what is left out."""

import glob
import os
from collections import Counter
from typing import List, Optional, Sequence

from app.errors import SourceError, say, warn
from app.files import is_image, reading
from app.frame import DEFAULT_FPS, Source
from app.sources.film import Film
from app.sources.pictures import is_picture, natural_order, read_pictures
from app.sources.pictures.header import read_header
from app.sources.readahead import Frames, ReadAhead

FILMS = (
    ".mp4 .m4v .mov .mkv .webm .avi .mpg .mpeg .ts .mts .m2ts .wmv .asf .flv .3gp .ogv .mjpg .mjpeg .h264 .264 .hevc"
).split()
MOST_NAMES = 3  # of what is left out, in one line


def is_film(path: str) -> bool:
    """Whether a file is named like a video. Hidden files are none."""
    name = os.path.basename(path)
    return os.path.splitext(name)[1].lower() in FILMS and not name.startswith(".")


def open_files(uri: str, *, loop: bool, fps: Optional[float], most_pixels: int) -> Source:
    """Open a file, a folder or a glob. fps: of images. Raises SourceError when there is nothing that can be read."""
    if os.path.isdir(uri):
        with reading(uri):
            names = os.listdir(uri)
        return _open_all(uri, [os.path.join(uri, name) for name in names], uri, loop, fps, most_pixels)
    if os.path.exists(uri):
        with reading(uri):
            is_one = _shows_a_picture(uri)
        if is_one:
            return _open_pictures(uri, [uri], os.path.dirname(uri), loop, fps, most_pixels)
        return _open_films(uri, [Film(uri)], loop)
    if glob.has_magic(uri):
        return _open_all(uri, _matches(uri), _fixed_part(uri), loop, fps, most_pixels)
    raise SourceError(f"{uri}: no such file, folder or camera")


def _shows_a_picture(path: str) -> bool:
    """By its name, or else by its content. A GIF is a film: most of them move."""
    if is_image(path):
        return not path.lower().endswith(".gif")
    with open(path, "rb") as file:
        return not is_film(path) and read_header(file.read(4096)) is not None


def _matches(pattern: str) -> List[str]:
    """What matches a glob, once each: ** goes round in a link to a folder above it."""
    found = sorted(glob.glob(pattern, recursive=True), key=len)
    places = {(os.path.realpath(os.path.dirname(path)), os.path.basename(path)): path for path in reversed(found)}
    return list(places.values())


def _fixed_part(pattern: str) -> str:
    """The folder of a glob, up to the first of its wildcards."""
    while glob.has_magic(pattern):
        pattern = os.path.dirname(pattern)
    return pattern


def _open_all(
    uri: str, paths: Sequence[str], folder: str, loop: bool, fps: Optional[float], most_pixels: int
) -> Source:
    """All images of these files; where there are none, all videos."""
    paths = sorted((path for path in paths if not os.path.basename(path).startswith(".")), key=natural_order)
    files = [path for path in paths if os.path.isfile(path) or not os.path.exists(path)]  # of a broken link, a warning
    pictures = [path for path in files if is_picture(path)]
    chosen = pictures or [path for path in files if is_film(path)]
    if not chosen:
        raise SourceError(f"{uri}: no images found, and no videos" + (f"; has {_some(paths)}" if paths else ""))
    taken = set(chosen)
    others = [path for path in paths if path not in taken]
    if others:
        say(f"{uri}: {len(others)} of {len(paths)} are left out: {_some(others)}")
    if pictures:
        return _open_pictures(uri, pictures, folder, loop, fps, most_pixels)
    return _open_films(uri, _readable(uri, chosen, folder), loop)


def _some(paths: Sequence[str]) -> str:
    """What kinds of files these are, as "3 .txt, 1 .heic, 2 folders"."""
    kinds = Counter(map(_kind, paths))
    named = [f"{count} {kind}" for kind, count in kinds.most_common(MOST_NAMES)]
    return ", ".join(named) + (", ..." if len(kinds) > MOST_NAMES else "")


def _kind(path: str) -> str:
    if os.path.isdir(path):
        return "folder"
    if os.path.exists(path) and not os.path.isfile(path):
        return "pipe or device"
    return os.path.splitext(path)[1].lower() or "without an ending"


def _open_pictures(
    uri: str, paths: Sequence[str], folder: str, loop: bool, fps: Optional[float], most_pixels: int
) -> Source:
    names = [os.path.relpath(path, folder or os.curdir) for path in paths]
    rate = fps or DEFAULT_FPS

    def read() -> Frames:
        return read_pictures(uri, paths, names, rate, most_pixels)

    return ReadAhead(uri, read, loop=loop, count=len(paths), length=len(paths) / rate, files=paths, names=names)


def _readable(uri: str, paths: Sequence[str], folder: str) -> List[Film]:
    """The videos that can be opened; a warning names each that cannot. Raises SourceError where none can."""
    films, reason = [], ""
    for path in paths:
        try:
            films.append(Film(path, os.path.relpath(path, folder or os.curdir)))
        except SourceError as error:
            reason = str(error)
            warn(f"{reason}; skipped")
    if not films:
        raise SourceError(f"{uri}: none of its {len(paths)} videos can be read: {reason}")
    return films


def _open_films(uri: str, films: Sequence[Film], loop: bool) -> Source:
    """Videos, one after the other."""

    def read() -> Frames:
        good = False
        for film in films:
            try:
                for frame in film.read():
                    good = good or frame is not None
                    yield frame
            except SourceError as error:
                if len(films) == 1 or (film is films[-1] and not good):
                    raise
                warn(f"{error}; going on with the next video" if film is not films[-1] else str(error))

    counts = [film.count for film in films]
    count = None if None in counts else sum(count for count in counts if count)
    length = films[0].length if len(films) == 1 else None
    files = [film.path for film in films]
    source = ReadAhead(uri, read, loop=loop, fps=films[0].fps, count=count, length=length, files=files)
    source.variable = any(film.variable for film in films)
    return source
