"""What a Matroska or WebM file says of its film (RFC 9559). It has no table of frames: they are found one by one.

A block has its own time, which is when it is shown, and comes in the order of decoding.
"""

from fractions import Fraction
from typing import BinaryIO, Dict, Iterator, NamedTuple, Optional

from app.sources.container.ebml import UNKNOWN, Element, children, content, elements, read_element, real, unsigned
from app.sources.container.orientation import orientation
from app.sources.container.track import Track, codec_of, in_order, is_uneven, look_ahead, ratio

SEGMENT, INFO, TRACKS, CLUSTER = 0x18538067, 0x1549A966, 0x1654AE6B, 0x1F43B675
TOP = (INFO, TRACKS, CLUSTER, 0x114D9B74, 0x1C53BB6B, 0x1043A770, 0x1941A469, 0x1254C367)  # and what ends a cluster
TIMESTAMP, SIMPLE_BLOCK, BLOCK_GROUP, BLOCK = 0xE7, 0xA3, 0xA0, 0xA1
LOOK_AHEAD = 50  # frames whose spacing is looked at; reading more of them takes long on an SD card
MAX_TOP = 10000  # elements before the first cluster
# With more elements than this in all, the rest is taken for damage: with a picture a minute, it has so much sound.
MAX_BARREN, MAX_PER_FRAME = 50000, 3000
SEARCHED = 1 << 16  # bytes that are searched at a time for the next cluster, behind damage
MAX_MISSING = 20000  # frames of one damaged part; if its ends are further apart, one of them is damaged as well
CODECS = {
    "V_MPEG4/ISO/AVC": "h264",
    "V_MPEGH/ISO/HEVC": "hevc",
    "V_MPEGI/ISO/VVC": "vvc",
    "V_MPEG4/ISO/ASP": "mpeg4",
    "V_MPEG4/ISO/SP": "mpeg4",
    "V_MPEG4/ISO/AP": "mpeg4",
    "V_MPEG4/MS/V3": "msmpeg4v3",
    "V_MPEG1": "mpeg1video",
    "V_MPEG2": "mpeg2video",
    "V_UNCOMPRESSED": "rawvideo",
}
NAMED = ("V_AV1", "V_VP8", "V_VP9", "V_MJPEG", "V_THEORA", "V_FFV1", "V_PRORES")


class _Film(NamedTuple):
    """What the header says of the track, and how its blocks are to be read."""

    number: int
    tick: float  # seconds, of a cluster's time
    block_tick: float  # and of a block's, which counts from its cluster's
    spacing: float  # seconds between frames, 0 where it does not say
    hides: bool  # whether a block may hold a frame that is not shown: VP8's


def read_matroska(file: BinaryIO, path: str) -> Optional[Track]:
    """The first video track, None if there is none. file: the open file of this path."""
    length = file.seek(0, 2)
    header = read_element(file, 0, length)
    segment = read_element(file, header.end, length) if header and header.end != UNKNOWN else None
    if segment is None or segment.name != SEGMENT:
        return None
    is_whole = segment.end != UNKNOWN and segment.end <= length
    if not is_whole:
        segment = segment._replace(end=length)
    top = _find_headers(file, segment)
    entry = _find_entry(file, top[TRACKS]) if TRACKS in top else None
    if entry is None or CLUSTER not in top:
        return None
    info = children(file, top[INFO]) if INFO in top else {}
    tick = unsigned(file, info.get(0x2AD7B1), 1000000) / 1e9  # TimestampScale
    scale = real(file, entry.get(0x23314F), 1.0)  # TrackTimestampScale
    codec = _codec(file, entry)
    spacing = unsigned(file, entry.get(0x23E383)) / 1e9  # DefaultDuration
    hides = codec == "vp8" and 0x6D80 not in entry  # ContentEncodings: the block may not begin as the frame does
    film = _Film(unsigned(file, entry.get(0xD7)), tick, tick * (scale if scale > 0 else 1), spacing, hides)
    video = children(file, entry[0xE0]) if 0xE0 in entry else {}
    ending = real(file, info.get(0x4489)) * tick  # Duration
    walk = _walk(path, segment, top[CLUSTER].start, film, ending if is_whole else 0.0)
    times, first = look_ahead(in_order(walk), LOOK_AHEAD)
    if not first:
        return None
    variable = not spacing or is_uneven(first)  # FFmpeg writes the spacing of uneven frames, too
    return Track(codec, None, times, ending or None, _orientation(file, video), _aspect(file, video), variable)


def _find_headers(file: BinaryIO, segment: Element) -> Dict[int, Element]:
    """The first of each of the segment's elements, up to the first cluster and the tracks.

    Of the cluster, `start` is where it begins itself.
    """
    found: Dict[int, Element] = {}
    place = segment.start
    for _ in range(MAX_TOP):
        element = read_element(file, place, segment.end)
        if element is None:
            break
        if element.name == CLUSTER:
            found.setdefault(CLUSTER, element._replace(start=place))
        elif element.end != UNKNOWN:
            found.setdefault(element.name, element)
        if element.end == UNKNOWN or (TRACKS in found and CLUSTER in found):
            break
        place = element.end
    return found


