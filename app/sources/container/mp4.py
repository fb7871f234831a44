"""What an MP4, MOV, M4V or 3GP file says of its film (ISO 14496-12, Apple's QuickTime File Format)."""

import itertools
from fractions import Fraction
from typing import BinaryIO, Dict, Iterator, List, NamedTuple, Optional, Tuple

import numpy as np

from app.sources.container.boxes import Box, boxes, children, content, number, table
from app.sources.container.fragments import Defaults, read_fragments
from app.sources.container.orientation import orientation, product, stretch
from app.sources.container.samples import edit_offset, read_edits, read_samples, shown
from app.sources.container.track import LOOK_AHEAD, Track, codec_of, in_order, is_uneven, look_ahead, ratio, seconds

MAX_TOP = 10000  # boxes before `moov`
MAX_TRACKS = 100
# What the MP4 registration authority calls an object type, in `esds`.
OBJECT_TYPES = {
    0x20: "mpeg4",
    0x21: "h264",
    0x23: "hevc",
    0x6A: "mpeg1video",
    0x6C: "mjpeg",
    0x6D: "png",
    0x6E: "jpeg2000",
    0xB1: "vp9",
}
OBJECT_TYPES.update(dict.fromkeys(range(0x60, 0x66), "mpeg2video"))
VISUAL = 78  # bytes of a visual sample entry before its boxes
Frames = Tuple[Optional[int], Optional[Iterator[float]], Optional[float], bool]  # as the fields of Track


class _Film(NamedTuple):
    """Where the boxes of a track are, and its two scales."""

    top: Dict[bytes, Box]  # what `moov` holds
    trak: Dict[bytes, Box]
    mdia: Dict[bytes, Box]
    stbl: Dict[bytes, Box]
    scale: int  # ticks per second, in the track's tables
    movie_scale: int  # and in the edit list


def read_mp4(file: BinaryIO, path: str) -> Optional[Track]:
    """The first video track, None if there is none. file: the open file of this path."""
    top = itertools.islice(boxes(file, 0, file.seek(0, 2)), MAX_TOP)
    moov = next((box for box in top if box.kind == b"moov"), None)
    film = _find_film(file, moov) if moov else None
    if film is None:
        return None
    head = content(file, film.trak[b"tkhd"], 96)
    movie = content(file, film.top[b"mvhd"], 112) if b"mvhd" in film.top else bytes(112)
    matrix = product(_matrix(head, 40), _matrix(movie, 36))
    codec, stored, pixel = _sample_entry(file, film.stbl[b"stsd"])
    size = _place(head, 76)
    displayed = number(head, size, 2), number(head, size + 4, 2)
    aspect = ratio(*pixel)
    if not all(pixel):
        aspect = stretch(matrix) if all(displayed) else Fraction(1)
        if aspect == 1 and all(displayed) and all(stored):
            aspect = ratio(stored[1] * displayed[0], stored[0] * displayed[1])
    frames, times, length, variable = _frames(file, path, film, head)
    return Track(codec, frames, times, length, orientation(matrix), aspect, variable)


def _find_film(file: BinaryIO, moov: Box) -> Optional[_Film]:
    """The first track that is a film: a chapter's pictures are a video track too, to which another one refers."""
    top = children(file, moov)
    movie_scale = _scale(content(file, top[b"mvhd"], 32)) if b"mvhd" in top else 0
    films, chapters = [], set()
    for box in itertools.islice(boxes(file, moov.start, moov.end), MAX_TRACKS):
        if box.kind != b"trak":
            continue
        trak = children(file, box)
        references = children(file, trak[b"tref"]) if b"tref" in trak else {}
        if b"chap" in references:
            chapters |= set(table(file, references[b"chap"], ">u4", MAX_TRACKS, 0).tolist())
        mdia = children(file, trak[b"mdia"]) if b"mdia" in trak else {}
        minf = children(file, mdia[b"minf"]) if b"minf" in mdia else {}
        if b"stbl" not in minf or not {b"mdhd", b"hdlr"} <= set(mdia) or b"tkhd" not in trak:
            continue
        stbl = children(file, minf[b"stbl"])
        scale = _scale(content(file, mdia[b"mdhd"], 32))
        if content(file, mdia[b"hdlr"], 12)[8:] == b"vide" and scale and b"stsd" in stbl:
            films.append(_Film(top, trak, mdia, stbl, scale, movie_scale))
    return next((film for film in films if _identity(content(file, film.trak[b"tkhd"], 96)) not in chapters), None)


