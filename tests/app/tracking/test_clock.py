from app.tracking.clock import Clock


def test_time_only_goes_forward():
    clock = Clock()
    assert [clock(time) for time in (5.0, 6.0, 5.5, 6.5, -100.0, -99.0)] == [5.0, 6.0, 6.0, 7.0, 7.0, 8.0]


def test_what_is_no_number_counts_as_no_time_passed():
    clock = Clock()
    nan, inf = float("nan"), float("inf")
    assert [clock(time) for time in (nan, 5.0, inf, 6.0, -inf, nan, 7.5)] == [0.0, 5.0, 5.0, 6.0, 6.0, 6.0, 7.5]
