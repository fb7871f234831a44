"""What all containers say of a film, and the order in which frames are shown."""

import heapq
import itertools
from fractions import Fraction
from typing import Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple, TypeVar, Union

import numpy as np

REORDER_DEPTH = 16  # frames that H.264 and HEVC may decode before they show the first of them
LOOK_AHEAD = 4000  # pieces of a film without a table that are read to count it; a longer one is read while it is played
MAX_FRAMES = 1 << 22  # of a table: 19 hours at 60 FPS. Beyond that a damaged count would fill the memory
EVEN = 0.002  # seconds by which the distances of even frames may differ: 600 ticks per second round 29.97 FPS to that
CODECS = {
    "h264": "avc1 avc3 h264 x264 davc vssh dvav dva1",
    "hevc": "hvc1 hev1 hevc h265 dvh1 dvhe",
    "av1": "av01",
    "vp8": "vp80 vp08",
    "vp9": "vp90 vp09",
    "vvc": "vvc1 vvi1",
    "mjpeg": "mjpg jpeg mjpa avrn ijpg dmb1 avdj",
    "mjpegb": "mjpb",
    "mpeg4": "mp4v fmp4 xvid divx dx50 mp4s m4s2 3iv2 blz0",
    "msmpeg4v3": "div3 mp43 div4 div5 div6 col1 3ivd",
    "msmpeg4v2": "mp42 div2",
    "mpeg2video": "mpg2 mp2v m2v1 mx3p mx5p hdv1 hdv2 hdv3 xdv1 xdv2 xdv3 em2v",
    "mpeg1video": "mpg1 m1v mpeg",
    "h263": "h263 s263 u263",
    "prores": "apch apcn apcs apco ap4h ap4x",
    "dvvideo": "dvsd dvc dvcp dvpp dv5n dv5p dvhd",
    "ffv1": "ffv1",
    "huffyuv": "hfyu",
    "png": "png mpng",
    "theora": "theo",
    "rawvideo": "yuy2 yv12 i420 uyvy 2vuy yuvs raw y800 grey",
    "vc1": "wvc1 vc-1",
    "flv1": "flv1",
    "dnxhd": "avdn avdh",
    "cinepak": "cvid",
    "ffvhuff": "ffvh",
    "utvideo": "ulra ulrg uly0 uly2 uly4 ulh0 ulh2 ulh4",
    "jpeg2000": "mjp2 mj2c ljp2",
    "qtrle": "rle",
    "hap": "hap1 hap5 hapy",
    "indeo5": "iv50",
    **{name: name for name in "wmv1 wmv2 wmv3 cfhd svq1 svq3 zmbv asv1 asv2 cljr snow".split()},
}
Item = TypeVar("Item")
Time = TypeVar("Time", float, Tuple[int, int])
_BY_LETTERS = {letters: codec for codec, kinds in CODECS.items() for letters in kinds.split()}


class Track(NamedTuple):
    """What a container says of its first video track."""

    codec: str  # FFmpeg's name where known ("h264", "mjpeg", ...), else the four letters or the CodecID as they are
    frames: Optional[int]  # how many it shows, exactly; None where only reading it to the end tells
    times: Optional[Iterator[float]]  # when each is shown, in seconds, in that order; None where it does not say
    length: Optional[float]  # when the last frame ends, in seconds; in Matroska the last of all tracks
    orientation: int  # how it has to be turned to be upright, as EXIF's 1 to 8: 6 is 90 degrees clockwise
    aspect: Fraction  # width / height of one pixel, 1 where nothing is said
    variable: bool  # whether the frames are not evenly spaced, as far as that is known without walking the file
    by_decoding: bool = False  # whether the container knows no times of showing, so that FFmpeg guesses them: AVI


def codec_of(letters: bytes) -> str:
    """FFmpeg's name of the codec with these four letters, of MP4, MOV or AVI; the letters themselves if unknown."""
    text = letters.decode("latin-1")
    return _BY_LETTERS.get(text.strip(" \0").lower(), text.strip(" \0"))


def ratio(numerator: int, denominator: int) -> Fraction:
    """An aspect; 1 where one of the numbers is missing, or the result is none that a pixel can have."""
    if numerator <= 0 or denominator <= 0 or not 1 / 64 <= numerator / denominator <= 64:
        return Fraction(1)
    return Fraction(numerator, denominator)


def in_order(times: Iterable[Time]) -> Iterator[Time]:
    """Times in the order of decoding, sorted into the order of showing while they come.

    A time: in seconds, or in ticks and with a duration.
    """
    waiting: List[Time] = []
    for time in times:
        heapq.heappush(waiting, time)
        if len(waiting) > REORDER_DEPTH:
            yield heapq.heappop(waiting)
    while waiting:
        yield heapq.heappop(waiting)


def seconds(ticks: np.ndarray, unit: Fraction) -> Iterator[float]:
    """Integers (N,) as seconds, made as they are wanted: a list of them would take ten times the memory."""
    for start in range(0, len(ticks), 1024):
        for tick in ticks[start : start + 1024].tolist():
            yield tick * unit.numerator / unit.denominator


def is_uneven(ticks: Union[np.ndarray, Sequence[float]], unit: Fraction = Fraction(1)) -> bool:
    """Whether the distances between sorted ticks (N,) differ by more than EVEN."""
    if len(ticks) < 3:
        return False
    distances = np.diff(ticks)
    return bool((distances.max() - distances.min()) * float(unit) > EVEN)


def look_ahead(items: Iterator[Item], limit: int) -> Tuple[Iterator[Item], List[Item]]:
    """The items again, and a list of the first `limit`: with fewer, of all."""
    first = list(itertools.islice(items, limit))
    return itertools.chain(first, items), first
