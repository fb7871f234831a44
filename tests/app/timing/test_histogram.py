import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.oracles import percentile

from app.timing.histogram import Histogram


def histogram_of(values):
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    return histogram


@given(st.lists(st.floats(1e-6, 999), min_size=1, max_size=200), st.sampled_from([1, 25, 50, 95, 99, 100]))
def test_percentile_is_within_one_percent(values, percent):
    histogram = histogram_of(values)
    assert histogram.percentile(percent) == pytest.approx(percentile(values, percent), rel=0.01)
    assert histogram.mean() == pytest.approx(sum(values) / len(values))


@pytest.mark.parametrize(
    "value, percentile_like",
    [
        pytest.param(0.0, 1e-6, id="zero"),
        pytest.param(-1.0, 1e-6, id="negative"),
        pytest.param(1e-9, 1e-6, id="a nanosecond"),
        pytest.param(1e9, 1000.0, id="thirty years"),
    ],
)
def test_out_of_range_goes_to_the_end(value, percentile_like):
    histogram = histogram_of([value])
    assert histogram.count == 1
    assert histogram.percentile(50) == pytest.approx(percentile_like, rel=0.02)
    assert histogram.mean() == value


def test_empty_histogram():
    assert Histogram().mean() is None
    assert Histogram().percentile(50) is None


def test_how_many_are_at_most_each_bound():
    histogram = Histogram()
    for seconds in (0.0005, 0.002, 0.002, 0.03, 7.0):
        histogram.add(seconds)
    assert histogram.at_most((0.001, 0.0025, 0.1, 1e6)) == [1, 3, 4, 5]
    assert Histogram().at_most((0.001, 1e6)) == [0, 0]
