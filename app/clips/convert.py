"""Recordings in a format that phones and browsers play: H.264 in MP4 where there is an encoder, else VP8 in WebM.

A Jetson's encoder is used through OpenCV's GStreamer; elsewhere the VP8 that OpenCV's FFmpeg brings. Both want evenly
spaced frames: of each interval the frame is taken that was to be seen then, so the film keeps its times and its length.
"""

import os
import statistics
import tempfile
from typing import Callable, Iterator, List, NamedTuple, Optional, Sequence

import cv2
import numpy as np

from app.clips.replay import Film
from app.errors import OutputError
from app.files import check_writable, opencv_path, without_stderr
from app.sources import gstreamer
from app.sources.container import read_track

MOST_FPS = 60.0
BITS_PER_PIXEL = 0.12  # of H.264, at which a street's scene of 15 FPS shows no blocks
_H264 = (("nvv4l2h264enc", "nvvidconv ! video/x-raw(memory:NVMM),format=NV12 ! nvv4l2h264enc bitrate={bits}"),
         ("omxh264enc", "nvvidconv ! video/x-raw(memory:NVMM),format=NV12 ! omxh264enc bitrate={bits}"),
         ("x264enc", "x264enc speed-preset=veryfast bitrate={kilobits}"))  # fmt: skip


class Encoder(NamedTuple):
    """name: for people. suffix: of the files. open: a writer for a path, FPS, width and height."""

    name: str
    suffix: str
    open: Callable[[str, float, int, int], "cv2.VideoWriter"]


def encoders() -> List[Encoder]:
    """Those that may be here, the best first; whether one works shows when it is opened."""
    found = []
    if gstreamer.available():
        found += [Encoder(name, ".mp4", _through_gstreamer(chain)) for name, chain in _H264]
    return [*found, Encoder("VP8 of OpenCV's FFmpeg", ".webm", _vp8)]


def convert(path: str, folder: Optional[str] = None, kinds: Optional[Sequence[Encoder]] = None) -> str:
    """Convert a recording; the path of the new file, beside it or in another folder. An existing one is replaced.

    kinds: encoders to try in this order. Raises SourceError for what is no recording, OutputError where the result
    cannot be written, or no encoder works here.
    """
    folder = os.path.dirname(os.path.abspath(path)) if folder is None else folder
    stem = os.path.join(folder, os.path.splitext(os.path.basename(path))[0])
    with Film(path) as film:
        for encoder in encoders() if kinds is None else kinds:
            check_writable(stem + encoder.suffix)
            if _encode(film, encoder, stem + encoder.suffix):
                return stem + encoder.suffix
    raise OutputError(
        f"{path}: this machine has no encoder for phones and browsers: neither H.264 of GStreamer, as on a Jetson, nor "
        "VP8 of OpenCV's FFmpeg; play the recording with VLC or ffplay, or convert it elsewhere: "
        f"ffmpeg -i {path} {stem}.mp4"
    )


def _encode(film: Film, encoder: Encoder, path: str) -> bool:
    """Write a film with an encoder; whether that works here. What is not complete does not stay."""
    width, height = (side // 2 * 2 or 2 for side in film.size)  # encoders take even sides only
    fps = rate_of(film.times)
    handle, temporary = tempfile.mkstemp(".part" + encoder.suffix, ".", os.path.dirname(os.path.abspath(path)))
    os.close(handle)
    try:
        with without_stderr():  # what GStreamer and FFmpeg say of an encoder that is not there
            writer = encoder.open(opencv_path(temporary), fps, width, height)
        count = 0
        if writer.isOpened():
            for image in _images(film, fps):
                writer.write(image[:height, :width])
                count += 1
        writer.release()
        kept = _frames(temporary)
        if not kept:
            return False
        if kept < count:  # OpenCV does not tell
            raise OutputError(f"{path}: only {kept} of {count} frames could be written; is the disk full?")
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
        return True
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)


def rate_of(times: Sequence[float]) -> float:
    """An even rate for frames captured at these times: that of their usual distance, which a pause does not change."""
    steps = [after - before for before, after in zip(times, times[1:])]
    return min(MOST_FPS, max(1.0, round(1 / statistics.median(steps), 2))) if steps else 1.0


def even(times: Sequence[float], fps: float) -> Iterator[int]:
    """For each interval of an even film the index of the frame that is seen at its beginning; the last one is shown."""
    index = 0
    for tick in range(int(round(times[-1] * fps)) + 1):
        while index + 1 < len(times) and times[index + 1] <= (tick + 0.5) / fps:
            index += 1
        yield index


def _images(film: Film, fps: float) -> Iterator[np.ndarray]:
    """The frames (h, w, 3) uint8 BGR at an even rate; one that is damaged is the one before again."""
    shown = -1
    image: np.ndarray = np.zeros((film.size[1], film.size[0], 3), np.uint8)
    for index in even(film.times, fps):
        if index != shown:
            shown = index
            found = cv2.imdecode(np.frombuffer(film.jpeg(index), np.uint8), cv2.IMREAD_COLOR)
            image = image if found is None or found.shape != image.shape else found
        yield image


def _frames(path: str) -> int:
    """How many frames a file has."""
    track = read_track(path)
    if track is None:
        return 0
    return sum(1 for _ in track.times or ()) if track.frames is None else track.frames


def _vp8(path: str, fps: float, width: int, height: int) -> "cv2.VideoWriter":
    return cv2.VideoWriter(path, cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"VP80"), fps, (width, height))


def _through_gstreamer(chain: str) -> Callable[[str, float, int, int], "cv2.VideoWriter"]:
    def open_writer(path: str, fps: float, width: int, height: int) -> "cv2.VideoWriter":
        bits = max(500000, int(BITS_PER_PIXEL * width * height * fps))
        encode = chain.format(bits=bits, kilobits=bits // 1000)
        pipeline = (
            f"appsrc ! videoconvert ! video/x-raw,format={'BGRx' if 'nvvidconv' in chain else 'I420'} ! {encode} ! "
            f"h264parse ! mp4mux ! filesink location={gstreamer.quote(path)}"
        )
        return cv2.VideoWriter(pipeline, cv2.CAP_GSTREAMER, 0, fps, (width, height))

    return open_writer
