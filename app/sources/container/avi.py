"""What an AVI file says of its film (Microsoft's AVI RIFF File Reference, the OpenDML AVI File Format Extensions 1.02).

A chunk: four letters, size (4 bytes), content, padded to an even size. A film's chunks are evenly spaced; one of size 0
is a frame that was dropped, and takes its time.
"""

import itertools
from fractions import Fraction
from typing import BinaryIO, Iterable, Iterator, List, NamedTuple, Optional, Tuple

import numpy as np

from app.sources.container.track import LOOK_AHEAD, MAX_FRAMES, Track, codec_of, is_uneven, look_ahead, ratio

MAX_CHUNKS = 1000  # of the headers
MAX_INDEXES = 4096  # of OpenDML: one for each gigabyte or so
# A film has a few chunks per frame. With more than this in all, the rest is taken for damage.
MAX_BARREN, MAX_PER_FRAME = 20000, 100
HOUR = 3600


class _Chunk(NamedTuple):
    """A chunk: its letters, for a LIST or RIFF those of its kind, and where its content is."""

    kind: bytes
    start: int
    end: int


class _Film(NamedTuple):
    """What the header of the film's stream says."""

    number: int  # of the stream
    step: Fraction  # seconds per chunk
    start: int  # chunks before the first
    codec: str
    aspect: Fraction
    indexes: List[_Chunk]  # OpenDML's


def read_avi(file: BinaryIO, path: str) -> Optional[Track]:
    """The first video stream, None if there is none. file: the open file of this path."""
    length = file.seek(0, 2)
    parts = list(itertools.islice(_chunks(file, 12, length), MAX_CHUNKS))
    header = next((chunk for chunk in parts if chunk.kind == b"hdrl"), None)
    film = _find_film(file, header) if header else None
    if film is None:
        return None
    old = [chunk for chunk in parts if chunk.kind == b"idx1"]
    index = None
    if film.codec != "vp8":  # an index does not say which frames of VP8 are not shown
        index = _opendml_index(file, film, length) or (_old_index(file, film, old[0]) if old else None)
    if index is None:
        walked, first = look_ahead(_walk(path, film), LOOK_AHEAD)
        if len(first) == LOOK_AHEAD:
            return Track(
                film.codec, None, _times(film, walked), None, 1, film.aspect, is_uneven(first, film.step), True
            )
        index = np.array(first, np.int64), first[-1] + 1 if first else 0
    positions, total = index
    end = float((film.start + total) * film.step)
    uneven = is_uneven(positions, film.step)
    return Track(film.codec, len(positions), _times(film, positions), end, 1, film.aspect, uneven, True)


def _times(film: _Film, positions: Iterable[int]) -> Iterator[float]:
    return ((film.start + int(position)) * film.step.numerator / film.step.denominator for position in positions)


def _chunks(file: BinaryIO, start: int, end: int) -> Iterator[_Chunk]:
    """The chunks between two places in a file. One without an end, as a killed program leaves, ends with the file."""
    while start + 8 <= end:
        file.seek(start)
        head = file.read(12)
        kind, size, body = head[:4], int.from_bytes(head[4:8], "little"), start + 8
        if kind in (b"LIST", b"RIFF"):
            kind, body = head[8:12], start + 12
            if size < 4:
                size = end - start - 8
        yield _Chunk(kind, body, min(start + 8 + size, end))
        start += 8 + size + size % 2


def _find_film(file: BinaryIO, header: _Chunk) -> Optional[_Film]:
    streams = (chunk for chunk in _chunks(file, header.start, header.end) if chunk.kind == b"strl")
    for number, stream in enumerate(itertools.islice(streams, 100)):
        parts = list(itertools.islice(_chunks(file, stream.start, stream.end), MAX_CHUNKS))
        heads = [_content(file, chunk, 48) for chunk in parts if chunk.kind == b"strh"]
        if not heads or heads[0][:4] != b"vids":
            continue
        scale, rate, start = (_number(heads[0], place) for place in (20, 24, 28))
        if scale == 0 or rate == 0:
            return None
        step = Fraction(scale, rate)
        formats = [_content(file, chunk, 40) for chunk in parts if chunk.kind == b"strf"]
        letters = formats[0][16:20] if formats else heads[0][4:8]
        codec = codec_of(letters) if any(letters) else "rawvideo"
        aspects = [_aspect(_content(file, chunk, 36)) for chunk in parts if chunk.kind == b"vprp"]
        indexes = [chunk for chunk in parts if chunk.kind == b"indx"]
        start = start if start * step <= HOUR else 0  # as FFmpeg: a larger one is damage
        return _Film(number, step, start, codec, aspects[0] if aspects else Fraction(1), indexes[:1])
    return None


