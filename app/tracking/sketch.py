"""Lines, zones and masks that somebody clicks together on a picture, and how they are written down."""

from typing import List, NamedTuple, Sequence, Tuple

from app.errors import UsageError
from app.tracking.places import Place, read_line, read_mask, read_zone

Point = Tuple[int, int]

KINDS = ("line", "zone", "mask")
NEAR = 8  # pixels of the screen: a click so close to the first corner closes the polygon
HELP = "click: l line, z zone, m mask, b black mask, Enter closes, f other direction, u undo, q done"


class Drawn(NamedTuple):
    """Something that is complete. kind: of KINDS. points: in pixels of the frame. black: of a mask."""

    kind: str
    name: str
    points: Sequence[Point]
    black: bool = False

    def text(self, size: Tuple[int, int], *, shares: bool = False) -> str:
        """As options and files have it. size: width and height of the frame. shares: in percent, and not in pixels."""
        if shares:
            points = [f"{100 * x / size[0]:.4g}%,{100 * y / size[1]:.4g}%" for x, y in self.points]
        else:
            points = [f"{x},{y}" for x, y in self.points]
        return f"{self.name}:{'-'.join(points)}" + (":black" if self.black else "")


class Sketch:
    """What has been clicked so far. It reads keys and clicks, and knows no window.

    size: width and height of the frame. kind: what is being drawn, one of KINDS. points: its points so far.
    drawn: what is complete. message: what the user should know.
    """

    def __init__(self, size: Tuple[int, int]) -> None:
        self.size = size
        self.kind = KINDS[0]
        self.black = False
        self.points: List[Point] = []
        self.drawn: List[Drawn] = []
        self.message = HELP

    def click(self, x: int, y: int, near: float = NEAR) -> None:
        """Add a point of the frame. near: so many of its pixels count as the same point."""
        self.message = HELP
        x, y = max(0, min(x, self.size[0])), max(0, min(y, self.size[1]))
        if len(self.points) >= 3 and _distance(self.points[0], (x, y)) <= near:
            self.close()
        elif not self.points or _distance(self.points[-1], (x, y)) >= 1:
            self.points.append((x, y))
            if self.kind == "line" and len(self.points) == 2:
                self.close()

    def key(self, key: str) -> bool:
        """Obey a key; whether to go on."""
        self.message = HELP
        if key in ("q", "\x1b"):
            self.close()
            return False
        if key in ("l", "z", "m", "b"):
            self.close()
            if not self.points:
                self.kind, self.black = {"l": "line", "z": "zone"}.get(key, "mask"), key == "b"
        elif key in ("\r", "\n"):
            self.close()
        elif key == "u":
            self._undo()
        elif key == "f":
            self._turn()
        return True

    def close(self) -> None:
        """Complete what is being drawn. What cannot be used is left as it is, and `message` says why."""
        if len(self.points) < (2 if self.kind == "line" else 3):
            if self.points:
                self.message = f"a {self.kind} needs more points; u takes one back"
            return
        made = Drawn(self.kind, self._free_name(), self.points, self.black)
        try:
            read(made.kind, made.text(self.size))
        except UsageError as error:
            self.message = str(error)
            return
        self.drawn.append(made)
        self.points = []

    def toml(self, *, shares: bool = False) -> List[str]:
        """Lines for a file of settings."""
        found = []
        for kind in KINDS:
            texts = [one.text(self.size, shares=shares) for one in self.drawn if one.kind == kind]
            if texts:
                found.append(f"{kind} = [" + ", ".join(f'"{text}"' for text in texts) + "]")
        return found

    def options(self, *, shares: bool = False) -> str:
        """The same for a command line."""
        return " ".join(f"--{one.kind} {one.text(self.size, shares=shares)}" for one in self.drawn)

    def _free_name(self) -> str:
        taken = {one.name for one in self.drawn}
        return next(
            f"{self.kind}{number}" for number in range(1, len(taken) + 2) if f"{self.kind}{number}" not in taken
        )

    def _undo(self) -> None:
        if self.points:
            self.points.pop()
        elif self.drawn:
            last = self.drawn.pop()
            self.kind, self.black = last.kind, last.black

    def _turn(self) -> None:
        """Swap the ends of the last line, and so its directions."""
        for place in reversed(range(len(self.drawn))):
            if self.drawn[place].kind == "line":
                self.drawn[place] = self.drawn[place]._replace(points=self.drawn[place].points[::-1])
                return


def read(kind: str, text: str) -> Place:
    """What an option of this kind names. Raises UsageError."""
    if kind == "mask":
        return read_mask(text)[0]
    return read_line(text) if kind == "line" else read_zone(text)


def _distance(one: Point, other: Point) -> float:
    return float(((one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2) ** 0.5)
