"""What a source delivers: frames, each with the record of what happened to it."""

from typing import TYPE_CHECKING, Any, Callable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from app.detections import Detections
from app.letterbox import Letterbox
from app.threads import WAIT
from app.timing import FrameTimes

if TYPE_CHECKING:
    from app.sinks.picture import Picture
    from app.tracking.events import Event

NOTHING = Detections.empty()
DEFAULT_FPS = 25.0  # of images, and of films that name no rate


class Plan(NamedTuple):
    """What was decided for a frame where not all are inferred, see `app/loop/sparing.py`. grey: its
    `small_grey`, where that was needed for it.

    like: the index of the inferred frame since which nothing has moved; None if something has. still_until: of a frame
    that is inferred, the time until which nothing had moved since the one before; None if something had.
    """

    grey: Optional[np.ndarray]
    like: Optional[int]
    still_until: Optional[float]


class Frame:
    """One captured image, and what becomes of it on its way.

    image: (height, width, 3) uint8, BGR, upright, of square pixels; its holder owns it: the overlay draws on it.
    index: its number in the source, from 0. A gap is a frame that was dropped, or could not be decoded.
    time: seconds from the start of the film at which it is shown; of a live source, from the first frame handed out.
    camera: which of several it is from; empty where there is only one.
    name: its file, relative to the folder that is the source; of a single image its name; else empty.
    size: width and height in pixels of the file, of which a huge one is decoded smaller; else those of the image.
    times: when it was captured, and what each stage took.
    letterbox, tensor: its way into the network's input, and that input (1, 3, height, width) float32; by `preprocess`.
    outputs: the network's raw heads; by `infer`, until they are decoded.
    detections: what was found; by `postprocess`.
    plan: where not every frame is inferred, what was decided for this one.
    predicted: then whether its detections are those of an earlier one, moved to where they are now; else None.
    events: what tracked things did in it, see `app/tracking/events.py`; None where nothing is tracked.
    picture: holds the JPEGs of the image with the overlay, where sinks share them; else None.
    """

    __slots__ = (
        "image", "index", "time", "camera", "name", "size", "times", "letterbox", "tensor", "outputs", "detections",
        "plan", "predicted", "events", "picture",
    )  # fmt: skip

    def __init__(
        self,
        image: np.ndarray,
        index: int = 0,
        captured_at: float = 0.0,
        name: str = "",
        *,
        time: float = 0.0,
        size: Optional[Tuple[int, int]] = None,
    ) -> None:
        self.image = image
        self.index = index
        self.time = time
        self.camera = ""
        self.name = name
        self.size = size or (image.shape[1], image.shape[0])
        self.times = FrameTimes(index, captured_at)
        self.letterbox: Optional[Letterbox] = None
        self.tensor: Optional[np.ndarray] = None
        self.outputs: List[np.ndarray] = []
        self.detections = NOTHING
        self.plan: Optional[Plan] = None
        self.predicted: Optional[bool] = None
        self.events: "Optional[Sequence[Event]]" = None
        self.picture: "Optional[Picture]" = None

    @property
    def nbytes(self) -> int:
        """What it takes of the memory: the image, without which the rest is small."""
        return self.image.nbytes

    @property
    def input_shape(self) -> Tuple[int, int]:
        """Height and width of its tensor."""
        assert self.tensor is not None, "preprocess comes first"
        return self.tensor.shape[2], self.tensor.shape[3]

    @property
    def captured_at(self) -> float:
        """When it was captured, in seconds on the monotonic clock."""
        return self.times.captured_at


def nothing() -> None:
    """Do nothing: what a source calls whose frames nobody waits for."""


class Source:
    """A context manager that iterates over frames.

    A live source drops frames that are not taken in time; any other loses none.

    name: for people, without passwords. fps: nominal rate, None if there is none. count: number of frames, None
    where it is unknown. variable: whether they are known not to be evenly spaced. length: seconds from the start of a
    film to its end, None where it is unknown.
    files: those that are read, which no output may overwrite. names: of their frames, where these have one.
    captured: frames captured so far, including dropped ones. undecoded: those that could not be decoded, not counted
    in `captured`.
    outage: why there is no image now, as text to show; None while there is one. reconnects: how often it came back.
    ended: whether there is nothing more to take.
    """

    name: str
    files: Sequence[str] = ()
    names: Sequence[str] = ()
    live = False
    fps: Optional[float] = None
    count: Optional[int] = None
    variable = False
    length: Optional[float] = None
    captured = 0
    undecoded = 0
    outage: Optional[str] = None
    reconnects = 0
    ended = False

    def start(
        self,
        prepare: Optional[Callable[[Frame], None]] = None,
        arrived: Callable[[], None] = nothing,
        *,
        low_priority: bool = True,
    ) -> None:
        """Begin to read. Both are called in the source's own thread.

        prepare: called with each frame before it can be taken. arrived: called whenever there is something to take,
        or the source has ended. low_priority: whether a file is decoded in the gaps that inference leaves.
        """
        raise NotImplementedError

    def take(self, seconds: float = 0.0) -> Optional[Frame]:
        """The next frame, waiting up to so many seconds for it; None if there is none.

        Call it from one thread at a time. Raises SourceError when the source breaks.
        """
        raise NotImplementedError

    def __iter__(self) -> Iterator[Optional[Frame]]:
        """Yield frames as they come, or None after a tenth of a second without one, so that the caller never hangs.

        Raises SourceError when the source breaks.
        """
        self.start()
        while True:
            frame = self.take(WAIT)
            if frame is None and self.ended:
                return
            yield frame

    def end(self) -> None:
        """Begin to close: no more frames are wanted. Returns at once, so that several can close side by side."""

    def close(self) -> None:
        """Stop the source's threads and free its device. Closing twice is allowed."""

    def __enter__(self) -> "Source":
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()
