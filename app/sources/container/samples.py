"""When the frames of an MP4 or MOV are shown: its sample table (ISO 14496-12, 8.6.1) and edit list (8.6.6).

The edits are applied as FFmpeg's libavformat/mov.c does (mov_fix_index), since it decodes the frames: what is not
shown is decoded all the same, and does not come out.
"""

from typing import BinaryIO, Dict, List, NamedTuple, Optional, Tuple

import numpy as np

from app.sources.container.boxes import Box, content, number, table
from app.sources.container.track import MAX_FRAMES

MAX_EDITS = 2000
FAR = 1 << 61  # ticks: later than any time, and far enough from overflow
MAX_WORK = 2 * MAX_FRAMES  # samples looked at for all edits together


class Edit(NamedTuple):
    """A part of the track to be shown; time -1: nothing, for so long. Both in the track's ticks."""

    duration: int
    time: int


class Samples(NamedTuple):
    """Frames in the order of decoding. All arrays (N,)."""

    decoded: np.ndarray  # int64: when it is decoded, in ticks
    durations: np.ndarray  # int32: ticks until the next one is decoded
    offsets: Optional[np.ndarray]  # int32: how much later it is shown; None: at once
    keys: Optional[np.ndarray]  # bool: whether decoding can start here; None: everywhere


def read_samples(file: BinaryIO, stbl: Dict[bytes, Box]) -> Optional[Samples]:
    """The sample table, None if there are too many to be true."""
    count = _count(file, stbl)
    if count > MAX_FRAMES or b"stts" not in stbl:
        return None
    steps = table(file, stbl[b"stts"], ">u4,>u4", min(count, _entries(file, stbl, b"stts")))
    # FFmpeg takes what is negative as a signed number for 1.
    deltas = np.where(steps["f1"] > 0x7FFFFFFF, 1, steps["f1"]).astype(np.int32)
    durations = _spread(deltas, steps["f0"], count, deltas[-1] if len(deltas) else 0)
    decoded = np.cumsum(durations, dtype=np.int64)
    decoded -= durations  # the first is decoded at 0
    offsets = keys = None
    if b"ctts" in stbl:
        shifts = table(file, stbl[b"ctts"], ">u4,>i4", min(count, _entries(file, stbl, b"ctts")))
        if len(shifts) and not (np.abs(shifts["f1"][:-2].astype(np.int64)) > 1 << 28).any():  # FFmpeg: nonsense
            offsets = _spread(shifts["f1"].astype(np.int32), shifts["f0"], count, 0)
    if b"stss" in stbl:
        keys = np.zeros(count, bool)
        places = table(file, stbl[b"stss"], ">u4", min(count, _entries(file, stbl, b"stss")))
        keys[places[(places > 0) & (places <= count)] - 1] = True
    return Samples(decoded, durations, offsets, keys)


def _count(file: BinaryIO, stbl: Dict[bytes, Box]) -> int:
    """How many samples there are, at most as many as the file has room for."""
    file.seek(0, 2)
    length = file.tell()
    if b"stsz" in stbl:
        head = content(file, stbl[b"stsz"], 12)
        size, count = number(head, 4), number(head, 8)
        room = length // size if size else (stbl[b"stsz"].end - stbl[b"stsz"].start - 12) // 4
    elif b"stz2" in stbl:
        head = content(file, stbl[b"stz2"], 12)
        size, count = head[7], number(head, 8)  # in bits
        room = (stbl[b"stz2"].end - stbl[b"stz2"].start - 12) * 8 // max(size, 4)
    else:
        return 0
    return max(0, min(count, room))


def _entries(file: BinaryIO, stbl: Dict[bytes, Box], kind: bytes) -> int:
    return number(content(file, stbl[kind], 8), 4)


def _spread(values: np.ndarray, counts: np.ndarray, length: int, rest: int) -> np.ndarray:
    """Each value as often as its count says, `length` in all; what is missing at the end is `rest`."""
    ends = np.minimum(np.cumsum(counts, dtype=np.int64), length)
    spread = np.repeat(values, np.diff(ends, prepend=0))
    if len(spread) == length:
        return spread
    return np.concatenate([spread, np.full(length - len(spread), rest, values.dtype)])


