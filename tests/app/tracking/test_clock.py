from app.tracking.clock import Clock


def test_time_only_goes_forward():
    clock = Clock()
    assert [clock(time) for time in (5.0, 6.0, 5.5, 6.5, -100.0, -99.0)] == [5.0, 6.0, 6.0, 7.0, 7.0, 8.0]
