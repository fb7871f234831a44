"""What a search has found: rows, tables, and sentences that are computed and not asserted."""

import json
import math
import shlex
from collections.abc import Sequence
from typing import Any, NamedTuple, Optional

from tools.search.plan import VARIANTS, Draw, Plan
from tools.search.queue import Outcome
from tools.search.spread import chance_of_best, share_of_best, spread, verdict
from tools.tables import Table

RULE = (
    "Top-1 on the validation images after the last epoch, in percent; mean and standard deviation over the runs. "
    "`noise`: the difference to the first row is within what the scatter of the runs explains (Welch's t-test, 95 %)."
)
TOP = 0.05  # the share of the space that one would like to be in


class Row(NamedTuple):
    """A draw and what came of it. options: the searched ones, or the variant's. value: top-1 of the validation images
    after the last epoch, 0..1, None if there is none. epochs: trained. seconds: of training, in all sessions. words: of
    its command line. reason: why there is no value.
    """

    number: int
    variant: str
    seed: Optional[int]
    options: dict[str, Any]
    state: str
    value: Optional[float]
    epochs: int
    seconds: Optional[float]
    folder: str
    words: list[str]
    reason: str


def make_rows(plan: Plan, outcomes: Sequence[Outcome]) -> list[Row]:
    """A row for every draw, in their order."""
    return [_row(plan, draw, found) for draw, found in zip(plan.draws, outcomes)]


def _row(plan: Plan, draw: Draw, found: Outcome) -> Row:
    trial = found.trial
    attributes = trial.user_attrs if trial else {}
    return Row(
        number=draw.number,
        variant=draw.variant,
        seed=draw.seed,
        options=draw.options or (dict(trial.params) if trial else {}),
        state=found.state,
        value=found.value,
        epochs=max(trial.intermediate_values, default=0) if trial else 0,
        seconds=attributes.get("seconds"),
        folder=str(attributes.get("folder", "")),
        words=list(attributes.get("words", [])),
        reason=found.reason,
    )


def ranked(rows: Sequence[Row]) -> list[Row]:
    """The best first; those that were ended early after those that were not; then those without a value."""
    order = {"done": 0, "pruned": 1}
    return sorted(rows, key=lambda row: (order.get(row.state, 2), -(row.value or 0.0), row.number))


class Best(NamedTuple):
    """The best setting: one of its runs, and the mean of the values of all `runs`."""

    row: Row
    value: float
    runs: int


def by_setting(rows: Sequence[Row]) -> list[list[Row]]:
    """The rows of each setting, which differ by their seeds only, in the order of the first."""
    settings: dict[str, list[Row]] = {}
    for row in rows:
        settings.setdefault(json.dumps([row.variant, row.options], sort_keys=True), []).append(row)
    return list(settings.values())


def best(rows: Sequence[Row]) -> Optional[Best]:
    """The setting with the best mean of those that were trained to the end, if there is one."""
    found = []
    for runs in by_setting(rows):
        done = [row for row in runs if row.state == "done"]
        if done:
            found.append(Best(done[0], spread(_values(done)).mean, len(done)))
    return max(found, key=lambda one: one.value, default=None)


def _values(rows: Sequence[Row]) -> list[float]:
    return [row.value for row in rows if row.value is not None]


def trials_table(plan: Plan, rows: Sequence[Row]) -> Table:
    """Every draw, the best first."""
    names = [dimension.name for dimension in plan.dimensions]
    what = ["variant"] if plan.method == VARIANTS else names
    seeded = any(row.seed is not None for row in rows)
    body = []
    for row in ranked(rows):
        cells = [row.variant] if plan.method == VARIANTS else [_cell(row.options.get(name)) for name in names]
        how = row.state if not row.reason else f"{row.state}: {row.reason}"
        seconds = "" if row.seconds is None else f"{row.seconds:.0f}"
        body.append(
            [str(row.number), *cells, *([str(row.seed)] if seeded else []), _percent(row.value), str(row.epochs),
             seconds, how]
        )  # fmt: skip
    header = ["trial", *what, *(["seed"] if seeded else []), "top-1 %", "epochs", "s", "state"]
    return Table("Trials", header, body)


def settings_table(rows: Sequence[Row]) -> Optional[Table]:
    """Every setting over its seeds, compared with the first; None where there are neither names nor seeds.

    The first is the first variant of the file or, where settings have no names, the best.
    """
    if not any(row.variant or row.seed is not None for row in rows):
        return None
    named = [(_setting(runs[0]), _values(runs)) for runs in by_setting(rows)]
    if not rows[0].variant:
        named.sort(key=lambda one: -spread(one[1]).mean if one[1] else math.inf)
    first = named[0][1]
    body = []
    for index, (name, figures) in enumerate(named):
        cells = ["", "", "0", "", ""]
        if figures:
            ours = spread(figures)
            cells = [_percent(ours.mean), _percent(ours.deviation), str(ours.runs), "", ""]
            if index and first:
                theirs = spread(first)
                cells[3:] = [f"{(ours.mean - theirs.mean) * 100:+.2f}", verdict(ours, theirs)]
        body.append([name, *cells])
    return Table("Settings", ["setting", "top-1 %", "deviation", "runs", "difference", "which is"], body, RULE)


def _setting(row: Row) -> str:
    return row.variant or " ".join(f"{name} {_cell(value)}" for name, value in row.options.items())


def promise(plan: Plan, rows: Sequence[Row]) -> str:
    """What N independent random draws promise of the best of them; "" for other methods.

    Draws that were ended early count, since they were compared; those that failed do not.
    """
    count = len(by_setting([row for row in rows if row.state in ("done", "pruned")]))
    if plan.method != "random" or not count:
        return ""
    draws = f"With {count} independent random draws" if count > 1 else "With one random draw"
    return (
        f"{draws}, the best is within the top {TOP * 100:g} % of the space with a probability of "
        f"{chance_of_best(count, TOP) * 100:.1f} %, and within the top {share_of_best(count) * 100:.1f} % with 95 %."
    )


def command(row: Row) -> str:
    """The command line of a trial."""
    return shlex.join(["python", "-m", "tools.train", *row.words])


def as_json(plan: Plan, name: str, rows: Sequence[Row]) -> dict[str, Any]:
    """All of it, for programs."""
    top = best(rows)
    return {
        "kind": "search",
        "study": name,
        "method": plan.method,
        "base": plan.base,
        "extra": plan.extra,
        "best": None if top is None else {"trial": top.row.number, "value": top.value, "command": command(top.row)},
        "promise": promise(plan, rows),
        "trials": [row._asdict() for row in rows],
    }


def _percent(value: Optional[float]) -> str:
    return "" if value is None else f"{value * 100:.2f}"


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)
