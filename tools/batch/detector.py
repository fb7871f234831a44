"""Objects in files, as rows of a table: what a job of your own, on Ray, Spark or anything else, calls in its workers.

with FileDetector("yolov3-tiny", size=320) as detector:
    for row in detector.rows("street.mp4"):
        print(row.time, row.label, row.score)
"""

import os
from typing import Any, Iterator, NamedTuple, Optional

from app.backends import limit_cores
from app.detector import load_detector
from app.frame import Frame, Source
from app.pipeline import configure_process
from app.sources import open_source
from app.sources.film import Film
from app.sources.readahead import ReadAhead


class Row(NamedTuple):
    """One object in one frame.

    frame: the frame's number in the file, from 0. time: seconds from the start of the film at which it is shown; 0 of
    an image. score: 0 to 1. x1, y1, x2, y2: the box, in pixels of the file's frames, upright.
    """

    file: str
    frame: int
    time: float
    label: str
    score: float
    x1: float
    y1: float
    x2: float
    y2: float


class FileDetector:
    """Finds objects in files. A context manager that frees the model. Make one in each process, and keep it."""

    def __init__(self, model: str = "yolov3-tiny", *, cores: int = 1, **options: Any) -> None:
        """Load the model.

        cores: how many the models of this process may use from now on. One is right where there is a process for each
        core: an inference on several of them has to wait for the slowest after every layer. options: of
        `load_detector`, such as size, confidence, classes.

        Raises ModelError for a model or backend that cannot be used, UsageError for a wrong size or label.
        """
        limit_cores(cores)
        os.environ.setdefault("OPENCV_FFMPEG_THREADS", str(cores))  # else each film is decoded by a thread per core
        configure_process()
        self._detector = load_detector(model, **options)

    def frames(self, path: str, first: int = 0, stop: Optional[int] = None) -> Iterator[Frame]:
        """The frames of a video or image file, from number `first` to before `stop`, with their `detections`.

        Raises SourceError for a file that cannot be read, or not to its end; ModelError.
        """
        with _open(path, first) as source:
            for frame in source:
                if frame is None:
                    continue
                if stop is not None and frame.index >= stop:
                    return
                frame.detections = self._detector.detect(frame.image)
                yield frame

    def rows(self, path: str, first: int = 0, stop: Optional[int] = None) -> Iterator[Row]:
        """The objects of a file, a `Row` each: frames in order, in a frame by score. For the rest see `frames`."""
        for frame in self.frames(path, first, stop):
            yield from rows_of(frame, path)

    def close(self) -> None:
        """Free the model. Closing twice is allowed."""
        self._detector.close()

    def __enter__(self) -> "FileDetector":
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()


def rows_of(frame: Frame, file: str) -> Iterator[Row]:
    """The objects of a frame. A huge image was decoded smaller; its boxes are in pixels of the file all the same."""
    across, down = frame.size[0] / frame.image.shape[1], frame.size[1] / frame.image.shape[0]
    for label, score, (x1, y1, x2, y2), _ in frame.detections:
        yield Row(file, frame.index, frame.time, label, score, x1 * across, y1 * down, x2 * across, y2 * down)


def _open(path: str, first: int) -> Source:
    path = os.path.abspath(path)  # so that no file is taken for a camera, such as one that is named 0
    if not first:
        return open_source(path)
    film = Film(path)
    return ReadAhead(path, lambda: film.read(first), loop=False, files=[path])
