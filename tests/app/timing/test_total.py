from support.fakes import FakeClock

from app.timing import FrameTimes, Timing
from app.timing.total import Total


def run(clock, count, interval, age, **options):
    """The rates of a camera: frames at an interval in seconds, each so old in seconds when it was through."""
    timing = Timing(now=clock.now, **options)
    for number in range(count):
        clock.time += interval
        times = FrameTimes(number, clock.now() - age)
        times.processed_at = times.delivered_at = clock.now()
        timing.add(times)
    return timing


def test_rates_are_added_and_the_latency_is_the_highest():
    clock = FakeClock()
    one = run(clock, 5, 0.1, 0.04, configured_fps=10)
    two = run(clock, 9, 0.05, 0.03, configured_fps=20, live=True)
    total = Total([one, two], clock.now)
    assert (total.frames, total.dropped, total.configured_fps, total.live) == (14, 0, 30, True)
    assert round(total.current_fps, 6) == round(total.current_capture_fps, 6) == 30
    assert round(total.current_latency(95), 6) == 0.04


def test_of_a_camera_that_is_removed_the_frames_still_count():
    clock = FakeClock()
    timings = [run(clock, 5, 0.1, 0.04, configured_fps=10), run(clock, 9, 0.05, 0.03, configured_fps=20, live=True)]
    total = Total(timings, clock.now)
    total.leave_out(timings[1])
    timings.append(run(clock, 3, 0.25, 0.02, configured_fps=4))
    assert (total.frames, total.configured_fps, total.live) == (17, 14, False)
    assert round(total.current_fps, 6) == 14
    assert round(total.current_latency(95), 6) == 0.04
    total.leave_out(timings[0])
    assert round(total.current_latency(95), 6) == 0.02


def test_without_cameras_there_is_nothing():
    total = Total([])
    assert (total.frames, total.current_fps, total.current_latency(95), total.configured_fps) == (0, None, None, 0)


def test_no_rate_is_to_be_kept_if_one_has_none():
    assert Total([Timing(10.0), Timing()]).configured_fps is None


def test_a_camera_that_hangs_has_no_rate():
    clock = FakeClock()
    hung = run(clock, 30, 0.1, 5.0, configured_fps=10)
    slow = run(clock, 3, 10.0, 0.04, configured_fps=0.1)
    one = run(clock, 11, 0.1, 0.02, configured_fps=10)
    total = Total([hung, slow, one], clock.now)
    assert hung.silent
    assert not slow.silent, "its next frame is not due"
    assert round(total.current_fps, 6) == 10.1
    assert round(total.current_latency(95), 6) == 0.04
    clock.time += 60
    assert (total.current_fps, total.current_latency(95)) == (0, None)