def read_edits(file: BinaryIO, elst: Optional[Box], scale: int, movie_scale: int) -> List[Edit]:
    """The edit list, with durations converted from the movie's ticks to the track's."""
    if elst is None or movie_scale == 0:
        return []
    head = content(file, elst, 8)
    kind = ">u8,>i8,>u4" if head[0] == 1 else ">u4,>i4,>u4"
    rows = table(file, elst, kind, min(number(head, 4), MAX_EDITS)).tolist()
    lengths = ((2 * row[0] * scale + movie_scale) // (2 * movie_scale) for row in rows)
    return [Edit(min(length, FAR), max(-FAR, min(row[1], FAR))) for length, row in zip(lengths, rows)]


def edit_offset(edits: List[Edit]) -> Tuple[int, int]:
    """How much of the track's start is not shown, and how long nothing is shown before it, in ticks."""
    empty = edits[0].duration if edits and edits[0].time == -1 else 0
    shown = edits[1 if empty else 0 :][:1]
    return max(0, shown[0].time) if shown else 0, empty


def shown(samples: Samples, edits: List[Edit]) -> Tuple[np.ndarray, int]:
    """When the frames that the edits leave are shown, and when the last one ends, in ticks. (N,) int64, and int.

    In the order in which they come out of the decoder, which is that of the times within each edit.
    """
    times = samples.decoded if samples.offsets is None else samples.decoded + samples.offsets
    if not len(times):
        return times, 0
    edited = _edited(samples, times, edits)
    if edited is not None:
        return edited
    return np.sort(times), int((times + samples.durations).max())


def _edited(samples: Samples, times: np.ndarray, edits: List[Edit]) -> Optional[Tuple[np.ndarray, int]]:
    """As `shown`; None if the edits leave nothing."""
    pieces: List[np.ndarray] = []
    start, end, empty, work, last = 0, 0, 0, 0, 0
    for edit in edits:
        start, end = end, min(end + edit.duration, FAR)
        if edit.time == -1 and not work:
            empty += edit.duration
            continue
        first = _seek(samples, times, edit.time)
        work += len(times)
        if work > MAX_WORK:
            break  # no film has so many
        part = slice(first, _stop(samples, times, edit, first))
        inside = (times[part] >= edit.time) & (times[part] < min(edit.time + edit.duration, FAR))
        if inside.any():
            begin = first + int(inside.argmax())  # what is decoded first of it is decoded when the edit starts
            moved = (times[part] + (start - samples.decoded[begin]))[inside]
            last = max(last, int((moved + samples.durations[part][inside]).max()))
            moved.sort()
            pieces.append(moved)
    if not pieces:
        return None
    kept = np.concatenate(pieces) if len(pieces) > 1 else pieces[0]
    early = max(0, int(kept.min()) - empty)  # the first one is shown at once
    kept -= early
    return kept, last - early


def _seek(samples: Samples, times: np.ndarray, time: int) -> int:
    """The last frame that is decoded and shown up to `time` and where decoding can start, else the first."""
    last = int(np.searchsorted(samples.decoded, min(time, FAR), side="right"))
    good = times[:last] <= time
    if samples.keys is not None:
        good &= samples.keys[:last]
    found = np.flatnonzero(good)
    return int(found[-1]) if len(found) else 0


def _stop(samples: Samples, times: np.ndarray, edit: Edit, first: int) -> int:
    """Behind the last frame of an edit: the key frame after its end, or with B-frames the one after that."""
    reached = times[first:] + samples.durations[first:] >= min(edit.time + edit.duration, FAR)
    if samples.keys is not None:
        reached &= samples.keys[first:]
    found = np.flatnonzero(reached)
    wanted = 0 if samples.offsets is None else 1
    return first + int(found[wanted]) + 1 if len(found) > wanted else len(times)
