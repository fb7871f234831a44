import pytest

from tools.search.spread import chance_of_best, share_of_best, spread, student_t, verdict


@pytest.mark.parametrize("freedom, expected", [(1, 12.706), (2, 4.303), (4, 2.776), (10, 2.228), (30, 2.042)])
def test_students_t_is_the_tables(freedom, expected):
    assert student_t(freedom) == pytest.approx(expected, abs=5e-4)


def test_mean_and_deviation_by_hand():
    assert spread([0.1, 0.2, 0.3]) == (pytest.approx(0.2), pytest.approx(0.1), 3)
    assert spread([0.4]) == (0.4, None, 1)


@pytest.mark.parametrize(
    "ours, theirs, expected",
    [
        # Deviations of 1 and 3 runs each: standard error sqrt(2 / 3) = 0.816, four degrees of freedom, t 2.776: 2.27.
        ([2.2, 3.2, 4.2], [0, 1, 2], "noise"),
        ([2.3, 3.3, 4.3], [0, 1, 2], "real"),
        ([0, 1, 2], [2.3, 3.3, 4.3], "real"),
        ([5], [0, 1, 2], "one run"),
        ([1, 1], [1, 1], "noise"),
        ([1, 1], [2, 2], "real"),
    ],
)
def test_what_the_scatter_explains_is_noise(ours, theirs, expected):
    assert verdict(spread(ours), spread(theirs)) == expected


def test_welchs_degrees_of_freedom():
    """Variances 1 and 0, 3 runs each: the freedom is that of the three that scatter, 2, and so t is 4.303."""
    error = (1 / 3) ** 0.5
    still = spread([0, 0, 0])
    for factor, expected in ((4.25, "noise"), (4.35, "real")):
        middle = factor * error
        assert verdict(spread([middle - 1, middle, middle + 1]), still) == expected


def test_what_random_draws_promise():
    assert chance_of_best(60, 0.05) == pytest.approx(0.9539, abs=5e-5)  # 1 - 0.95^60
    assert chance_of_best(1, 0.05) == pytest.approx(0.05)
    assert share_of_best(60) == pytest.approx(0.0487, abs=5e-5)
    assert chance_of_best(60, share_of_best(60)) == pytest.approx(0.95)
