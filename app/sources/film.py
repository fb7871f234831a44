"""Video files: every frame that can be decoded, upright, of square pixels, with its time in the film.

What OpenCV does differs between its releases (4.1.1 turns nothing, passes over damaged frames in silence, and counts
frames instead of reading their times), so the container's own word is taken for all of that: see `container/`.
"""

import itertools
import os
import time
from fractions import Fraction
from typing import Any, Iterator, Optional, Tuple

import cv2
import numpy as np

from app.address import redacted
from app.errors import SourceError, warn
from app.files import reading, without_stderr
from app.frame import DEFAULT_FPS, Frame
from app.sources.container import Track, is_cut_off, read_track
from app.sources.opening import open_video
from app.sources.pipe import has_late_index, peek
from app.sources.readahead import Frames
from app.sources.timeline import TELLS_TIME, Timeline
from app.sources.upright import upright
from app.sources.why import why_no_film, why_no_pipe, why_no_source

STDIN = "pipe:0"  # as FFmpeg names it, by the number of its descriptor
FAILURES_LIMIT = 2.0  # seconds without a frame that can be decoded, after which a film counts as ended
MOST_FAILURES = 50  # in a row, unless the header promises more frames, after which it has ended as well
SEEK_MARGIN = 32  # frames by which seeking aims too early: what a decoder gives at first may depend on frames before it
SHORT = 0.5  # seconds, and a twentieth, by which the sound may outlast a film, whose header tells the longer of both
MOST_ASPECT = 16  # of a pixel; what a header says beyond that is nonsense


