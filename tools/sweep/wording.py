"""How sentences about a sweep name its settings, and what they say of a figure at each of a setting's values."""

from typing import Any, Callable, Dict, Sequence

from tools.sweep.effects import Levels, extent, values_of

Json = Dict[str, Any]


def listed(parts: Sequence[str]) -> str:
    """The parts as people list them: a, b and c."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def settings(row: Json, rows: Sequence[Json], but: Sequence[str] = ()) -> str:
    """A row's settings in words, but those that do not vary between the rows. but: others that are left out."""
    named = {k: word for k, word in row["words"].items() if k not in but and len(values_of(rows, k)) > 1}
    said: Dict[str, Callable[[str], str]] = {
        "capture": lambda value: "the source's own resolution" if value == "own" else "capture " + value,
        "fps": lambda value: "as fast as it goes" if value == "max" else value + " FPS",
        "pacing": lambda value: "by deadline" if value == "deadline" else "by " + value,
    }
    return ", ".join(said.get(key, (key + " {}").format)(value) for key, value in named.items())


def at_each(found: Levels, form: str, where: str = "at") -> str:
    """The figure at each value: 0.523 at 160, 0.552 at 320 and 0.534 at 416."""
    return listed(["{} {} {}".format(form.format(figure), where, value) for value, figure in found.items()])


def moves(found: Levels, figure: str, margin: float = 0.0) -> str:
    """What a setting does to a figure. margin: the difference below which it is chance; 0 where it is none."""
    values = list(found)
    first, last = found[values[0]], found[values[-1]]
    if round(extent(found), 3) == 0:
        return "{} is {:.3f} at {}".format(figure, first, ("both " if len(values) == 2 else "") + listed(values))
    if extent(found) < margin:
        return "{} differs by {:.3f} between {}, which may be chance".format(figure, extent(found), listed(values))
    if len(values) > 2:
        return "{} is {}".format(figure, at_each(found, "{:.3f}"))
    how = "rises" if last > first else "falls"
    share = " ({:+.0%})".format(last / first - 1) if first else ""
    return "{} {} from {:.3f} to {:.3f}{} between {}".format(figure, how, first, last, share, listed(values))
