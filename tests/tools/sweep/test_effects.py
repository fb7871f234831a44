import pytest
from support.sweep_rows import LARGE, SMALL, row

from tools.sweep.effects import best, disagreements, extent, levels
from tools.sweep.figures import mean_confidence


def test_levels_are_of_rows_that_differ_in_nothing_else():
    rows = [
        row(416, SMALL, confidence=0.3),
        row(160, SMALL, confidence=0.1),
        row(320, SMALL, confidence=0.4),
        row(160, SMALL, backend="opencv", confidence=0.3),
        row(320, SMALL, backend="opencv", confidence=0.5),
        row(416, SMALL, backend="opencv", confidence=0.6),
        row(416, LARGE, confidence=0.9),  # has no partner of another size
        row(160, None, confidence=0.2),
        row(320, None, confidence=0.2),
        row(416, None, confidence=None),  # nor one of which this is known
    ]
    found = levels(rows, "size", mean_confidence)
    assert list(found) == ["160", "320", "416"]
    assert found == pytest.approx({"160": 0.2, "320": 0.45, "416": 0.45})
    assert extent(found) == pytest.approx(0.25)


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [row(160, confidence=0.5)],
        [row(160, confidence=0.5), row(320)],
        [row(160, SMALL, confidence=0.5), row(320, LARGE, confidence=0.5)],
    ],
    ids=["nothing", "one size", "unknown at the other", "none alike in the rest"],
)
def test_there_are_no_levels(rows):
    assert levels(rows, "size", mean_confidence) == {}
    assert extent({}) == 0


def test_a_value_at_which_nothing_is_known_is_left_out():
    rows = [row(160), row(320, confidence=0.5), row(416, confidence=0.6)]
    assert levels(rows, "size", mean_confidence) == {"320": 0.5, "416": 0.6}


def test_the_best_may_be_between_the_extremes():
    assert best({"160": 0.1, "320": 0.4, "416": 0.3}) == "320"
    assert best({"160": 0.4, "320": 0.4}) == "160"


@pytest.mark.parametrize(
    "one, other, pairs",
    [
        ((0.523, 0.552, 0.534), (0.292, 0.461, 0.512), [("320", "416")]),
        ((0.6, 0.5, 0.3), (0.1, 0.2, 0.3), [("160", "416"), ("320", "416"), ("160", "320")]),
        ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6), []),
        ((0.6, 0.6004, 0.5), (0.2, 0.1, 0.1001), []),
    ],
    ids=["the extremes agree", "everywhere, the worst first", "nowhere", "no three decimals apart"],
)
def test_disagreements(one, other, pairs):
    sizes = ("160", "320", "416")
    assert disagreements(dict(zip(sizes, one)), dict(zip(sizes, other))) == pairs


def test_disagreements_are_of_values_that_both_have():
    assert disagreements({"160": 0.5, "320": 0.4}, {"160": 0.1, "416": 0.2}) == []