def _place(head: bytes, field: int) -> int:
    """Where a field of mvhd, mdhd or tkhd is, given its place in version 0: version 1 has three longer ones."""
    return field + 12 if head[0] == 1 else field


def _identity(head: bytes) -> int:
    return number(head, 20 if head[0] == 1 else 12)


def _scale(head: bytes) -> int:
    return number(head, 20 if head[0] == 1 else 12)


def _matrix(head: bytes, field: int) -> List[float]:
    """a, b, c, d of the matrix that turns and stretches the picture, 16.16 numbers with a sign."""
    place = _place(head, field)
    values = np.frombuffer(head, ">i4", 5, place)
    return [int(values[index]) / 65536 for index in (0, 1, 3, 4)]


def _sample_entry(file: BinaryIO, stsd: Box) -> Tuple[str, Tuple[int, int], Tuple[int, int]]:
    """The codec, the stored width and height, and the width and height of a pixel, 0 where nothing is said."""
    entry = next(boxes(file, stsd.start + 8, stsd.end), None)
    if entry is None:
        return "", (0, 0), (0, 0)
    head = content(file, entry, VISUAL)
    parts = children(file, entry, VISUAL)
    kind = entry.kind
    if kind == b"encv" and b"sinf" in parts:
        frma = children(file, parts[b"sinf"]).get(b"frma")
        kind = content(file, frma, 4) if frma else kind
    codec = codec_of(kind)
    if kind == b"mp4v" and b"esds" in parts:
        codec = OBJECT_TYPES.get(_object_type(content(file, parts[b"esds"], 600)), codec)
    pasp = content(file, parts[b"pasp"], 8) if b"pasp" in parts else bytes(8)
    return codec, (number(head, 24, 2), number(head, 26, 2)), (number(pasp, 0), number(pasp, 4))


def _object_type(esds: bytes) -> int:
    """Descriptors (ISO 14496-1): a tag, a length of up to 4 bytes of 7 bits. 3 holds 4, whose first byte it is."""
    place = 4
    for _ in range(2):
        tag, place = esds[place], place + 1
        while esds[place] & 0x80 and place < 100:
            place += 1
        place += 1
        if tag == 4:
            return esds[place]
        flags = esds[place + 2]
        place += 3 + (2 if flags & 0x80 else 0) + (2 if flags & 0x20 else 0)
        if flags & 0x40:
            place += 1 + esds[place]
    return 0


def _frames(file: BinaryIO, path: str, film: _Film, head: bytes) -> Frames:
    unit = Fraction(1, film.scale)
    edts = children(file, film.trak[b"edts"]) if b"edts" in film.trak else {}
    edits = read_edits(file, edts.get(b"elst"), film.scale, film.movie_scale)
    samples = read_samples(file, film.stbl)
    if samples is None:
        return None, None, None, False
    ticks, end = shown(samples, edits)
    if b"mvex" not in film.top:
        return len(ticks), seconds(ticks, unit), float(end * unit), is_uneven(ticks, unit)
    # Fragments have the frames, and follow those that are in the table, if any.
    skipped, empty = edit_offset(edits)
    start = int(samples.decoded[-1] + samples.durations[-1]) if len(ticks) else 0
    pairs = read_fragments(path, _defaults(file, film.top[b"mvex"], _identity(head), start))
    moved = in_order((time + empty - skipped, duration) for time, duration in pairs)
    following, first = look_ahead(moved, LOOK_AHEAD)
    times = itertools.chain(seconds(ticks, unit), (time / film.scale for time, _ in following))
    ticks = np.concatenate([ticks, np.array([time for time, _ in first], np.int64)])
    if len(first) == LOOK_AHEAD:
        return None, times, None, is_uneven(ticks, unit)
    end = max([end] + [time + duration for time, duration in first])
    return len(ticks), times, float(end * unit), is_uneven(ticks, unit)


def _defaults(file: BinaryIO, mvex: Box, track: int, start: int) -> Defaults:
    for box in itertools.islice(boxes(file, mvex.start, mvex.end), MAX_TRACKS):
        if box.kind == b"trex":
            trex = content(file, box, 24)
            if number(trex, 4) == track:
                return Defaults(track, number(trex, 12), start)
    return Defaults(track, 0, start)
