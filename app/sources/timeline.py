"""When a decoded frame is shown, and how many before it could not be decoded."""

from collections import deque
from typing import Any, Deque, Iterator, NamedTuple, Optional

import cv2

from app.frame import DEFAULT_FPS
from app.sources.container import Track

# Since this property came, OpenCV tells the time of the frame itself; before, the number of frames by the mean rate.
TELLS_TIME = hasattr(cv2, "CAP_PROP_PTS")
TOLERANCE = 0.0015  # seconds; Matroska rounds to a millisecond
# Codecs whose frames are shown in the order in which they are stored. Of the others a decoder may tell times in
# disorder where a film has no times of showing (AVI), or wrong ones.
IN_ORDER = (
    "mjpeg mjpegb jpeg2000 png prores dnxhd dvvideo cinepak ffv1 huffyuv ffvhuff utvideo qtrle hap zmbv rawvideo "
    "vp8 vp9 av1 theora h263 flv1 msmpeg4v2 msmpeg4v3 wmv1 wmv2 svq1 asv1 asv2 cljr"
).split()
DISORDER = 16  # frames that come in between, at most: the depth of H.264's reordering


class Shown(NamedTuple):
    """A frame's place in the film. seconds: when it is shown. number: from 0. lost: how many are now known to be lost
    that were not before.
    """

    seconds: float
    number: int
    lost: int


class Timeline:
    """The times of a film's frames, one by one.

    Where the container lists them and OpenCV tells a frame's time, the frame is found in the list, and what lies before
    it was lost; but if frames may come in disorder, only once they have not come later either. Where OpenCV does not
    tell, each failure to decode counts as a lost frame, and what the list holds beyond the last one.
    """

    def __init__(self, track: Optional[Track], fps: Optional[float]) -> None:
        """track: what the container says, if it says anything. fps: for a film without times."""
        in_order = track is None or track.codec in IN_ORDER
        self._times: Optional[Iterator[float]] = track.times if track is not None else None
        self._tells = TELLS_TIME and (in_order or not (track is not None and track.by_decoding))
        self._fps = fps or DEFAULT_FPS
        self._start: Optional[float] = None  # OpenCV counts from the first frame
        self._last = -1 / self._fps
        self._number = 0  # of frames delivered, and of those that are known to be lost where there is no list
        self._place = -1  # of the last frame in the film
        self._listed = 0  # times taken from the list
        self._lost = 0  # of those
        self._jumped = False
        self._behind: Deque[int] = deque(maxlen=1 if in_order or not self._tells else DISORDER + 1)

    @property
    def finds(self) -> bool:
        """Whether a frame's time tells its number, so that those before it need not have been read."""
        return self._times is not None and self._tells

    def jump(self) -> None:
        """The frames up to the next one were passed over by seeking, and are not lost."""
        self._jumped = True

    def next(self, capture: Any, failures: int) -> Shown:
        """What is known of the frame just read, before which so many reads failed."""
        told = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000 if self._tells else None
        if self._times is None:
            self._number += failures
            lost = failures
            if told is None:
                seconds = self._number / self._fps
            elif told > self._last:
                seconds = max(told, 0.0)
            else:  # FFmpeg has no time of it, as in H.264 without a container
                seconds = self._last + (1 + failures) / self._fps
        else:
            seconds = self._find(told, failures)
            if self._jumped:
                self._jumped = False
                self._number = self._listed - 1 - self._lost
                self._behind.clear()
            lost = self._count()
        self._place = max(self._place + 1, self._number if self._times is None else self._listed - 1)
        self._number += 1
        self._last = seconds = max(seconds, self._last)
        return Shown(seconds, self._place, lost)

    def _find(self, told: Optional[float], failures: int) -> float:
        """The frame's time in the container's list, of which all times up to it are taken."""
        assert self._times is not None
        if told is not None and self._start is not None and self._start + told < self._last - TOLERANCE:
            return self._last  # it comes late, and was passed over
        for passed, seconds in enumerate(self._times):
            self._listed += 1
            if self._start is None:
                if told is not None and not failures:
                    self._start = seconds - told  # in AVI, FFmpeg tells when a frame is decoded, B-frames or not
                    return seconds
                self._start = seconds
            if told is None:
                if passed == failures:
                    return seconds
            elif seconds >= self._start + told - TOLERANCE:
                return seconds
        # More frames than the container lists.
        return self._start + told if told is not None and self._start is not None else self._last + 1 / self._fps

    def _count(self) -> int:
        """How many more are known to be lost: passed over, and not come since."""
        self._behind.append(self._listed - self._number - 1)
        if len(self._behind) < (self._behind.maxlen or 1):
            return 0
        lost = max(0, min(self._behind) - self._lost)
        self._lost += lost
        return lost

    def surplus(self) -> int:
        """How many more frames came than the container lists, after `left`; 0 where it lists none."""
        return 0 if self._times is None else max(0, self._number - self._listed)

    def left(self) -> int:
        """How many frames the container lists that never came, and are not counted yet."""
        if self._times is None:
            return 0
        self._listed += sum(1 for _ in self._times)
        return max(0, self._listed - self._number - self._lost)
