"""The pictures of a data set: a damaged one stops a command, or is left out with its labels by `--skip-damaged`."""

import os
from typing import Dict, List, Sequence, Tuple

from tqdm import tqdm

from app.errors import SourceError, warn
from app.sources.pictures import read_picture

MOST = 10  # names in a message
HELP = "leave damaged images and their labels out, and say how many"


def picture_sizes(paths: Sequence[str], skip_damaged: bool) -> Dict[str, Tuple[int, int]]:
    """Width and height in pixels of every picture, by path, in this order. Reads them completely.

    Raises SourceError if one is damaged, or if all are; with skip_damaged, a warning tells which are left out.
    """
    sizes: Dict[str, Tuple[int, int]] = {}
    damaged: List[Tuple[str, str]] = []
    for path in tqdm(paths, desc="looking at images", unit=" images", leave=False, disable=None):
        try:
            sizes[path] = read_picture(path).size
        except SourceError as error:
            damaged.append((os.path.basename(path), str(error)))
    if damaged and (not skip_damaged or not sizes):
        what = f"{damaged[0][1]}; cannot be read: {len(damaged)} of {len(paths)} images"
        raise SourceError(f"{what}; to leave them out: --skip-damaged" if sizes else what)
    if damaged:
        names = ", ".join(name for name, _ in damaged[:MOST]) + (", ..." if len(damaged) > MOST else "")
        warn(f"damaged, and left out with their labels: {len(damaged)} of {len(paths)} images: {names}")
    return sizes
