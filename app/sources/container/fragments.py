"""Fragmented MP4 (ISO 14496-12, 8.8): each `moof` has a table of its own. They are read while the film is played."""

from typing import BinaryIO, Dict, Iterator, List, NamedTuple, Tuple

import numpy as np

from app.sources.container.boxes import Box, boxes, children, content, number, table

MAX_BARREN = 20000  # boxes in a row without a frame, before the rest is taken for damage
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
    decoded, barren, shift = defaults.start, 0, 0
    for box in boxes(file, 0, length):
        barren += 1
        if barren > MAX_BARREN:
            return
        if box.kind != b"moof":
            continue
        for traf in boxes(file, box.start, box.end):
            barren += 1
            if barren > MAX_BARREN:
                return
            if traf.kind != b"traf":
                continue
            parts = children(file, traf)
            head = content(file, parts[b"tfhd"], 24) if b"tfhd" in parts else bytes(24)
            if number(head, 4) != defaults.track:
                continue
            if b"tfdt" in parts:
                time = content(file, parts[b"tfdt"], 12)
                decoded = number(time, 4, 8 if time[0] == 1 else 4) & (1 << 62) - 1
            duration = _default_duration(head, defaults.duration)
            for offsets, durations in _runs(file, traf, duration):
                shift = max([shift] + [-offset for offset in offsets])  # FFmpeg: nothing is shown before it is decoded
                barren = 0 if offsets else barren
                for offset, lasts in zip(offsets, durations):
                    yield decoded + shift + offset, lasts
                    decoded += lasts


def _default_duration(head: bytes, otherwise: int) -> int:
    flags = number(head, 1, 3)
    if not flags & 8:
        return otherwise
    return number(head, 8 + (8 if flags & 1 else 0) + (4 if flags & 2 else 0))


def _runs(file: BinaryIO, traf: Box, duration: int) -> Iterator[Tuple[List[int], List[int]]]:
    """How much later than decoded each frame of a run is shown, and how long it lasts."""
    for box in boxes(file, traf.start, traf.end):
        if box.kind != b"trun":
            continue
        head = content(file, box, 8)
        flags, count = number(head, 1, 3), number(head, 4)
        fields = [field for field in (DURATION, SIZE, FLAGS, OFFSET) if flags & field]
        skip = 8 + (4 if flags & 1 else 0) + (4 if flags & 4 else 0)
        if fields:
            rows = table(file, box, f"({len(fields)},)>u4", count, skip)
        else:
            rows = np.zeros((min(count, MAX_UNIFORM), 0), np.uint32)
        columns: Dict[int, np.ndarray] = {field: rows[:, index] for index, field in enumerate(fields)}
        durations = columns[DURATION].tolist() if DURATION in columns else [duration] * len(rows)
        offsets = columns[OFFSET].astype(np.int32).tolist() if OFFSET in columns else [0] * len(rows)
        yield offsets, durations
