import pytest
from support.fakes import FakeClock

from app.timing.pacing import Pacer


def paced(fps, work):
    """Times at which a loop that works so long is let go."""
    clock = FakeClock()
    pacer = Pacer(fps, now=clock.now, sleep=clock.sleep)
    times = []
    for seconds in work:
        pacer.wait()
        times.append(clock.time)
        if seconds:
            clock.sleep(seconds)
    return times


def intervals(times):
    return [after - before for before, after in zip(times, times[1:])]


@pytest.mark.parametrize("work", [0, 0.03, 0.099], ids="work {} s".format)
def test_pacer_keeps_the_rate_when_work_fits(work):
    assert intervals(paced(10, [work] * 50)) == pytest.approx([0.1] * 49)


def test_pacer_lets_slow_work_go_at_its_own_rate():
    assert intervals(paced(10, [0.3] * 20)) == pytest.approx([0.3] * 19)


def test_jitter_of_less_than_a_period_costs_no_frames():
    times = paced(10, [0.02, 0.17, 0.01, 0.12, 0.05] * 20)
    assert times[-1] - times[0] == pytest.approx(9.9, abs=0.1)


@pytest.mark.parametrize("stall", [0.25, 0.5, 3.0])
def test_no_burst_after_a_stall(stall):
    times = paced(10, [0.01] * 5 + [stall] + [0.01] * 20)
    assert intervals(times)[5] == pytest.approx(stall)
    assert min(intervals(times)[6:]) == pytest.approx(0.1)


def test_no_rate_no_wait():
    assert intervals(paced(None, [0.01] * 5)) == pytest.approx([0.01] * 4)


def test_a_stop_ends_the_wait():
    clock = FakeClock()
    pacer = Pacer(0.1, now=clock.now, sleep=clock.sleep)
    pacer.wait()
    start = clock.time
    pacer.wait(lambda: clock.time - start >= 1)
    assert 1 <= clock.time - start < 1.1, "not the ten seconds of a period"
