import math
import random
import statistics

import pytest

from tools.sweep.grid import Combination, combinations
from tools.sweep.ranking import likely, ranks, variation


def row(fps=None, pacing="deadline", real=30.0, work=10.0, wait=0.0, capture=0.0):
    stages = {"capture": {"median": capture}, "wait": {"median": wait}}
    combination = Combination(None, 160, fps, "onnx", pacing)
    return {
        "combination": combination,
        "fps": {"median": real},
        "work_ms": {"median": work},
        "stages_ms": stages,
    }


@pytest.mark.parametrize(
    "rates, expected",
    [
        ([], []),
        ([(24, 24)], [1]),
        ([(100, 100), (97, 97), (50, 50)], [1, 1, 3]),
        ([(50, 50), (100, 100), (95, 95), (51, 51)], [3, 1, 2, 3]),
        ([(100, 100), (97, 97), (94, 94)], [1, 1, 1]),  # they run into one another
        ([(94, 94), (90, 90), (100, 100), (97, 97)], [1, 4, 1, 1]),
        ([(100, 100), (96, 96)], [1, 1]),
        ([(100, 100), (95.9, 95.9)], [1, 2]),
        ([(24, 24), (24, 24), (40, 40), (40, 40)], [3, 3, 1, 1]),
        ([(25.6, 40.8), (36.5, 40.1)], [1, 1]),
        ([(25.6, 40.8), (36.5, 40.1), (26, 31)], [1, 1, 1]),  # the first may be either
        ([(38, 40), (36.5, 40.1), (26, 31), (30, 32)], [1, 1, 3, 3]),
        ([(30, 36), (36.5, 40.1)], [1, 1]),  # apart, but by less than 4 %
        ([(30, 35), (36.5, 40.1)], [2, 1]),
    ],
)
def test_ranks(rates, expected):
    assert ranks(rates) == expected


def test_what_varies_is_pooled_over_the_combinations():
    tenth = math.log(1.1)
    assert variation([[10.0, 11.0]]) == pytest.approx(math.exp(tenth / math.sqrt(2)))
    # The squares of two combinations, by two degrees of freedom: neither does how long the work is matter.
    assert variation([[10.0, 11.0], [100.0, 100.0]]) == pytest.approx(math.exp(tenth / 2))
    assert variation([[10.0, 11.0], [100.0, 110.0]]) == pytest.approx(variation([[10.0, 11.0]]))
    assert variation([[10.0, 10.0], [500.0, 500.0, 500.0]]) == pytest.approx(1)


@pytest.mark.parametrize("works", [[], [[10.0]], [[10.0], [20.0]], [[0.0, 0.0]], [[0.0, 10.0]]])
def test_of_single_measurements_nothing_is_known_to_vary(works):
    assert variation(works) == 1


@pytest.mark.parametrize(
    "fields, expected",
    [
        pytest.param({"real": 25, "work": 40}, (1000 / 44, 1000 / (40 / 1.1)), id="as fast as it goes"),
        pytest.param({"fps": 25, "real": 25, "work": 20, "wait": 20}, (25, 25), id="waits for deadlines"),
        pytest.param({"fps": 25, "real": 25, "work": 39, "wait": 1}, (1000 / 42.9, 25), id="hardly waits"),
        pytest.param({"fps": 25, "real": 20, "work": 50}, (1000 / 55, 1000 / (50 / 1.1)), id="has no time to wait"),
        pytest.param({"fps": 25, "real": 24, "work": 1000 / 24}, (24 / 1.1, 25), id="would be kept by less work"),
        pytest.param({"fps": 25, "real": 25.2, "work": 30, "wait": 9}, (25.2, 25.2), id="a deadline early by chance"),
        pytest.param(
            {"real": 25, "work": 10, "capture": 30}, (25, 1000 / (40 - 10 + 10 / 1.1)), id="waits for a camera"
        ),
        pytest.param(
            {"fps": 25, "pacing": "delay", "real": 20, "work": 10, "wait": 40},
            (1000 / 51, 1000 / (40 + 10 / 1.1)),
            id="a delay is not made shorter by more work",
        ),
    ],
)
def test_what_rate_is_likely(fields, expected):
    assert likely(row(**fields), 1.1) == pytest.approx(expected)
    assert likely(row(**fields), 1.0) == pytest.approx((fields["real"], fields["real"]))


def test_even_wild_figures_have_a_rate():
    least, most = likely(row(real=40, work=26.0), 100.0)  # the medians are of different rounds: the work is too long
    assert 0 < least < 40 < most


GRID = combinations([(320, 240), (640, 480)], [160, 320], [24.0, 40.0], ["onnx"], ["delay", "deadline"])
ROUNDS = 5


def sweep(chance, deviation):
    """The ranks in a sweep of GRID on a machine whose work has this geometric deviation (as natural logarithm)."""
    works, rows = [], []
    for combination in GRID:
        usual = 9.5 if combination.size == 160 else 24.5  # ms; the latter nearly fills the period at 40 FPS
        period = 1000 / combination.fps
        times = [usual * math.exp(chance.gauss(0, deviation)) for _ in range(ROUNDS)]
        waits = [period if combination.pacing == "delay" else max(0, period - time) for time in times]
        rates = [1000 / (time + wait) for time, wait in zip(times, waits)]
        figures = dict(zip(("real", "work", "wait"), map(statistics.median, (rates, times, waits))))
        rows.append(row(combination.fps, combination.pacing, **figures))
        works.append(times)
    factor = variation(works)
    return ranks([likely(one, factor) for one in rows])


@pytest.mark.parametrize("deviation", [0.01, 0.04, 0.08])
def test_a_sweep_that_is_run_again_ranks_the_same(deviation):
    chance = random.Random(deviation)
    every = [sweep(chance, deviation) for _ in range(200)]
    steady = [11, 7, 5, 1, 15, 7, 11, 1] * 2  # those of 1 that are kept, of 27 FPS, of 24, of about 20, of about 15
    assert every.count(steady) >= 0.98 * len(every)
