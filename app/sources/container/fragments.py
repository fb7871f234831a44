"""Fragmented MP4 (ISO 14496-12, 8.8): each `moof` has a table of its own. They are read while the film is played."""

from typing import BinaryIO, Dict, Iterator, List, NamedTuple, Tuple

import numpy as np

from app.sources.container.boxes import Box, boxes, content, number, table

# A film has a few boxes per fragment. With more than this in all, the rest is taken for damage.
MAX_BARREN, MAX_PER_FRAME = 20000, 100
MAX_UNIFORM = 1 << 16  # frames of a run without a table, whose number nothing else bounds
DURATION, SIZE, FLAGS, OFFSET = 0x100, 0x200, 0x400, 0x800  # what a run says of each frame


class Defaults(NamedTuple):
    """What holds for all fragments of a track."""

    track: int  # its id
    duration: int  # of a frame, in ticks
    start: int  # when the first fragment is decoded, if it does not say itself


def read_fragments(path: str, defaults: Defaults) -> Iterator[Tuple[int, int]]:
    """When each frame is shown, and for how long, in ticks, in the order of decoding."""
    with open(path, "rb") as file:
        yield from _read(file, file.seek(0, 2), defaults)


def _read(file: BinaryIO, length: int, defaults: Defaults) -> Iterator[Tuple[int, int]]:
    decoded, shift, frames, is_film, duration = defaults.start, 0, 0, False, 0
    for count, box in enumerate(_parts(file, length)):
        if count > MAX_BARREN + MAX_PER_FRAME * frames:
            return
        if box.kind == b"tfhd":
            head = content(file, box, 24)
            is_film, duration = number(head, 4) == defaults.track, _default_duration(head, defaults.duration)
        elif box.kind == b"tfdt" and is_film:
            time = content(file, box, 12)
            decoded = number(time, 4, 8 if time[0] == 1 else 4) & (1 << 62) - 1
        elif box.kind == b"trun" and is_film:
            offsets, durations = _run(file, box, duration)
            shift = max([shift] + [-offset for offset in offsets])  # FFmpeg: nothing is shown before it is decoded
            frames += len(offsets)
            for offset, lasts in zip(offsets, durations):
                yield decoded + shift + offset, lasts
                decoded += lasts


def _parts(file: BinaryIO, length: int) -> Iterator[Box]:
    """What is in the fragments, track by track: `tfhd` (whose it is), `tfdt` (from when), `trun` (the frames). And all
    boxes between, for whoever counts them.
    """
    for box in boxes(file, 0, length):
        yield box
        if box.kind == b"moof":
            for traf in boxes(file, box.start, box.end):
                yield traf
                if traf.kind == b"traf":
                    yield from boxes(file, traf.start, traf.end)


def _default_duration(head: bytes, otherwise: int) -> int:
    flags = number(head, 1, 3)
    if not flags & 8:
        return otherwise
    return number(head, 8 + (8 if flags & 1 else 0) + (4 if flags & 2 else 0))


def _run(file: BinaryIO, trun: Box, duration: int) -> Tuple[List[int], List[int]]:
    """How much later than decoded each frame of a run is shown, and how long it lasts."""
    head = content(file, trun, 8)
    flags, count = number(head, 1, 3), number(head, 4)
    fields = [field for field in (DURATION, SIZE, FLAGS, OFFSET) if flags & field]
    skip = 8 + (4 if flags & 1 else 0) + (4 if flags & 4 else 0)
    if fields:
        rows = table(file, trun, f"({len(fields)},)>u4", count, skip)
    else:
        rows = np.zeros((min(count, MAX_UNIFORM), 0), np.uint32)
    columns: Dict[int, np.ndarray] = {field: rows[:, index] for index, field in enumerate(fields)}
    durations = columns[DURATION].tolist() if DURATION in columns else [duration] * len(rows)
    offsets = columns[OFFSET].astype(np.int32).tolist() if OFFSET in columns else [0] * len(rows)
    return offsets, durations
