"""Whether anything moves, so that a frame in which nothing does need not be inferred.

    motion = Motion()
    for frame in frames:
        if motion.wants(small_grey(frame.image), frame.time):
            detections = detector.detect(frame.image)

What counts is what differs from the last picture that was inferred: of all that stands still since, the detections are
known. Each cell of a coarse picture is compared with a learned background: where nothing has changed, the mean of the
last second; where something has, the picture that was inferred. It is first brought to the brightness of the present
picture, so that neither exposure nor slow light is a change. A cell has changed where the difference is well above its
noise, which is learned, too; and something moves where several cells side by side have.

Places that keep moving, such as a tree in the wind, do not ask for every frame: what changes only there is looked at
about once a second, so that a person who walks there is found within a second as well.
"""

import cv2
import numpy as np

CELL = 4  # pixels of a small grey picture, in each direction
FLOOR = 5.0  # grey levels: less is no change, however little noise there is
NOISES = 5.0  # mean deviations of a cell's noise that are no change
FIRST_NOISE = 1.0  # grey levels, before it is known
NOISIEST = 3.0  # times the noise of half of the cells: more is motion
SIDE_BY_SIDE = 3  # of 9 cells that have changed: fewer are a leaf, or a bird
FAINT = 8.0  # added to grey levels before their ratio is taken, so that dark cells tell nothing
LEARN_BACKGROUND, LEARN_NOISE, LEARN_UNREST = 1.0, 5.0, 20.0  # time constants in seconds
NEIGHBOURS = np.ones((7, 7), np.uint8)
RESTLESS = 0.2  # share of the time for which a restless cell differs from its mean
BEGIN = 2.0  # seconds from the first frame in which all are wanted, since noise is not known yet
RESTLESS_PERIOD = 0.8  # seconds from one inference to the next where only restless places move
LONGEST = 4.0  # seconds from one inference to the next where nothing moves


class Motion:
    """Decides for the frames of one camera, in order. Deterministic.

    moves: whether something had changed in the last frame, be it in a restless place.
    """

    def __init__(self) -> None:
        self.moves = True
        self._begin(np.zeros((0, 0), np.float32), 0.0)

    def _begin(self, cells: np.ndarray, time: float) -> None:
        self._began = self._last = self._inferred = time
        self._known, self._mean = cells.copy(), cells.copy()
        self._noise, self._unrest = np.full_like(cells, FIRST_NOISE), np.zeros_like(cells)

    def wants(self, grey: np.ndarray, time: float) -> bool:
        """Whether to infer a frame; if so, what it shows is known from then on.

        grey: its `small_grey`. time: its stamp in seconds; one that goes back, and another size, begin anew.
        """
        height, width = (max(1, side // CELL) for side in grey.shape)
        cells = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
        if time < self._last or cells.shape != self._known.shape:
            self._begin(cells, time)
            self.moves = True
            return True
        elapsed, self._last = time - self._last, time
        gain = np.float32(np.median((cells[::2, ::2] + FAINT) / (self._known[::2, ::2] + FAINT)))
        self._known *= gain
        self._mean *= gain

        deviation = np.abs(cells - self._mean)
        self._noise += _weight(elapsed, LEARN_NOISE) * (deviation - self._noise)
        noise = np.minimum(self._noise, NOISIEST * np.median(self._noise[::2, ::2]))
        threshold = FLOOR + NOISES * noise
        self._unrest += _weight(elapsed, LEARN_UNREST) * ((deviation > threshold) - self._unrest)
        self._mean += _weight(elapsed, LEARN_BACKGROUND) * (cells - self._mean)

        changed = np.abs(cells - self._known) > threshold
        self.moves = _moves(changed)
        wanted = self._wanted(changed, time)
        # What has changed and was not looked at stays a change until it is.
        weight = np.where(changed, np.float32(wanted), _weight(elapsed, LEARN_BACKGROUND))
        self._known += weight * (cells - self._known)
        if wanted:
            self._inferred = time
        return wanted

    def _wanted(self, changed: np.ndarray, time: float) -> bool:
        since = time - self._inferred
        if since >= LONGEST or time - self._began < BEGIN:
            return True
        # Next to a place that keeps moving are those that it reaches now and then.
        if self.moves and _moves(changed & (cv2.dilate(self._unrest, NEIGHBOURS) < RESTLESS)):
            return True
        return since >= RESTLESS_PERIOD and self.moves


def _moves(changed: np.ndarray) -> bool:
    """Whether several cells side by side have changed."""
    if not changed.any():
        return False
    counts = cv2.boxFilter(changed.astype(np.float32), -1, (3, 3), normalize=False)
    return bool(counts.max() > SIDE_BY_SIDE - 0.5)


def _weight(elapsed: float, constant: float) -> np.float32:
    """Of the latest picture in a mean over so many seconds."""
    return np.float32(1 - np.exp(-elapsed / constant))