def _find_entry(file: BinaryIO, tracks: Element) -> Optional[Dict[int, Element]]:
    for _, element in zip(range(100), elements(file, tracks)):
        if element.name == 0xAE:
            entry = children(file, element)
            if unsigned(file, entry.get(0x83)) == 1:  # TrackType: video
                return entry
    return None


def _codec(file: BinaryIO, entry: Dict[int, Element]) -> str:
    name = content(file, entry.get(0x86)).split(b"\0")[0].decode("latin-1")
    private = content(file, entry.get(0x63A2))  # CodecPrivate
    if name == "V_MS/VFW/FOURCC":
        return codec_of(private[16:20])
    if name == "V_QUICKTIME":
        return codec_of(private[4:8])
    return name[2:].lower() if name in NAMED else CODECS.get(name, name)


def _aspect(file: BinaryIO, video: Dict[int, Element]) -> Fraction:
    """Of a pixel, from the size to be shown; units 0 to 3 (pixels, cm, inches, aspect) give a ratio all the same."""
    width, height = unsigned(file, video.get(0xB0)), unsigned(file, video.get(0xBA))
    if unsigned(file, video.get(0x54B2)) > 3:
        return Fraction(1)
    shown = unsigned(file, video.get(0x54B0), width), unsigned(file, video.get(0x54BA), height)
    return ratio(height * shown[0], width * shown[1])


def _orientation(file: BinaryIO, video: Dict[int, Element]) -> int:
    """From ProjectionPoseRoll, in degrees anticlockwise, and a yaw of 180, which mirrors: as FFmpeg from 7.0 on."""
    projection = children(file, video[0x7670]) if 0x7670 in video else {}
    yaw, pitch, roll = (real(file, projection.get(name)) for name in (0x7673, 0x7674, 0x7675))
    if unsigned(file, projection.get(0x7671)) or pitch or yaw not in (0, 180, -180) or roll % 90:
        return 1
    cosine, sine = ((1, 0), (0, 1), (-1, 0), (0, -1))[int(roll // 90) % 4]
    mirror = -1 if yaw else 1
    return orientation((mirror * cosine, -mirror * sine, sine, cosine))


def _walk(path: str, segment: Element, place: int, film: _Film, ending: float) -> Iterator[float]:
    """When each frame is shown, in the order of decoding. Sizes of clusters do not matter: it enters each one.

    Behind a damaged part it goes on with the next cluster, as FFmpeg does, and the times of the frames that must have
    been there are among the others. ending: of the film, 0 if the file may end earlier.
    """
    count, frames, cluster, last, is_damaged = 0, 0, 0.0, 0.0, False
    with open(path, "rb") as file:
        while count < MAX_BARREN + MAX_PER_FRAME * frames:
            count += 1
            element = read_element(file, place, segment.end)
            if element is not None and element.name in (CLUSTER, BLOCK_GROUP):
                place = element.start
                continue
            # FFmpeg does not decode what is cut off.
            if element is None or element.end == UNKNOWN or element.end > segment.end:
                if place >= segment.end:
                    return
                is_damaged = True
                place = _next_cluster(file, place, segment.end)
                if place == segment.end:
                    yield from _missing(last, ending, film.spacing)
                    return
                continue
            place = element.end
            if element.name == TIMESTAMP:
                cluster = unsigned(file, element) * film.tick
                if is_damaged:
                    is_damaged = False
                    yield from _missing(last, cluster, film.spacing)
            elif element.name in (SIMPLE_BLOCK, BLOCK):
                for time in _frames(file, element, film):
                    frames += 1
                    last = max(last, cluster + time)
                    yield cluster + time


def _next_cluster(file: BinaryIO, place: int, end: int) -> int:
    """Where the next cluster begins, the end if there is none."""
    letters = CLUSTER.to_bytes(4, "big")
    while place + len(letters) < end:
        file.seek(place)
        data = file.read(min(SEARCHED, end - place))
        found = data.find(letters, 1)
        if found > 0:
            return place + found
        place += max(1, len(data) - len(letters))
    return end


def _missing(last: float, until: float, spacing: float) -> Iterator[float]:
    """When the frames of a damaged part would have been shown, between the last one before it and what follows."""
    count = round((until - last) / spacing) - 1 if spacing > 0 else 0
    return (last + number * spacing for number in range(1, count + 1 if count <= MAX_MISSING else 1))


def _frames(file: BinaryIO, block: Element, film: _Film) -> Iterator[float]:
    """The times of a block's frames, from its cluster's: none if it is of another track, usually one."""
    head = content(file, block, 12)
    length = 9 - head[0].bit_length() if head else 9  # bytes of the track's number
    if len(head) < length + 4 or int.from_bytes(head[:length], "big") & (1 << 7 * length) - 1 != film.number:
        return
    time = int.from_bytes(head[length : length + 2], "big", signed=True) * film.block_tick
    laced = head[length + 2] & 0x06
    if not laced and film.hides and not head[length + 3] & 0x10:
        return  # VP8's show_frame (RFC 6386, 9.1)
    for index in range(head[length + 3] + 1 if laced else 1):
        yield time + index * film.spacing
