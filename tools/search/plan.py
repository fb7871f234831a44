"""The plan of a study: everything that a worker on any machine needs, kept in the study itself."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Optional

from app.errors import UsageError
from tools.search.draws import grid, random_draws
from tools.search.space import Dimension, Space
from tools.search.train_options import Value, check_command, words
from tools.train.options import MODELS, parse
from tools.train.pretrained import check_pretrained

VARIANTS = "variants"  # the method of named settings
DEFAULT_TRIALS = 60  # 95 % sure of one in the best 5 %
MOST_EXTRA = "is searched; leave it out of what follows --"


class Draw(NamedTuple):
    """One training to do. number: from 0. variant: its name, or "". options: of the variant, or the searched ones; of
    tpe none, since they are proposed when the draw's turn has come. seed: one of `seeds`, if there are any.
    """

    number: int
    variant: str
    options: dict[str, Value]
    seed: Optional[int]


class Plan(NamedTuple):
    """id: tells studies of one name apart. method: grid, random, tpe or variants. base: options of all trials. extra:
    words of the command line for all trials. seed: of the draws. prune: whether bad trials are ended early. heartbeat:
    seconds between a worker's signs of life. grace: seconds without one after which its trial is done again.
    """

    id: str
    method: str
    base: dict[str, Value]
    extra: list[str]
    dimensions: list[Dimension]
    draws: list[Draw]
    seed: int
    prune: bool
    heartbeat: int
    grace: int

    def words(self, draw: Draw, proposed: Optional[Mapping[str, Any]] = None) -> list[str]:
        """The command line of `tools.train` for a draw, without its folder. proposed: the searched options of tpe."""
        chosen = {**draw.options, **(proposed or {})}
        base = {name: value for name, value in self.base.items() if name not in chosen}
        model = str(chosen.get("model", base.get("model")))
        seed = [] if draw.seed is None else ["--seed", str(draw.seed)]
        return [model, *words(base), *self.extra, *words(chosen), *seed]


def make_plan(space: Space, model: Optional[str], extra: Sequence[str], settings: Any) -> Plan:
    """The plan of a new study. model: of the command line. settings: method, trials, seed, prune, heartbeat, grace.

    Raises UsageError for contradictions, and for any trial that `tools.train` would refuse.
    """
    base = dict(space.base)
    if model is not None:
        base["model"] = model
    searched = {d.name for d in space.dimensions}.union(*(variant.options for variant in space.variants))
    if "model" not in base and not all("model" in options for options in _alternatives(space)):
        raise UsageError(f"choose a MODEL: {', '.join(MODELS)}; or name one in the space file")
    for word in extra:
        name = word.partition("=")[0]
        if name.startswith("--") and name[2:].removeprefix("no-") in searched | ({"seed"} if space.seeds else set()):
            raise UsageError(f"{name}: {MOST_EXTRA}")
    method = VARIANTS if space.variants else settings.method or space.method or "random"
    if space.variants and (settings.method or settings.trials):
        raise UsageError("--method, --trials: the variants of a space file are trained as they are; leave them out")
    if method == "grid" and settings.trials:
        raise UsageError("--trials: a grid has as many trials as combinations; leave it out, or choose --method random")
    if method == "tpe" and space.seeds:
        raise UsageError("--method tpe: trains every draw once, and the space file has seeds; search it with random")
    trials = settings.trials or space.trials or DEFAULT_TRIALS
    if space.variants:
        chosen = [(variant.name, variant.options) for variant in space.variants]
    elif method == "grid":
        chosen = [("", params) for params in grid(space.dimensions)]
    elif method == "random":
        chosen = [("", params) for params in random_draws(space.dimensions, trials, settings.seed)]
    else:
        chosen = [("", {})] * trials
    seeds: Sequence[Optional[int]] = space.seeds or [None]
    pairs = [(name, options, seed) for seed in seeds for name, options in chosen]  # a search cut short compares all
    draws = [Draw(number, name, options, seed) for number, (name, options, seed) in enumerate(pairs)]
    # Rows of means are compared as they are: a trial that was ended early has no figure of a full training.
    prune = settings.prune and not space.variants and not space.seeds
    plan = Plan(
        uuid.uuid4().hex, method, base, list(extra), space.dimensions, draws, settings.seed, prune,
        settings.heartbeat, settings.grace,
    )  # fmt: skip
    check_plan(plan)
    return plan


def _alternatives(space: Space) -> list[set[str]]:
    if space.variants:
        return [set(variant.options) for variant in space.variants]
    return [{dimension.name for dimension in space.dimensions}]


def check_plan(plan: Plan) -> None:
    """Raise UsageError if `tools.train` would refuse a trial of the plan."""
    for arguments, where in _commands(plan):
        check_command(arguments, where)


def check_weights(plan: Plan) -> None:
    """Raise ModelError if this machine lacks weights that a trial of the plan starts from, or has others."""
    options = [parse(arguments) for arguments, _ in _commands(plan)]
    for one in {(option.model, option.place): option for option in options}.values():
        check_pretrained(one)


def _commands(plan: Plan) -> Iterator[tuple[list[str], str]]:
    """Command lines that have all values of the plan's options, and what each is, for messages."""
    if plan.method == VARIANTS:
        for draw in plan.draws:
            yield plan.words(draw), f"variant {draw.variant}"
    else:
        for corner in _corners(plan.dimensions):
            named = ", ".join(f"{name} {value}" for name, value in corner.items())
            yield plan.words(plan.draws[0], corner), f"the space with {named}"


def _corners(dimensions: Sequence[Dimension]) -> list[dict[str, Any]]:
    """Draws that have every value of a list, and both ends of a range, at least once."""
    ends = {d.name: list(d.values) or [d.low, d.high] for d in dimensions}
    count = max(len(values) for values in ends.values())
    return [{name: values[index % len(values)] for name, values in ends.items()} for index in range(count)]


def to_json(plan: Plan) -> dict[str, Any]:
    """The plan as JSON has it."""
    return {
        **plan._asdict(),
        "dimensions": [dimension._asdict() for dimension in plan.dimensions],
        "draws": [draw._asdict() for draw in plan.draws],
    }


def from_json(found: Mapping[str, Any]) -> Plan:
    """The plan that `to_json` wrote. Raises UsageError for one of another version of this program."""
    try:
        dimensions = [Dimension(**{**one, "values": tuple(one["values"])}) for one in found["dimensions"]]
        draws = [Draw(**one) for one in found["draws"]]
        return Plan(**{**found, "dimensions": dimensions, "draws": draws})
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"the study is of another version of tools.search ({error}); start one with --study") from None
