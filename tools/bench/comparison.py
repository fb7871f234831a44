"""A saved report beside a new one: what got slower, what faster, and whether the two may be compared at all.

A figure is a spread, {"median", "least", "most"}, anywhere in a report's `sizes`. It has changed only where the median
is off by more than `THRESHOLD` and the spreads have no value in common. A ratio that changed because its reference did
is no news of its own.
"""

import json
from typing import Any, Dict, Iterator, List, NamedTuple, Tuple

from app.errors import UsageError
from tools.bench.turns import Json

KIND = "bench"  # a report's `kind`
THRESHOLD = 5.0  # percent
LEAST_MS = 0.02  # a change of a stage by less is of no interest, whatever its share
STAGES = "stages_ms"  # below it, less is better
RATES = "fps"  # below it are the rates that ratios are of

# Of the machine, what does not change from minute to minute.
MACHINE = ("processor", "cores")
BOARD = ("model", "power_mode", "governor", "cpu_clock_khz")

Path = Tuple[str, ...]


class Change(NamedTuple):
    """A figure then and now. path: where in `sizes`, the size first.

    verdict: slower, faster or same; of a ratio also reference, where it changed because its reference did.
    """

    path: Path
    then: Json
    now: Json
    percent: float
    verdict: str


def read_report(path: str) -> Json:
    """A saved report of `tools.bench`. Raises UsageError for anything else."""
    try:
        with open(path, encoding="utf-8") as file:
            report = json.load(file)
    except OSError as error:
        raise UsageError(f"--compare {path}: {error.strerror}")
    except (ValueError, RecursionError):
        report = None
    if not isinstance(report, dict) or report.get("kind") != KIND or not isinstance(report.get("sizes"), dict):
        raise UsageError(f"--compare {path}: is not a report of: python -m tools.bench --report FILE")
    return report


def changes(then: Json, now: Json) -> List[Change]:
    """Every figure that is in both reports, in the order of the new one."""
    old = dict(_figures(then["sizes"]))
    found = [_change(path, old[path], figure) for path, figure in _figures(now["sizes"]) if path in old]
    verdicts = {change.path: change.verdict for change in found}
    return [change._replace(verdict="reference") if _by_reference(change, verdicts) else change for change in found]


def unmatched(then: Json, now: Json) -> List[str]:
    """What cannot be compared: sizes that one report lacks, and figures at sizes that both have."""
    old, new = _by_size(then), _by_size(now)
    lines = [f"size {size} is in the saved report only" for size in old if size not in new]
    lines += [f"size {size} is not in the saved report" for size in new if size not in old]
    missing = sum(len(old[size] ^ new[size]) for size in old if size in new)
    return lines + ([f"{missing} figures are in one of the reports only"] if missing else [])


def differences(then: Json, now: Json) -> List[str]:
    """What was not the same when the two were measured, so that their figures say little of each other."""
    found = [(key, then.get(key), now.get(key)) for key in ("source", "model", "threads", "rounds", "seconds")]
    old, new = _part(then, "machine"), _part(now, "machine")
    found += [(key, old.get(key), new.get(key)) for key in MACHINE]
    found += [(f"board's {key}", _part(old, "board").get(key), _part(new, "board").get(key)) for key in BOARD]
    versions = _part(old, "versions"), _part(new, "versions")
    found += [(key, versions[0].get(key), versions[1].get(key)) for key in sorted({*versions[0], *versions[1]})]
    return [f"{name}: {_text(before)} then, {_text(after)} now" for name, before, after in found if before != after]


def complaints(saved: Json) -> List[str]:
    """What was the matter with the machine when a saved report was measured, such as that it was busy or hot."""
    found = saved.get("warnings")
    return [str(warning) for warning in found] if isinstance(found, list) else []


def rate_paths(ratio: Path) -> List[Path]:
    """Where the two rates of a ratio are, what it is of first and its reference second; none of what is no ratio."""
    return [(*ratio[:-1], RATES, name) for name in ratio[-1].split("/", 1)] if "/" in ratio[-1] else []


def _by_reference(change: Change, verdicts: Dict[Path, str]) -> bool:
    """Whether a ratio fell since its reference became faster, or rose since that became slower, and not by itself."""
    paths = rate_paths(change.path)
    if change.verdict == "same" or not paths:
        return False
    own, reference = (verdicts.get(path, "same") for path in paths)
    return own != change.verdict and reference not in ("same", change.verdict)


def _change(path: Path, then: Json, now: Json) -> Change:
    before, after = then["median"], now["median"]
    percent = 100.0 * (after - before) / before if before else (0.0 if after == before else float("inf"))
    apart = then["most"] < now["least"] or now["most"] < then["least"]
    small = STAGES in path and abs(after - before) < LEAST_MS
    if not apart or small or abs(percent) <= THRESHOLD:
        return Change(path, then, now, percent, "same")
    return Change(path, then, now, percent, "slower" if (after < before) != (STAGES in path) else "faster")


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
