"""The colour, marker and line style of each combination: the same in all plots of a section, with a short legend.

Colour shows one setting, marker and line style show the others, so that twenty combinations need no twenty colours.
"""

import textwrap
from typing import Any, NamedTuple, Sequence

from matplotlib.lines import Line2D

# The palette of Okabe and Ito, which colour-blind people can distinguish.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
LINES = ("-", "--", ":", "-.", (0, (7, 1)), (0, (3, 1, 1, 1, 1, 1)), (0, (1, 3)), (0, (9, 4)))
GREY = "#777777"

LEGEND_FONT = 9.0  # points
HANDLE = 3.6  # length in a legend, in its font's size: so long that the pattern of a line repeats
WIDTH = 4.6  # of a figure, in inches: as wide as a phone, so that its labels can be read there
COLUMNS = ((11, 3), (19, 2))  # the longest label of a legend -> its columns; else one


class Look(NamedTuple):
    """How one combination is drawn. hue: what its colour stands for; kind: what marker and line stand for, or empty."""

    name: str
    hue: str
    kind: str = ""
    colour: str = COLOURS[0]
    marker: str = MARKERS[0]
    line: Any = LINES[0]


def looks(named: Sequence[tuple[str, str, str]]) -> dict[str, Look]:
    """A look for each name, hue and kind, by name; equal hues share a colour, equal kinds a marker and a line."""
    hues = list(dict.fromkeys(hue for _, hue, _ in named))
    kinds = list(dict.fromkeys(kind for _, _, kind in named))
    result = {}
    for name, hue, kind in named:
        again, colour = divmod(hues.index(hue), len(COLOURS))  # when the colours run out, other markers follow
        mark = (kinds.index(kind) + again * len(kinds)) % len(MARKERS)
        result[name] = Look(name, hue, kind, COLOURS[colour], MARKERS[mark], LINES[mark])
    return result


def key(drawn: Sequence[Look], lines: bool) -> list[Any]:
    """Entries of a legend for what was drawn as lines or as markers; none for a setting with one value."""
    hues = {look.hue: look for look in drawn}
    kinds = {look.kind: look for look in drawn}
    entries: list[Any] = []
    style: dict[str, Any]
    if len(hues) > 1:
        style = {"lw": 3} if lines else {"marker": "o", "ls": "none"}
        entries += [Line2D([], [], color=look.colour, label=hue, **style) for hue, look in hues.items()]
    if len(kinds) > 1:
        for kind, look in kinds.items():
            style = {"ls": look.line} if lines else {"marker": look.marker, "ls": "none"}
            style["color"] = "#444444" if len(hues) > 1 else look.colour
            entries.append(Line2D([], [], label=kind, **style))
    return entries


def legend(figure: Any, entries: Sequence[Any], handle: float = 1.4) -> None:
    """Put a legend above the plot, where it hides nothing; the figure grows by its height."""
    if not entries:
        return
    labels = [shortened(entry.get_label(), 30) for entry in entries]
    columns = next((count for longest, count in COLUMNS if max(map(len, labels)) <= longest), 1)
    rows = -(-len(entries) // columns)
    figure.set_figheight(figure.get_figheight() + (1.35 * rows + 0.6) * LEGEND_FONT / 72)
    figure.legend(
        entries, labels, loc="outside upper left", ncols=columns, fontsize=LEGEND_FONT, handlelength=handle,
        handletextpad=0.5, columnspacing=1, borderaxespad=0.2,
    )  # fmt: skip


def shortened(name: str, most: int) -> str:
    """A name of at most so many characters, its middle left out."""
    return name if len(name) <= most else f"{name[: most // 2]}…{name[len(name) + 1 - most + most // 2 :]}"


def wrapped(name: str) -> str:
    """A name in two lines at most, for the side of a bar."""
    return "\n".join(textwrap.wrap(shortened(name, 40), 20, max_lines=2, placeholder="…"))
