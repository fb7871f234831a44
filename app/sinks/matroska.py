"""A Matroska file of JPEG images, one write per frame: what is recorded survives the process, whatever kills it.

JPEG files and the times in seconds at which they were captured go in, Motion JPEG in Matroska comes out. A container
that keeps its index in memory until the end cannot be played without that end. In this one, the sizes of the segment
and of the last cluster stay "unknown", as in a live stream, until `close` fills them in, so the file can be played at
any moment, up to its last complete frame.

The format: EBML is RFC 8794, Matroska RFC 9559, the codec id V_MJPEG draft-ietf-cellar-codec.
"""

import errno
import os
import struct
from typing import BinaryIO, List, Optional, Tuple, Union

# Elements that are used more than once. The others are in `_header`, each beside its name.
SEGMENT, SEEK_HEAD, INFO, TRACKS, CLUSTER, CUES = 0x18538067, 0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1F43B675, 0x1C53BB6B
SEEK, SEEK_ID, SEEK_POSITION = 0x4DBB, 0x53AB, 0x53AC
DURATION, VOID = 0x4489, 0xEC
TIMESTAMP, SIMPLE_BLOCK = 0xE7, 0xA3
CUE_POINT, CUE_TIME, CUE_TRACK_POSITIONS, CUE_TRACK, CUE_CLUSTER_POSITION = 0xBB, 0xB3, 0xB7, 0xF7, 0xF1

