"""A space file: what is searched, in TOML.

It has these tables, all of options of `tools.train` by their names without dashes, as EXAMPLE shows: [base], what is
the same for all trials; [space], what varies; or, instead of a space, [[variants]], settings with names, which are
trained as they are. At its top it may say `method` and `trials`, as the options of those names, and `seeds`, with each
of which every draw is trained once.
"""

import math
import os
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional, Union

import tomllib

from app.errors import SourceError, UsageError
from tools.search.train_options import Value, check_name, takes_fraction

EXAMPLE = """
method = "random"
trials = 60
seeds = [0, 1, 2]
[base]
model = "report_cnn"
epochs = 10
[space]
lr = { low = 0.001, high = 0.1, log = true }
batch = { low = 32, high = 512, step = 32 }
optimiser = { values = ["momentum", "adam"] }
"""
METHODS = ("grid", "random", "tpe")
PRESETS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "presets")
MOST_TRIALS = 10_000
Number = Union[int, float]


class Dimension(NamedTuple):
    """An option and what it may be: one of `values`, or a number from `low` to `high`, both included.

    step: between the numbers; 0 for any number. log: draw its logarithm evenly. All whole numbers: low, high and step
    are int.
    """

    name: str
    values: tuple[Any, ...] = ()
    low: Number = 0
    high: Number = 0
    step: Number = 0
    log: bool = False

    def size(self) -> Optional[int]:
        """How many different values there are; None for a continuum."""
        if self.values:
            return len(self.values)
        step = self.step or (1 if isinstance(self.low, int) else 0)
        return int(math.floor((self.high - self.low) / step + 1e-9)) + 1 if step else None

    def value(self, index: int) -> Any:
        """The value with this number, from 0 to `size`, in the order of the file or from low to high."""
        return self.values[index] if self.values else round(self.low + (self.step or 1) * index, 12)


class Variant(NamedTuple):
    """A setting with a name."""

    name: str
    options: dict[str, Value]


class Space(NamedTuple):
    """What a space file says. method, trials: None where it does not say."""

    base: dict[str, Value]
    dimensions: list[Dimension]
    variants: list[Variant]
    seeds: list[int]
    method: Optional[str]
    trials: Optional[int]


def presets() -> list[str]:
    """Names of the space files that come with the program."""
    return sorted(name[: -len(".toml")] for name in os.listdir(PRESETS) if name.endswith(".toml"))


def read_space(given: str) -> Space:
    """Read a space file, or a preset by its name. Raises UsageError for what is wrong in it, and SourceError."""
    path = given
    if not given.endswith(".toml"):
        if given not in presets():
            raise UsageError(f"--space {given}: should be a .toml file or one of {', '.join(presets())}")
        path = os.path.join(PRESETS, given + ".toml")
    try:
        with open(path, "rb") as file:
            content = tomllib.load(file)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: is not TOML: {error}") from error
    return parse_space(content, path)


def parse_space(content: Mapping[str, Any], path: str) -> Space:
    """The space in a file's content. path: for messages. Raises UsageError."""
    _only(content, {"method", "trials", "seeds", "base", "space", "variants"}, path)
    method, trials, seeds = content.get("method"), content.get("trials"), content.get("seeds", [])
    if method is not None and method not in METHODS:
        raise UsageError(f"{path}: method: should be one of {', '.join(METHODS)}, is {method!r}")
    if trials is not None and not (_is_int(trials) and 1 <= trials <= MOST_TRIALS):
        raise UsageError(f"{path}: trials: should be a number from 1 to {MOST_TRIALS}, is {trials!r}")
    if not (isinstance(seeds, list) and all(_is_int(seed) for seed in seeds) and len(set(seeds)) == len(seeds)):
        raise UsageError(f"{path}: seeds: should be different whole numbers, as [0, 1, 2]; is {seeds!r}")
    base = _options(_table(content.get("base", {}), f"{path}: [base]"), f"{path}: [base]")
    where = f"{path}: [space]"
    dimensions = [_dimension(name, rule, where) for name, rule in _table(content.get("space", {}), where).items()]
    variants = _variants(content.get("variants", []), path)
    if bool(dimensions) == bool(variants):
        raise UsageError(f"{path}: should have either a table [space] or tables [[variants]]")
    if variants and (method or trials):
        raise UsageError(f"{path}: method, trials: variants are trained as they are; leave it out")
    searched = {dimension.name for dimension in dimensions}.union(*(variant.options for variant in variants))
    if seeds and ("seed" in base or "seed" in searched):
        raise UsageError(f"{path}: give either seeds or the option seed")
    return Space(base, dimensions, variants, seeds, method, trials)


def _only(table: Mapping[str, Any], known: set[str], where: str) -> None:
    unknown = sorted(set(table) - known)
    if unknown:
        raise UsageError(f"{where}: {unknown[0]}: unknown; should be one of {', '.join(sorted(known))}")


def _table(found: Any, where: str) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise UsageError(f"{where}: should be a table, is {found!r}")
    return found


def _options(table: Mapping[str, Any], where: str) -> dict[str, Value]:
    for name, value in table.items():
        check_name(name, where)
        scalars = value if isinstance(value, list) else [value]
        if not all(isinstance(scalar, (bool, int, float, str)) for scalar in scalars):
            raise UsageError(f"{where}: {name}: should be a number, a text, true or false, is {value!r}")
    return dict(table)


def _variants(found: Any, path: str) -> list[Variant]:
    where = f"{path}: [[variants]]"
    if not isinstance(found, list):
        raise UsageError(f"{where}: should be tables, is {found!r}")
    variants: list[Variant] = []
    for table in found:
        options = dict(_table(table, where))
        name = options.pop("name", None)
        if not isinstance(name, str) or not name or name in [variant.name for variant in variants]:
            raise UsageError(f'{where}: every variant needs a name of its own, as name = "dropout"; is {name!r}')
        variants.append(Variant(name, _options(options, f"{where} {name}")))
    return variants


def _dimension(name: str, rule: Any, where: str) -> Dimension:
    check_name(name, where)
    where = f"{where} {name}"
    rule = _table(rule, where)
    if "values" in rule:
        _only(rule, {"values"}, where)
        values = rule["values"]
        if not (isinstance(values, list) and values and all(isinstance(v, (bool, int, float, str)) for v in values)):
            raise UsageError(f"{where}: values: should be numbers, texts, true or false, as [0.1, 0.2]; is {values!r}")
        if len({(str(value)) for value in values}) < len(values):
            raise UsageError(f"{where}: values: one is there twice")
        return Dimension(name, tuple(values))
    _only(rule, {"low", "high", "step", "log"}, where)
    if name == "model" or not {"low", "high"} <= set(rule):
        raise UsageError(f"{where}: should have values = [...]" + ("" if name == "model" else " or low and high"))
    low, high, step, log = rule["low"], rule["high"], rule.get("step", 0), rule.get("log", False)
    numbers = (low, high, step)
    if not all(_is_int(n) or (isinstance(n, float) and math.isfinite(n)) for n in numbers):
        raise UsageError(f"{where}: low, high, step: should be numbers, are {low!r}, {high!r}, {step!r}")
    if not isinstance(log, bool):
        raise UsageError(f"{where}: log: should be true or false, is {log!r}")
    if not low < high or step < 0 or (log and (low <= 0 or step)):
        raise UsageError(f"{where}: low should be below high, step above 0, and with log, low above 0 without a step")
    if not all(_is_int(n) for n in numbers) or (not step and takes_fraction(name, low)):
        low, high, step = float(low), float(high), float(step)
    return Dimension(name, (), low, high, step, log)


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
