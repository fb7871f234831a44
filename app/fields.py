"""Checks of the fields of a JSON file, as of a model's card. Each raises ValueError, which names the field."""

from typing import Any, Dict, Sequence, Tuple


def check_input(fields: Dict[str, Any], colours: Sequence[str] = ("RGB",)) -> None:
    """Check that a model's input is NCHW, the only layout there is, and that its colour is one of `colours`."""
    for key, values in (("layout", ("NCHW",)), ("colour", colours)):
        if fields[key] not in values:
            raise ValueError(f"input {key} should be {' or '.join(values)}, is {fields[key]}")


def names(value: Any, field: str) -> Tuple[str, ...]:
    """A field that is a list of at least one text, none of them empty."""
    if not isinstance(value, list) or not value or not all(isinstance(name, str) and name for name in value):
        raise ValueError(f"{field} should be a list of texts")
    return tuple(value)


def number(value: Any, field: str, low: float, high: float) -> float:
    """A field that is a number from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:  # also refuses NaN
        raise ValueError(f"{field} should be from {low:g} to {high:g}, is {value!r}")
    return value


def positive(value: Any, field: str, most: float = 1e4) -> float:
    """A field that is a number above 0 and at most `most`."""
    if number(value, field, 0, most) == 0:
        raise ValueError(f"{field} should be above 0, is 0")
    return float(value)


def count(value: Any, field: str, most: int) -> int:
    """A field that is a whole number from 1 to `most`."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise ValueError(f"{field} should be a whole number from 1 to {most}, is {value!r}")
    return value


def one_of(value: Any, field: str, choices: Sequence[str]) -> str:
    """A field that is one of some words."""
    if value not in choices:
        raise ValueError(f"{field} should be {' or '.join(choices)}, is {value!r}")
    return str(value)


def yes_or_no(value: Any, field: str) -> bool:
    """A field that is true or false."""
    if not isinstance(value, bool):
        raise ValueError(f"{field} should be true or false, is {value!r}")
    return value