def _content(file: BinaryIO, chunk: _Chunk, length: int) -> bytes:
    file.seek(chunk.start)
    return file.read(min(length, max(0, chunk.end - chunk.start))).ljust(length, b"\0")


def _number(data: bytes, place: int, length: int = 4) -> int:
    return int.from_bytes(data[place : place + length], "little")


def _aspect(vprp: bytes) -> Fraction:
    """Of a pixel, from the aspect of the picture and its size (OpenDML, 5.0)."""
    height, width = _number(vprp, 20, 2), _number(vprp, 22, 2)
    return ratio(width * _number(vprp, 28), height * _number(vprp, 24))


def _positions(sizes: List[np.ndarray]) -> Tuple[np.ndarray, int]:
    """Which chunks are frames, (N,) int64, and how many chunks there are."""
    all_sizes = np.concatenate(sizes) if sizes else np.empty(0, np.uint32)
    return np.flatnonzero(all_sizes), len(all_sizes)


def _old_index(file: BinaryIO, film: _Film, chunk: _Chunk) -> Optional[Tuple[np.ndarray, int]]:
    """`idx1`: letters, flags, place and size of each chunk of all streams."""
    file.seek(chunk.start)
    count = min(max(0, chunk.end - chunk.start) // 16, 4 * MAX_FRAMES)
    data = file.read(count * 16)
    rows = np.frombuffer(data, "<u4", len(data) // 16 * 4).reshape(-1, 4)
    wanted = np.isin(rows[:, 0], [int.from_bytes(b"%02d" % film.number + kind, "little") for kind in (b"dc", b"db")])
    return _positions([rows[wanted, 3]]) if wanted.any() else None


def _opendml_index(file: BinaryIO, film: _Film, length: int) -> Optional[Tuple[np.ndarray, int]]:
    """`indx`: itself an index of frames, or of the places where such indexes are."""
    if not film.indexes:
        return None
    chunk = film.indexes[0]
    head = _content(file, chunk, 24)
    if head[3] == 1:
        return _positions([_standard_index(file, chunk)])
    file.seek(chunk.start + 24)
    count = min(_number(head, 4), MAX_INDEXES, (chunk.end - chunk.start - 24) // 16)
    data = file.read(max(0, count) * 16)
    places = np.frombuffer(data, "<u8,<u4,<u4", len(data) // 16)["f0"].tolist()
    sizes: List[np.ndarray] = []
    for place in places:
        index = next(_chunks(file, place, length), None) if 0 < place < length else None
        if index is None or not index.kind.startswith(b"ix") or sum(map(len, sizes)) > MAX_FRAMES:
            return None  # the file was cut off: whoever walks it finds more
        sizes.append(_standard_index(file, index))
    return _positions(sizes) if sizes else None


def _standard_index(file: BinaryIO, chunk: _Chunk) -> np.ndarray:
    """The sizes of a stream's chunks, (N,) uint32, without the bit that marks a delta frame."""
    count = min(_number(_content(file, chunk, 24), 4), max(0, chunk.end - chunk.start - 24) // 8)
    file.seek(chunk.start + 24)
    data = file.read(count * 8)
    return np.frombuffer(data, "<u4,<u4", len(data) // 8)["f1"] & 0x7FFFFFFF


def _walk(path: str, film: _Film) -> Iterator[int]:
    """Which of the film's chunks are frames, by the chunks themselves."""
    wanted = {b"%02d" % film.number + kind for kind in (b"dc", b"db")}
    position, frames, count = 0, 0, 0
    with open(path, "rb") as file:
        levels = [_chunks(file, 0, file.seek(0, 2))]
        while levels and count < MAX_BARREN + MAX_PER_FRAME * frames:
            count += 1
            chunk = next(levels[-1], None)
            if chunk is None:
                levels.pop()
            elif chunk.kind in wanted:
                # VP8's show_frame (RFC 6386, 9.1)
                hidden = film.codec == "vp8" and not _content(file, chunk, 1)[0] & 0x10
                if chunk.end > chunk.start and not hidden:
                    frames += 1
                    yield position
                position += 1
            elif chunk.kind in (b"AVI ", b"AVIX", b"movi", b"rec ") and len(levels) < 8:
                levels.append(_chunks(file, chunk.start, chunk.end))
