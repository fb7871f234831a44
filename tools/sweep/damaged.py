"""Damaged pictures of a sweep's input: they stop it before anything is measured, or are left out of it."""

import argparse
from typing import List, NamedTuple, Optional, Tuple

from app.sources import open_source
from tools.score.labels import Truth
from tools.score.pictures import picture_sizes
from tools.sweep.measure import is_camera


class Pictures(NamedTuple):
    """The pictures of a source that can be read: their widths and heights in pixels, in order. damaged: the paths of
    the others. Both are empty of a video or a camera.
    """

    sizes: List[Tuple[int, int]]
    damaged: List[str]


def look(args: argparse.Namespace, truth: Optional[Truth]) -> Pictures:
    """The pictures of the input, all of which are read; those with labels have been already.

    Raises SourceError if any are damaged, unless --skip-damaged leaves them out, which a warning then tells.
    """
    uri = args.cam or args.images
    if truth is not None:
        sizes = [(image["width"], image["height"]) for image in truth.dataset["images"]]
        return Pictures(sizes, list(truth.skipped.values()))
    if is_camera(uri) or "://" in uri:
        return Pictures([], [])
    with open_source(uri) as source:
        paths = source.files if source.fps is None else []  # a GIF is a film
    found = picture_sizes(paths, args.skip_damaged)
    return Pictures(list(found.values()), [path for path in paths if path not in found])
