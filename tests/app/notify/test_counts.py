"""Counts that do not flicker, and rates."""

from app.notify.counts import Count, Rate


def test_a_count_rises_at_once_and_falls_after_a_second():
    count = Count()
    seen = [(0.0, 0), (0.25, 2), (0.5, 0), (0.75, 2), (1.0, 1), (1.75, 0), (2.0, 0), (2.25, 0), (3.25, 0)]
    assert [count.see(number, time) for time, number in seen] == [0, 2, 2, 2, 2, 2, 1, 1, 0]


def test_a_count_does_not_fall_below_the_most_of_that_second():
    count = Count()
    assert [count.see(*step) for step in [(3, 0.0), (1, 0.1), (2, 0.6), (0, 1.1)]] == [3, 3, 3, 2]


def test_rates_every_ten_seconds():
    """11 frames, one a second, each two tenths old: the rate is 10 intervals in 10 seconds."""
    rate = Rate(0.0)
    found = [rate.see(float(second), second + 0.2) for second in range(21)]
    assert [second for second, rates in enumerate(found) if rates] == [10, 20]
    assert found[10] == {"fps": 1.0, "latency_ms": 200}


def test_no_rate_of_a_single_frame():
    rate = Rate(0.0)
    assert rate.see(99.0, 99.0) == {}
