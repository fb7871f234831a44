import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import UsageError
from tools.search.draws import grid, random_draws
from tools.search.space import Dimension

BATCH = Dimension("batch", low=1, high=3)
KIND = Dimension("optimiser", values=("sgd", "adam"))
RATE = Dimension("lr", low=0.001, high=0.1, log=True)


def test_a_grid_has_every_combination_once():
    assert grid([BATCH, KIND]) == [
        {"batch": 1, "optimiser": "sgd"},
        {"batch": 1, "optimiser": "adam"},
        {"batch": 2, "optimiser": "sgd"},
        {"batch": 2, "optimiser": "adam"},
        {"batch": 3, "optimiser": "sgd"},
        {"batch": 3, "optimiser": "adam"},
    ]


def test_a_continuum_has_no_grid():
    with pytest.raises(UsageError, match="--method grid: lr needs values or a step"):
        grid([BATCH, RATE])
    with pytest.raises(UsageError, match="more than 10000 combinations"):
        grid([Dimension("batch", low=1, high=200), Dimension("crop", low=1, high=100)])


@given(st.integers(0, 1000))
def test_random_draws_are_different_and_the_same_for_a_seed(seed):
    draws = random_draws([BATCH, KIND], 6, seed)
    assert sorted(map(repr, draws)) == sorted(map(repr, grid([BATCH, KIND]))), "six of six"
    assert draws == random_draws([BATCH, KIND], 6, seed)


def test_more_draws_than_there_are():
    with pytest.raises(UsageError, match="--trials 7: the space has only 6 combinations; search it with --method grid"):
        random_draws([BATCH, KIND], 7, 0)


def test_another_seed_draws_otherwise():
    assert random_draws([RATE], 3, 0) != random_draws([RATE], 3, 1)


def test_a_logarithm_is_drawn_evenly():
    found = [draw["lr"] for draw in random_draws([RATE], 2000, 0)]
    assert all(0.001 <= value <= 0.1 for value in found)
    # Half of the draws are below the geometric mean, 0.01; a standard deviation is sqrt(2000) / 2 = 22 draws.
    assert sum(value < 0.01 for value in found) == pytest.approx(1000, abs=90)


def test_whole_numbers_on_a_logarithmic_scale_reach_both_ends():
    dimension = Dimension("batch", low=1, high=8, log=True)
    found = {draw["batch"] for draw in random_draws([dimension], 8, 0)}
    assert found == set(range(1, 9))
    # The share of 1 is that of 0.5 to 1.5 among 0.5 to 8.5.
    many = [draw["batch"] for draw in random_draws([dimension, Dimension("lr", low=0.0, high=1.0)], 2000, 0)]
    expected = 2000 * math.log(3) / math.log(17)
    assert many.count(1) == pytest.approx(expected, abs=90)
