"""The options of `tools.train`, as a space file names them, and as words of its command line.

They are those of its own parser, so a space file cannot name an option that a trial would refuse hours later.
"""

import argparse
import functools
from collections.abc import Mapping, Sequence
from typing import Any, Union

from app.errors import UsageError
from tools.train.options import make_parser, parse

Value = Union[bool, int, float, str, list[Any]]

OWN = ("help", "run", "resume", "output")  # these the search gives to every trial itself
SEE = "see python -m tools.train --help"


@functools.cache
def _actions() -> dict[str, argparse.Action]:
    """The options by their names without dashes."""
    found = {}
    for action in make_parser()._actions:
        long = [string[2:] for string in action.option_strings if string.startswith("--")]
        if long and long[0] not in OWN:
            found[long[0]] = action
    return found


def check_name(name: str, where: str) -> None:
    """Raise UsageError for a name that is no option of a trial. `model` is one, though it is no option there."""
    if name in OWN:
        raise UsageError(f"{where}: {name}: the search gives that option to every trial itself; leave it out")
    if name != "model" and name not in _actions():
        raise UsageError(f"{where}: {name}: tools.train has no option --{name}; {SEE}")


def words(options: Mapping[str, Value]) -> list[str]:
    """Options as words of the command line, without `model`. Raises UsageError for a value of the wrong type."""
    actions = _actions()
    found = []
    for name, value in options.items():
        if name == "model":
            continue
        action = actions[name]
        if action.nargs == 0:
            if not isinstance(value, bool):
                raise UsageError(f"{name}: should be true or false, is {value!r}")
            negated = "--no-" + name
            if value or negated in action.option_strings:
                found.append("--" + name if value else negated)
        elif isinstance(value, bool):
            raise UsageError(f"{name}: should be a number or a text, is {str(value).lower()}")
        elif isinstance(value, list):
            parts = [str(part) for part in value]
            found += ["--" + name, *(parts if action.nargs else [",".join(parts)])]
        else:
            found += ["--" + name, str(value)]
    return found


def takes_fraction(name: str, low: float) -> bool:
    """Whether an option takes numbers between whole ones: `momentum` from 0 to 1 does not mean 0 or 1."""
    try:
        make_parser().parse_args(["--" + name, str(low + 0.5)])
    except UsageError:
        return False
    return True


def check_command(arguments: Sequence[str], where: str) -> None:
    """Raise UsageError if `tools.train` would not take these arguments, or a trial could not be judged by its log."""
    try:
        options = parse(arguments)
    except UsageError as error:
        raise UsageError(f"{where}: {str(error).replace('see --help', SEE)}") from None
    for name in OWN[1:]:
        if getattr(options, name) is not None:
            raise UsageError(f"{where}: --{name}: the search gives that option to every trial itself; leave it out")
    if options.validation == 0:
        raise UsageError(f"{where}: validation = 0: trials are compared on validation images; give it a share")