class Film:
    """One video file, or what comes through a pipe.

    fps: nominal rate, None if there is none. variable: whether the frames are known not to be evenly spaced. count:
    number of frames, None where it is unknown; it may be an estimate.
    length: seconds, None where it is unknown.
    """

    def __init__(self, path: str, name: str = "", *, pipe: bool = False) -> None:
        """Look at the file. name: of its frames. pipe: it can be read only once, so `read` is the first to open it.

        Raises SourceError for a file that is not a video.
        """
        self.path = path
        self._title = "standard input" if path == STDIN else redacted(path)  # for people
        self._name = name
        self._pipe = pipe
        self._is_file = not pipe and os.path.isfile(path)  # and not an address
        self._told = False
        self._track: Optional[Track] = None
        self.fps: Optional[float] = None
        self.count: Optional[int] = None
        self._promised: Optional[int] = None  # by the header: perhaps more than a truncated file holds
        self.length: Optional[float] = None
        self.variable = False
        if not pipe:
            self._look()

    def _look(self) -> None:
        if self._is_file:
            with reading(self.path):
                if os.path.getsize(self.path) == 0:
                    raise SourceError(f"{self.path}: the file is empty")
                reason = why_no_source(self.path)
                if reason is not None:
                    raise SourceError(reason)
                self._track = read_track(self.path)
        with without_stderr():
            capture = self._open(self.path)
        self._describe(capture)
        capture.release()
        if self._track is not None:  # of a thousand films in a folder, no tables and open files
            self._track = self._track._replace(times=None)

    def _describe(self, capture: Any) -> None:
        fps, count = capture.get(cv2.CAP_PROP_FPS), int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self.fps = fps if 0 < fps < 1000 else None
        self.count = self._promised = count if count > 0 else None
        if self._track is not None:
            self.count = self._track.frames or self.count
            self.length = self._track.length
            self.variable = self._track.variable

    def _open(self, path: str) -> Any:
        capture = open_video(path, self._track, self._promised)
        if capture is None:
            raise SourceError(self._why())
        if self._track is not None and hasattr(cv2, "CAP_PROP_ORIENTATION_AUTO"):
            capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)  # done here, by the same rule for every OpenCV
        return capture

    def _why(self) -> str:
        """Why there is no frame."""
        if self._pipe:
            return why_no_pipe(self._title)
        return why_no_film(self._title, self._track)

    def read(self, first: int = 0) -> Frames:
        """The frames from number `first` on; None for each that cannot be decoded.

        Numbers, times and images are the same whatever `first` is. Films whose frames tell their numbers are sought in;
        of others all frames before are decoded too.

        Opens the file itself, so that the decoder's threads have the priority of the thread that reads. Raises
        SourceError when the file is truncated, or no frame of it can be decoded.
        """
        return self._read_pipe() if self._pipe else self._read(self.path, first)

    def _read_pipe(self) -> Frames:
        with reading(self.path):
            number = 0 if self.path == STDIN else os.open(self.path, os.O_RDONLY)
        try:
            if has_late_index(peek(number)):  # of which FFmpeg 4 prints thousands of lines
                raise SourceError(self._why())
            yield from self._read(f"pipe:{number}")
        finally:
            if self.path != STDIN:
                os.close(number)

    def _read(self, path: str, first: int = 0) -> Frames:
        capture, timeline, good = self._open_at(path, first)
        lost, aspect = 0, None
        try:
            for image, failures in self._decode(capture):
                aspect = aspect or self._pixel_aspect(capture)
                shown = timeline.next(capture, failures)
                if shown.number < first:
                    lost += shown.lost
                    good += 1
                    continue
                yield from itertools.repeat(None, shown.lost)
                lost += shown.lost
                good += 1
                yield Frame(self._shown(image, aspect), shown.number, name=self._name, time=shown.seconds)
        finally:
            capture.release()
        if good == 0:
            raise SourceError(self._why())
        with reading(self.path):
            cut_off = self._is_file and is_cut_off(self.path)
        # The header's count may be an estimate, so it takes both to call a film truncated.
        promised = max(self._promised or 0, self.count or 0)
        if cut_off and good + lost < promised:
            there = self._how_many(good + lost, promised, shown.seconds)
            raise SourceError(f"{self._title}: truncated; it ends after {there}")
        if TELLS_TIME and not self._is_file:
            self._tell_of_the_end(shown.seconds)
        left = timeline.left()
        yield from itertools.repeat(None, left)
        lost += left
        if lost and not self._told:
            self._told = True
            warn(f"{self._title}: {lost} of {good + lost} frames cannot be decoded and are left out")
        elif timeline.surplus() and self._is_walked() and not self._told:
            self._told = True
            warn(f"{self._title}: damaged; {good} frames were found, and others may be missing between them")

    def _open_at(self, path: str, first: int) -> Tuple[Any, Timeline, int]:
        """An open capture and its timeline, for frame `first` or one before it; and how many frames were passed over.

        OpenCV seeks by time, and may miss. So the time of the frame that it finds says which one that is.
        """
        capture, timeline = self._open_from_start(path)
        if first <= SEEK_MARGIN or not timeline.finds or self.variable:
            return capture, timeline, 0
        if capture.grab():
            timeline.next(capture, 0)  # times are counted from the first frame
            capture.set(cv2.CAP_PROP_POS_MSEC, 1000 * (first - SEEK_MARGIN) / (self.fps or DEFAULT_FPS))
            timeline.jump()
            if capture.grab():
                number = timeline.next(capture, 0).number
                if number < first:
                    return capture, timeline, number + 1
        capture.release()
        return (*self._open_from_start(path), 0)

    def _open_from_start(self, path: str) -> Tuple[Any, Timeline]:
        capture = self._open(path)
        if self._pipe:
            self._describe(capture)
        if self._is_file:
            with reading(self.path):
                self._track = read_track(self.path)  # whose times can be read only once
        return capture, Timeline(self._track, self.fps)

    def _is_walked(self) -> bool:
        """Whether its frames are found one by one, which ends at damage; FFmpeg looks for the next sound part."""
        return self._track is not None and self._track.frames is None and not self._track.by_decoding

    def _how_many(self, frames: int, promised: int, last: float) -> str:
        """How much of a film is there. promised: how many frames there should be. last: the time of the last one."""
        if self.variable and self.length:  # so nobody knows how many there were
            return f"{frames} frames, at {last:.2f} of {self.length:.2f} s"
        is_exact = self._track is not None and self._track.frames is not None
        return f"{frames} of {'' if is_exact else 'about '}{promised} frames"

    def _tell_of_the_end(self, last: float) -> None:
        """Of a film on a server or in a pipe only the header's length tells whether its end came."""
        length = self.count / self.fps if self.count and self.fps else 0.0
        if not self._told and last < 0.95 * length - SHORT:
            self._told = True
            warn(f"{self._title}: perhaps cut off: its frames end at {last:.1f} s, its header says {length:.1f} s")

    def _decode(self, capture: Any) -> Iterator[Any]:
        """Each image, and how many failures came before it. Reads on after a failure, but not for ever."""
        decoded = failures = 0
        last = time.monotonic()
        while True:
            good, image = capture.read()
            if good:
                yield image, failures
                decoded, failures, last = decoded + 1, 0, time.monotonic()
                continue
            failures += 1
            promised = max(MOST_FAILURES, (self.count or 0) - decoded)
            if failures > promised or time.monotonic() - last > FAILURES_LIMIT:
                return

    def _shown(self, image: np.ndarray, aspect: Fraction) -> np.ndarray:
        """An image as players show it: of square pixels, and upright. aspect: of its pixels."""
        if aspect != 1:
            height, width = image.shape[:2]
            wide = (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))
            image = cv2.resize(image, wide, interpolation=cv2.INTER_LINEAR)
        return upright(image, self._track.orientation) if self._track is not None else image

    def _pixel_aspect(self, capture: Any) -> Fraction:
        """Width by height of a pixel, from the container or from the video itself."""
        numerator, denominator = (int(capture.get(prop)) for prop in (cv2.CAP_PROP_SAR_NUM, cv2.CAP_PROP_SAR_DEN))
        if numerator > 0 and denominator > 0:
            aspect = Fraction(numerator, denominator)
        else:
            aspect = self._track.aspect if self._track is not None else Fraction(1)
        return aspect if Fraction(1, MOST_ASPECT) <= aspect <= MOST_ASPECT else Fraction(1)
