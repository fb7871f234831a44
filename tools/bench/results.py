"""The results of `tools.bench` for the terminal: a table for each size, and plain lines."""

from typing import Any, Dict, List, Sequence

from tools.bench.comparison import MEGABYTES, MILLISECONDS, RATES, STAGES, THRESHOLD, Change, is_a, rate_paths
from tools.json_file import Json
from tools.tables import Table

SHOWN_MS = 0.005  # shorter stages are left out
BOARD_FACTS = (("", "model"), ("mode", "power_mode"), ("governor", "governor"))


def machine_line(machine: Json) -> str:
    """Machine and versions."""
    board = machine["board"]
    facts = [f"{machine['processor']}, {machine['cores']} cores"]
    facts += [f"{name} {board[key]}".strip() for name, key in BOARD_FACTS if key in board]
    if "cpu_clock_khz" in board:
        facts.append("{:.0f} of {:.0f} MHz".format(*(khz / 1000 for khz in board["cpu_clock_khz"])))
    return f"{'; '.join(facts)}; {', '.join(f'{name} {version}' for name, version in machine['versions'].items())}"


def rate_lines(size: int, figures: Json) -> str:
    """Rates and ratios at one size, the times of each loop's stages, and what ran."""
    height, width = figures["input"]
    ratios = [key.split("/", 1) for key in figures if "/" in key]
    columns = list(dict.fromkeys(_base(*ratio) for ratio in ratios))
    cells = {(name, _base(name, base)): range_text(figures[f"{name}/{base}"], 3) for name, base in ratios}
    rows = [
        [name, range_text(fps, 1), *(cells.get((name, column), "") for column in columns)]
        for name, fps in figures["fps"].items()
    ]
    lines = [f"{name}, ms per frame: {_stages(times)}" for name, times in figures.get(STAGES, {}).items()]
    what = {name: f"{what}, " for name, what in figures.get("what", {}).items()}
    lines += [f"{name}: {what.get(name, '')}warm-up {time:.0f} ms" for name, time in figures["warm_up_ms"].items()]
    lines += [f"{name}: not measured: {reason}" for name, reason in figures.get("absent", {}).items()]
    return block(f"size {size}, input {width}x{height}", ["", "FPS", *columns], rows, lines)


def overlap_lines(size: int, figures: Json) -> str:
    """The share of the rate of a network that only waits which the loop reaches, at one size."""
    rows = [[name, range_text(share, 3)] for name, share in figures["share"].items()]
    return block(f"size {size}, with overlay and recording", ["inference", "share of the network's rate"], rows)


def pacing_lines(size: int, figures: Json) -> str:
    """Configured and real rates at one size."""
    rows = [
        [fps, str(row["work_ms"]), range_text(row["delay"], 2), f"{row['formula']:.2f}", range_text(row["deadline"], 2)]
        for fps, row in figures.items()
    ]
    header = ["FPS configured", "work, ms", "by a delay", "1 / (work + delay)", "by deadlines"]
    return block(f"size {size}", header, rows)


def change_lines(found: List[Change], notes: List[str]) -> str:
    """What got slower and faster, the worst first, and how many figures did neither.

    Below a rate are the ratios that changed because of it.
    """
    followed = [change for change in found if change.verdict == "reference"]
    changed = sorted((change for change in found if change.verdict in ("slower", "faster")), key=_badness)
    rows = []
    for change in changed:
        rows.append([change.verdict, change.path[0], *_then_and_now(change), f"{change.percent:+.1f} %"])
        caused = [ratio for ratio in followed if rate_paths(ratio.path)[1] == change.path]
        rows += [["  so", ratio.path[0], *_then_and_now(ratio), ""] for ratio in caused]
    same = len(found) - len(changed) - len(followed)
    notes = [f"{same} figures unchanged: spreads overlap, or within {THRESHOLD:g} %", *notes]
    return block("", ["", "size", "figure", "then", "now", "change"], rows, notes)


def block(title: str, header: List[str], rows: List[List[str]], lines: Sequence[str] = ()) -> str:
    """A table under its title, and lines below it, indented."""
    table = Table(title, header, rows).as_text().splitlines() if rows else []
    return "\n".join([*([title] if title else []), *(f"  {line}".rstrip() for line in [*table, *lines])])


def _base(name: str, base: str) -> str:
    """The column of a ratio: every backend alone has the same."""
    return "x alone" if base == f"{name} alone" else f"x {base}"


def _then_and_now(change: Change) -> List[str]:
    _, *rest = change.path
    units = {MILLISECONDS: (" ms", 2), MEGABYTES: (" MB", 1), RATES: (" FPS", 1)}
    unit, digits = next((units[ending] for ending in units if is_a(ending, (*rest,))), ("", 3))
    name = " ".join(part for part in rest if part not in (STAGES, RATES))
    return [name, *(f"{figure['median']:.{digits}f}{unit}" for figure in (change.then, change.now))]


def _badness(change: Change) -> Any:
    return change.verdict == "faster", -abs(change.percent)


def range_text(figure: Json, digits: int) -> str:
    """The median of a spread, with least and most."""
    return f"{figure['median']:.{digits}f} ({figure['least']:.{digits}f} to {figure['most']:.{digits}f})"


def _stages(stages: Dict[str, Json]) -> str:
    return ", ".join(
        f"{name} {range_text(figure, 2)}" for name, figure in stages.items() if figure["median"] >= SHOWN_MS
    )
