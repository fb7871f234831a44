"""Which things, where and when make an event."""

import time

import pytest

from app.config import read_settings
from app.events.rules import Rules, read_hours, rules_of


def at(text):
    """A time of day as seconds since 1970, in UTC."""
    hour, minute = map(int, text.split(":"))
    return 1.7e9 // 86400 * 86400 + 3600 * hour + 60 * minute


@pytest.mark.parametrize(
    ("hours", "text", "quiet"),
    [
        ("22:00-06:00", "22:00", True),
        ("22:00-06:00", "21:59", False),
        ("22:00-06:00", "0:00", True),
        ("22:00-06:00", "5:59", True),
        ("22:00-06:00", "6:00", False),
        ("8:30-9:00", "8:30", True),
        ("8:30-9:00", "9:00", False),
        ("8:30-9:00,12:00-13:00", "12:59", True),
        ("20:00-24:00", "23:59", True),
        ("20:00-24:00", "0:00", False),
    ],
)
def test_quiet_hours(hours, text, quiet):
    assert Rules(quiet=read_hours(hours)).are_quiet(at(text), local=time.gmtime) is quiet


@pytest.mark.parametrize(
    "text", ["", "22-6", "22:00", "22:60-6:00", "25:00-6:00", "6:00-6:00", "0:00-24:00", "a:00-1:00"]
)
def test_hours_that_are_none(text):
    with pytest.raises(ValueError, match="should be"):
        read_hours(text)


def test_a_rule_of_places_wants_one_of_them():
    rules = Rules(places=["drive", "door"])
    assert not rules.want("person", 1.0, [])
    assert not rules.want("person", 1.0, ["lawn"])
    assert rules.want("person", 1.0, ["lawn", "door"])


@pytest.mark.parametrize(("words", "score"), [([], 0.25), (["--conf", "0.5"], 0.5), (["--event-score", "0.6"], 0.6)])
def test_what_is_too_weak_to_be_reported_makes_no_event(words, score):
    (options,) = read_settings(words).cameras
    assert rules_of(options).want("person", score, [])
    assert not rules_of(options).want("person", score - 0.01, [])
