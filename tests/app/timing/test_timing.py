import pytest
from support.fakes import FakeClock

from app.timing import STAGES, WARM_UP_FRAMES, FrameTimes, Timing


def test_stages_of_a_frame():
    clock = FakeClock()
    times = FrameTimes(0, clock.now(), clock.now)
    assert times.seconds == dict.fromkeys(STAGES, 0)
    for seconds in (0.5, 0.25):
        with times.stage("infer"):
            clock.sleep(seconds)
    assert times.seconds["infer"] == 0.25, "the last time, not the sum"
    with times.stage("infer", second_part=True):
        clock.sleep(0.5)
    assert times.seconds["infer"] == 0.75
    assert times.seconds["draw"] == 0


def frame(index, captured_at, processed_at, delivered_at=None, **seconds):
    times = FrameTimes(index, captured_at)
    times.seconds.update(seconds)
    times.processed_at, times.delivered_at = processed_at, delivered_at
    return times


def timed(gaps, configured_fps=None, indices=None, latency=0.0, period=None):
    """A run whose frames are processed after these gaps. period: of a camera that drops frames."""
    clock = FakeClock()
    timing = Timing(configured_fps, now=clock.now)
    for count, gap in enumerate(gaps):
        clock.sleep(gap)
        index = indices[count] if indices else count
        captured_at = clock.time - latency if period is None else 100 + index * period
        timing.add(frame(index, captured_at, clock.time, clock.time))
    return timing


def test_real_fps_of_20_and_80_ms_is_20():
    timing = timed([0.5] * WARM_UP_FRAMES + [0.02, 0.08] * 40)
    assert timing.real_fps == pytest.approx(20)
    assert timing.report()["fps"] == {"configured": None, "real": 20.0, "capture": 20.0}


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
    late = []
    for index in range(WARM_UP_FRAMES + 5):
        captured_at = clock.time
        seconds = 7.0 if index < WARM_UP_FRAMES else 0.02
        clock.sleep(seconds)
        late.append(frame(index, captured_at, clock.time, infer=seconds))
        timing.add(late[-1])
        if len(late) > 1:  # a sink has a frame while the next one is already processed
            late.pop(0).delivered_at = clock.time
    report = timing.report()
    assert report["stages_ms"]["infer"]["mean"] == pytest.approx(20)
    assert report["stages_ms"]["infer"]["p99"] == pytest.approx(20, rel=0.01)
    assert report["latency_ms"]["p99"] == pytest.approx(40, rel=0.01)


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


def test_capture_fps_counts_the_dropped_frames():
    """A camera of 30 FPS of which every third frame is taken."""
    timing = timed([0.1] * 40, indices=list(range(0, 120, 3)), period=1 / 30)
    assert timing.capture_fps == pytest.approx(30)
    assert timing.current_capture_fps == pytest.approx(30)
    assert timing.current_fps == pytest.approx(10)


def test_current_latency():
    clock = FakeClock()
    timing = Timing(now=clock.now)
    assert timing.current_latency(95) is None
    for index in range(200):
        clock.sleep(0.05)
        latency = 1.0 if index < 100 else 0.1 + 0.001 * (index % 20)
        timing.add(frame(index, clock.time - latency, clock.time, clock.time, infer=0.02))
    assert timing.current_latency(50) == pytest.approx(0.11, abs=0.002), "the slow ones are long ago"
    assert timing.current_latency(95) == pytest.approx(0.118, abs=0.002)
    assert timing.current_stages()["infer"] == pytest.approx(0.02)


def test_a_sink_that_hangs_delays_the_times_of_its_own_frames_only():
    clock = FakeClock()
    timing = Timing(now=clock.now)
    for index in range(10):
        clock.sleep(0.1)
        timing.add(frame(index, clock.time - 0.05, clock.time, None if index == 5 else clock.time, infer=0.02))
    assert timing.frames == 10
    assert timing.report()["stages_ms"]["infer"]["mean"] == pytest.approx(20)
    assert timing.current_latency(100) == pytest.approx(0.05)


def test_frames_that_slow_sinks_skipped_are_counted_apart():
    timing = timed([0.1] * 4)
    timing.sink_skipped("WindowSink")
    timing.sink_skipped("WindowSink")
    report = timing.report()
    assert (report["sink_dropped"], report["dropped"], report["frames"]) == (2, 0, 4)


def test_report_fields():
    report = timed([0.1] * 9, configured_fps=10, latency=0.04).report()
    assert set(report) == {"frames", "duration_s", "fps", "dropped", "sink_dropped", "stages_ms", "latency_ms"}
    assert report["fps"] == {"configured": 10, "real": 10.0, "capture": 10.0}
    assert set(report["stages_ms"]) == set(STAGES)
    assert all(set(stage) == {"mean", "p50", "p95", "p99"} for stage in report["stages_ms"].values())
    assert report["latency_ms"] == {p: pytest.approx(40, rel=0.01) for p in ("p50", "p95", "p99")}


def test_report_of_no_frames_has_no_numbers():
    report = timed([]).report()
    assert report["latency_ms"] == {"p50": None, "p95": None, "p99": None}
    assert report["fps"]["real"] is None


def test_frames_that_are_not_inferred_count_in_no_time_of_inference():
    timing, clock = Timing(now=FakeClock().now), FakeClock()
    for index in range(WARM_UP_FRAMES + 8):
        times = frame(index, clock.time, clock.time, clock.time, infer=0.2, sink=0.1)
        if index % 4:
            times.skip_inference()
        timing.add(times)
    assert timing.current_stages()["infer"] == pytest.approx(0.2)
    assert timing.current_stages()["sink"] == pytest.approx(0.1)
    stages = timing.report()["stages_ms"]
    assert stages["infer"]["p50"] == pytest.approx(200, rel=0.05)
    # Of 11 frames those numbered 0, 4 and 8 are inferred.
    assert timing.skipped == 8
    assert timing.current_skipped == pytest.approx(8 / 11)