UNKNOWN = b"\x01" + b"\xff" * 7  # a size of eight bytes, to be overwritten
SEEK_HEAD_BYTES, DURATION_BYTES = 68, 11  # kept free at the beginning, as Void
TRACK, KEYFRAME = 1, 0x80
CLUSTER_MS = 1000  # a block's time counts from its cluster's, in 16 bits: 32767 would be the limit
MAX_CUES = 4096  # beyond that every second one is dropped: a recording of a week must not fill the memory
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class MatroskaWriter:
    """Writes one file, which it does not close. Times are kept in milliseconds."""

    def __init__(self, file: BinaryIO, width: int, height: int, fps: Optional[float] = None) -> None:
        """Write the header.

        file: empty, seekable and unbuffered, `open(path, "wb", buffering=0)`. width, height: of the images. fps:
        frames per second, for the header; None if there is no constant rate: players then derive one from the times.
        Raises OSError; the file is empty again after that.
        """
        self._file = file
        self._fps = fps
        self._end = 0  # of what was written completely
        self._frames, self._time = 0, -1  # of the last frame
        self._clusters, self._cluster, self._cluster_time = 0, 0, 0  # how many; where the open one is, 0 for none
        self._cues: List[Tuple[int, int]] = []  # the time of a cluster, and its place
        self._cue_every = 1  # clusters
        self._closed = False

        ebml, info, tracks = _header(width, height, fps)
        start = ebml + _id(SEGMENT)
        self._segment = len(start) + len(UNKNOWN)  # positions in the file's indices count from here
        self._info = self._segment + SEEK_HEAD_BYTES
        self._tracks = self._info + len(info)
        self._put(0, start + UNKNOWN + _void(SEEK_HEAD_BYTES) + info + tracks)

    def write(self, jpeg: bytes, seconds: float) -> None:
        """Append a frame, a complete JPEG file, captured `seconds` after the start of the recording.

        Times increase: one that does not, in milliseconds, becomes 1 ms after the one before. The frame is in the file
        when this returns. (To survive a power cut, the file must also be synced, which is up to its owner.) Raises
        OSError when it cannot be written, with errno ENOSPC if the disk took only a part; the file then still ends with
        the previous frame, and the next one may be tried.
        """
        time = max(int(round(seconds * 1000)), self._time + 1)
        if self._cluster and time - self._cluster_time >= CLUSTER_MS:
            self._put(*self._cluster_size())
            self._cluster = 0
        start = b"" if self._cluster else _id(CLUSTER) + UNKNOWN + element(TIMESTAMP, time)
        offset = 0 if start else time - self._cluster_time
        place = self._end
        self._put(place, start + element(SIMPLE_BLOCK, struct.pack(">BhB", 0x80 | TRACK, offset, KEYFRAME), jpeg))
        self._frames, self._time = self._frames + 1, time
        if start:
            self._cluster, self._cluster_time = place, time
            self._remember(time, place)

    def close(self, length: Optional[float] = None) -> None:
        """Finish the file: the index of times, the duration, the sizes. A second call does nothing.

        length: when the last frame ends, in seconds, if that is known; else it lasts 1 / fps, or without fps as long as
        the mean of the others. Raises OSError for a failing disk, but not for a full one: all frames are there, only
        the index is left out, without which seeking is slower. The rest overwrites bytes that the file already has.
        """
        if self._closed:
            return
        self._closed = True
        self._file.truncate(self._end)  # an interrupted `write` may have left something
        if self._cluster:
            self._put_if_room(*self._cluster_size())
        if self._frames:
            cues = self._end
            if self._put_if_room(cues, element(CUES, *(self._cue_point(*cue) for cue in self._cues))):
                places = [(INFO, self._info), (TRACKS, self._tracks), (CUES, cues)]
                self._put_if_room(self._segment, element(SEEK_HEAD, *(self._seek(*place) for place in places)))
            mean = (self._time - self._cues[0][0]) / max(1, self._frames - 1)
            duration = self._time + (1000 / self._fps if self._fps else max(1.0, mean))
            if length is not None and 1000 * length > self._time:
                duration = 1000 * length
            self._put_if_room(self._tracks - DURATION_BYTES, element(DURATION, float(duration)))
        self._put_if_room(self._segment - len(UNKNOWN), _size(self._end - self._segment, len(UNKNOWN)))

    def _put(self, position: int, data: bytes) -> None:
        """Write all of the data, in one call, or leave the file ending where it ended."""
        try:
            self._file.seek(position)
            if self._file.write(data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            self._file.truncate(self._end)
            raise
        self._end = max(self._end, position + len(data))

    def _put_if_room(self, position: int, data: bytes) -> bool:
        try:
            self._put(position, data)
        except OSError as error:
            if error.errno not in NO_SPACE:
                raise
            return False
        return True

    def _cluster_size(self) -> Tuple[int, bytes]:
        """Where the open cluster's size belongs, and its current value."""
        place = self._cluster + len(_id(CLUSTER))
        return place, _size(self._end - place - len(UNKNOWN), len(UNKNOWN))

    def _remember(self, time: int, place: int) -> None:
        if self._clusters % self._cue_every == 0:
            self._cues.append((time, place))
        if len(self._cues) > MAX_CUES:
            self._cues, self._cue_every = self._cues[::2], 2 * self._cue_every
        self._clusters += 1

    def _cue_point(self, time: int, place: int) -> bytes:
        where = element(CUE_TRACK, TRACK), element(CUE_CLUSTER_POSITION, place - self._segment)
        return element(CUE_POINT, element(CUE_TIME, time), element(CUE_TRACK_POSITIONS, *where))

    def _seek(self, name: int, place: int) -> bytes:
        position = (place - self._segment).to_bytes(8, "big")  # always 8 bytes: the room for it is fixed
        return element(SEEK, element(SEEK_ID, _id(name)), element(SEEK_POSITION, position))


def _header(width: int, height: int, fps: Optional[float]) -> Tuple[bytes, bytes, bytes]:
    """The EBML header, the segment's information with room for the duration at its end, and its one track."""
    ebml = element(
        0x1A45DFA3,
        element(0x4286, 1),  # EBMLVersion
        element(0x42F7, 1),  # EBMLReadVersion
        element(0x42F2, 4),  # EBMLMaxIDLength
        element(0x42F3, 8),  # EBMLMaxSizeLength
        element(0x4282, "matroska"),  # DocType
        element(0x4287, 4),  # DocTypeVersion: 4 has Colour
        element(0x4285, 2),  # DocTypeReadVersion: 2 has SimpleBlock
    )
    info = element(
        INFO,
        element(0x2AD7B1, 1000000),  # TimestampScale: a millisecond, in nanoseconds
        element(0x4D80, "nanoyolo"),  # MuxingApp
        element(0x5741, "nanoyolo"),  # WritingApp
        _void(DURATION_BYTES),
    )
    track = element(
        0xAE,  # TrackEntry
        element(0xD7, TRACK),  # TrackNumber
        element(0x73C5, TRACK),  # TrackUID
        element(0x83, 1),  # TrackType: video
        element(0x9C, 0),  # FlagLacing
        element(0x86, "V_MJPEG"),  # CodecID
        element(0x23E383, int(round(1e9 / fps))) if fps else b"",  # DefaultDuration, in nanoseconds
        element(
            0xE0,  # Video
            element(0xB0, width),  # PixelWidth
            element(0xBA, height),  # PixelHeight
            element(0x55B0, element(0x55B9, 2)),  # Colour, Range: full, as in every JPEG file
        ),
    )
    return ebml, info, element(TRACKS, track)


def element(name: int, *values: Union[int, float, str, bytes]) -> bytes:
    """An EBML element: its id, its size, and its values, which may be elements themselves."""
    payload = [_payload(value) for value in values]
    return b"".join([_id(name), _size(sum(map(len, payload)))] + payload)


def _payload(value: Union[int, float, str, bytes]) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, float):
        return struct.pack(">d", value)
    return value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")


def _id(name: int) -> bytes:
    return name.to_bytes((name.bit_length() + 7) // 8, "big")


def _size(value: int, width: int = 1) -> bytes:
    """A size in at least `width` bytes, with EBML's length marker; all bits set would mean unknown."""
    while value >= (1 << 7 * width) - 1:
        width += 1
    return ((1 << 7 * width) | value).to_bytes(width, "big")


def _void(width: int) -> bytes:
    """A placeholder element of `width` bytes, to be overwritten."""
    return element(VOID, bytes(width - 2))
