import math

import pytest

pytest.importorskip("keras", "3")

from tools.train.schedules import SCHEDULES, make_schedule  # noqa: E402


@pytest.mark.parametrize(
    "name, settings, expected",
    [
        ("constant", {}, {0: 0.8, 0.5: 0.8, 1: 0.8}),
        ("cosine", {}, {0: 0.8, 0.25: 0.4 * (1 + math.cos(math.pi / 4)), 0.5: 0.4, 1: 0}),
        # Four cycles of 250 steps: its first, half-way, last step; the restart; the end.
        (
            "cosine",
            {"cycles": 4},
            {0: 0.8, 0.125: 0.4, 0.249: 0.4 * (1 + math.cos(math.pi * 249 / 250)), 0.25: 0.8, 0.875: 0.4, 1: 0},
        ),
        ("one-cycle", {}, {0: 0.8 * 0.04, 0.1: 0.8 * 0.52, 0.2: 0.8, 0.6: 0.4, 1: 0}),
        ("exponential", {"decay_rate": 0.01}, {0: 0.8, 0.5: 0.08, 1: 0.008}),
        ("1/t", {"decay_rate": 0.25}, {0: 0.8, 0.25: 0.4, 0.75: 0.2, 1: 0.16}),
        ("step", {"decay_rate": 0.5, "step_share": 0.25}, {0: 0.8, 0.24: 0.8, 0.26: 0.4, 0.51: 0.2, 0.99: 0.1}),
        # The report's: factors 1, 0.1, 0.01, 0.001 at 10,000, 25,000 and 40,000 steps.
        (
            "piecewise",
            {"steps": 50000, "boundaries": [10000, 25000, 40000]},
            {0: 0.8, 0.2: 0.8, 0.21: 0.08, 0.5: 0.08, 0.51: 0.008, 0.81: 0.0008, 1: 0.0008},
        ),
    ],
)
def test_rates_by_hand(name, settings, expected):
    rate = make_schedule(name, 0.8, **{"steps": 1000, **settings})
    assert {at: rate(at) for at in expected} == pytest.approx(expected, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_can_be_warmed_up_and_annealed(name):
    plain = make_schedule(name, 0.8, steps=1000, boundaries=[500])
    rate = make_schedule(name, 0.8, steps=1000, boundaries=[500], warm_up=0.1, anneal=True)
    assert rate(0) == 0
    assert rate(0.05) == pytest.approx(plain(0.05) / 2)
    assert rate(0.5) == pytest.approx(plain(0.5))
    assert rate(0.95) == pytest.approx(plain(0.95) / 2)
    assert rate(1) == 0


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_run_that_is_late_keeps_its_last_rate(name):
    rate = make_schedule(name, 0.8, steps=1000, boundaries=[500])
    assert rate(1.5) == rate(1)
    assert rate(-0.1) == rate(0)


@pytest.mark.parametrize("cycles, length", [(1, 7), (2, 5), (3, 7), (5, 36), (6, 11), (49, 3)])
def test_every_step_of_every_cycle(cycles, length):
    """Equation 2 of Huang et al. 2017 in whole steps: no first step may be taken for the last one before."""
    steps = cycles * length
    rate = make_schedule("cosine", 0.8, steps=steps, cycles=cycles)
    expected = [0.8 / 2 * (math.cos(math.pi * (step % length) / length) + 1) for step in range(steps)]
    assert [rate(step / steps) for step in range(steps)] == pytest.approx(expected, rel=1e-5, abs=1e-7)
