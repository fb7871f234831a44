import pytest
from fakes import FakeClock
from hypothesis import given
from hypothesis import strategies as st
from oracles import percentile

from app.timing import STAGES, WARM_UP_FRAMES, Histogram, Pacer, StageClock, Timing


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


def test_stage_clock():
    clock = FakeClock()
    stages = StageClock(clock.now)
    assert stages.seconds == dict.fromkeys(STAGES, 0)
    for seconds in (0.5, 0.25):
        with stages("infer"):
            clock.sleep(seconds)
    assert stages.seconds["infer"] == 0.25, "the last time, not the sum"
    assert stages.seconds["draw"] == 0


def paced(fps, work):
    """Times at which a loop that works so long is let go."""
    clock = FakeClock()
    pacer = Pacer(fps, clock.now, clock.sleep)
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
    pacer = Pacer(0.1, clock.now, clock.sleep)
    pacer.wait()
    start = clock.time
    pacer.wait(lambda: clock.time - start >= 1)
    assert 1 <= clock.time - start < 1.1, "not the ten seconds of a period"


def timed(gaps, configured_fps=None, indices=None, latency=0.0):
    """A run whose frames are done after these gaps."""
    clock = FakeClock()
    timing = Timing(configured_fps, clock.now)
    for index, gap in enumerate(gaps):
        clock.sleep(gap)
        timing.frame_done(indices[index] if indices else index, clock.time - latency)
    return timing


def test_real_fps_of_20_and_80_ms_is_20():
    timing = timed([0.5] * WARM_UP_FRAMES + [0.02, 0.08] * 40)
    assert timing.real_fps == pytest.approx(20)
    assert timing.report()["fps"] == {"configured": None, "real": 20.0}


def test_warm_up_is_left_out():
    timing = timed([5.0] * WARM_UP_FRAMES + [0.1] * 10)
    report = timing.report()
    assert timing.real_fps == pytest.approx(10)
    assert report["frames"] == WARM_UP_FRAMES + 10
    assert report["duration_s"] == pytest.approx(5 * WARM_UP_FRAMES + 1)


@pytest.mark.parametrize(
    "gaps, fps",
    [
        pytest.param([], None, id="no frame"),
        pytest.param([9], None, id="one frame"),
        pytest.param([9, 0.5], 2, id="two frames"),
        pytest.param([9, 0.5, 0.5], 2, id="nothing but warm-up"),
        pytest.param([9, 0.5, 0.5, 0.25], 4, id="one frame after the warm-up"),
    ],
)
def test_short_runs(gaps, fps):
    timing = timed(gaps)
    assert timing.real_fps == (fps and pytest.approx(fps))
    assert timing.report()["frames"] == len(gaps)


def test_times_of_the_warm_up_are_left_out():
    clock = FakeClock()
    timing = Timing(now=clock.now)
    for index in range(WARM_UP_FRAMES + 5):
        captured_at = clock.time
        with timing.clock("infer"):
            clock.sleep(7.0 if index < WARM_UP_FRAMES else 0.02)
        timing.frame_done(index, captured_at)
    report = timing.report()
    assert report["stages_ms"]["infer"]["mean"] == pytest.approx(20)
    assert report["stages_ms"]["infer"]["p99"] == pytest.approx(20, rel=0.01)
    assert report["latency_ms"]["p99"] == pytest.approx(20, rel=0.01)


@pytest.mark.parametrize(
    "indices, dropped",
    [
        pytest.param([0, 1, 2, 3], 0, id="none"),
        pytest.param([0, 1, 5, 6], 3, id="one gap"),
        pytest.param([2, 3, 9, 10], 7, id="before the first too"),
    ],
)
def test_dropped_frames(indices, dropped):
    assert timed([0.1] * 4, indices=indices).report()["dropped"] == dropped


def test_current_fps_forgets():
    assert timed([]).current_fps is None
    assert timed([0.1]).current_fps is None
    assert timed([0.1] * 2).current_fps == pytest.approx(10)
    assert timed([0.1] * 100 + [0.05] * 60).current_fps == pytest.approx(20)
    assert timed([0.1] * 100 + [8.0]).current_fps == pytest.approx(1 / 8, rel=0.05), "slower than its window"


def test_report_fields():
    report = timed([0.1] * 9, configured_fps=10, latency=0.04).report()
    assert set(report) == {"frames", "duration_s", "fps", "dropped", "stages_ms", "latency_ms"}
    assert report["fps"] == {"configured": 10, "real": 10.0}
    assert set(report["stages_ms"]) == set(STAGES)
    assert all(set(stage) == {"mean", "p50", "p95", "p99"} for stage in report["stages_ms"].values())
    assert report["latency_ms"] == {p: pytest.approx(40, rel=0.01) for p in ("p50", "p95", "p99")}


def test_report_of_no_frames_has_no_numbers():
    report = timed([]).report()
    assert report["latency_ms"] == {"p50": None, "p95": None, "p99": None}
    assert report["fps"]["real"] is None
