"""Compares a saved report with a new one: what got slower or faster, and whether the two are comparable.

A figure is a spread, {"median", "least", "most"}, anywhere in a report's `sizes`. It has changed if its median differs
by more than `THRESHOLD` and the spreads do not overlap. A ratio that changed only because its reference did is marked.
"""

import json
from typing import Any, Dict, Iterator, List, NamedTuple, Tuple

from app.errors import SourceError, UsageError
from tools.json_file import Json, expecting, read_json

KIND = "bench"  # a report's `kind`
THRESHOLD = 5.0  # percent
LEAST_MS = 0.02  # a time that changed by less counts as unchanged
STAGES = "stages_ms"  # below it are times
MILLISECONDS, MEGABYTES = "_ms", "_mb"  # how the names of times and of memory end: less is better, as of what is lost
LOST = "lost"
RATES = "fps"  # below it are the rates that ratios are of

CONDITIONS = ("source", "model", "threads", "rounds", "seconds", "workers", "camera_fps", "cameras", "busy")
# Properties of the machine that do not change from minute to minute.
MACHINE = ("processor", "cores")
BOARD = ("model", "power_mode", "governor", "cpu_clock_khz")

Path = Tuple[str, ...]


class Change(NamedTuple):
    """A figure then and now. path: its place in `sizes`, the size first.

    verdict: slower, faster or same; of a ratio also reference, if it changed because its reference did.
    """

    path: Path
    then: Json
    now: Json
    percent: float
    verdict: str


def read_report(path: str) -> Json:
    """A saved report of `tools.bench`. Raises UsageError for anything else."""
    what = "a report of: python -m tools.bench --report FILE"
    try:
        with expecting(path, what):
            report: Json = read_json(path, what)
            if report["kind"] != KIND or not isinstance(report["sizes"], dict):
                raise ValueError("another kind")
    except SourceError as error:
        raise UsageError(f"--compare {error}") from error
    return report


def changes(then: Json, now: Json) -> List[Change]:
    """Every figure that both reports have, in the order of the new one."""
    old = dict(_figures(then["sizes"]))
    found = [_change(path, old[path], figure) for path, figure in _figures(now["sizes"]) if path in old]
    verdicts = {change.path: change.verdict for change in found}
    return [change._replace(verdict="reference") if _by_reference(change, verdicts) else change for change in found]


def unmatched(then: Json, now: Json) -> List[str]:
    """What only one report has: sizes, and figures at the sizes of both."""
    old, new = _by_size(then), _by_size(now)
    lines = [f"size {size} is in the saved report only" for size in old if size not in new]
    lines += [f"size {size} is not in the saved report" for size in new if size not in old]
    missing = sum(len(old[size] ^ new[size]) for size in old if size in new)
    return lines + ([f"{missing} figures are in one report only"] if missing else [])


def differences(then: Json, now: Json) -> List[str]:
    """Conditions that differed, and so make the figures hard to compare."""
    found = [(key, then.get(key), now.get(key)) for key in CONDITIONS]
    old, new = _part(then, "machine"), _part(now, "machine")
    found += [(key, old.get(key), new.get(key)) for key in MACHINE]
    found += [(f"board's {key}", _part(old, "board").get(key), _part(new, "board").get(key)) for key in BOARD]
    versions = _part(old, "versions"), _part(new, "versions")
    found += [(key, versions[0].get(key), versions[1].get(key)) for key in sorted({*versions[0], *versions[1]})]
    return [f"{name}: {_text(before)} then, {_text(after)} now" for name, before, after in found if before != after]


def rate_paths(ratio: Path) -> List[Path]:
    """The paths of the two rates of a ratio, the reference second; empty if it is not a ratio."""
    return [(*ratio[:-1], RATES, name) for name in ratio[-1].split("/", 1)] if "/" in ratio[-1] else []


def is_a(ending: str, path: Path) -> bool:
    """Whether a figure is in this unit: a part of its path says so."""
    return any(part.endswith(ending) for part in path)


def _by_reference(change: Change, verdicts: Dict[Path, str]) -> bool:
    """Whether a ratio fell only because its reference became faster, or rose only because that became slower."""
    paths = rate_paths(change.path)
    if change.verdict == "same" or not paths:
        return False
    own, reference = (verdicts.get(path, "same") for path in paths)
    return own != change.verdict and reference not in ("same", change.verdict)


def _change(path: Path, then: Json, now: Json) -> Change:
    before, after = then["median"], now["median"]
    percent = 100.0 * (after - before) / before if before else (0.0 if after == before else float("inf"))
    apart = then["most"] < now["least"] or now["most"] < then["least"]
    small = is_a(MILLISECONDS, path) and abs(after - before) < LEAST_MS
    if not apart or small or abs(percent) <= THRESHOLD:
        return Change(path, then, now, percent, "same")
    less_is_better = is_a(MILLISECONDS, path) or is_a(MEGABYTES, path) or path[-1] == LOST
    return Change(path, then, now, percent, "slower" if (after < before) != less_is_better else "faster")


def _figures(fields: Any, path: Path = ()) -> Iterator[Tuple[Path, Json]]:
    """The spreads below a part of a report, with their paths."""
    if not isinstance(fields, dict):
        return
    if all(isinstance(fields.get(key), (int, float)) for key in ("median", "least", "most")):
        yield path, fields
        return
    for key, part in fields.items():
        yield from _figures(part, (*path, str(key)))


def _by_size(report: Json) -> Dict[str, Any]:
    return {str(size): {path for path, _ in _figures(part)} for size, part in report["sizes"].items()}


def _part(fields: Json, key: str) -> Json:
    part = fields.get(key)
    return part if isinstance(part, dict) else {}


def _text(value: Any) -> str:
    return "none" if value is None else value if isinstance(value, str) else json.dumps(value)
