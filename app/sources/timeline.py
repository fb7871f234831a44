"""When a decoded frame is shown, and how many before it could not be decoded."""

from typing import Any, Iterator, Optional, Tuple

import cv2

from app.sources.container import Track

# Since this property came, OpenCV tells the time of the frame itself; before, the number of frames by the mean rate.
TELLS_TIME = hasattr(cv2, "CAP_PROP_PTS")
TOLERANCE = 0.0015  # seconds; Matroska rounds to a millisecond
DEFAULT_FPS = 25.0


class Timeline:
    """The times of a film's frames, one by one.

    Where the container lists them and OpenCV tells a frame's time, the frame is found in the list, and what lies before
    it was lost. Where OpenCV does not tell, each failure to decode counts as a lost frame, which is all that is known.
    """

    def __init__(self, track: Optional[Track], fps: Optional[float]) -> None:
        """track: what the container says, if it says anything. fps: for a film without times."""
        self._times: Optional[Iterator[float]] = track.times if track is not None else None
        self._fps = fps or DEFAULT_FPS
        self._start: Optional[float] = None  # OpenCV counts from the first frame
        self._last = -1 / self._fps
        self._number = 0

    def next(self, capture: Any, failures: int) -> Tuple[float, int]:
        """The time in seconds of the frame just read, and how many were lost before it."""
        told = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000 if TELLS_TIME else None
        if self._times is None:
            self._number += failures
            seconds = self._number / self._fps if told is None else max(told, 0.0)
            lost = failures
        else:
            seconds, lost = self._find(told, failures)
        self._number += 1
        self._last = seconds = max(seconds, self._last)
        return seconds, lost

    def _find(self, told: Optional[float], failures: int) -> Tuple[float, int]:
        """The frame's place in the container's list, and how many were passed over."""
        assert self._times is not None
        for lost, seconds in enumerate(self._times):
            if self._start is None:
                if told is not None and not failures:
                    self._start = seconds - told  # in AVI, FFmpeg tells when a frame is decoded, B-frames or not
                    return seconds, lost
                self._start = seconds
            if told is None:
                if lost == failures:
                    return seconds, lost
            elif seconds >= self._start + told - TOLERANCE:
                return seconds, lost
        # More frames than the container lists: they go on at the nominal rate.
        return self._last + 1 / self._fps, 0

    def left(self) -> int:
        """How many frames the container lists that never came."""
        return 0 if self._times is None else sum(1 for _ in self._times)
