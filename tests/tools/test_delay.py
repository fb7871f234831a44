import time

import pytest

from tools.delay import DelayPacer, predicted_fps


def test_a_delay_comes_after_each_frame_but_before_none():
    pacer = DelayPacer(2)
    start = time.monotonic()
    pacer.wait()
    assert time.monotonic() - start < 0.5, "at once, without the delay"
    pacer.wait()
    assert time.monotonic() - start >= 0.5


@pytest.mark.slow
def test_the_work_is_not_taken_off_the_delay():
    pacer = DelayPacer(10)
    pacer.wait()
    time.sleep(0.1)
    start = time.monotonic()
    pacer.wait()
    assert time.monotonic() - start >= 0.1


def test_a_stop_ends_it():
    pacer = DelayPacer(0.01)
    pacer.wait()
    start = time.monotonic()
    pacer.wait(lambda: time.monotonic() - start > 0.1)
    assert time.monotonic() - start < 5


def test_the_formula_of_the_report():
    assert predicted_fps(24, 0.0) == pytest.approx(24)
    assert predicted_fps(40, 0.015) == pytest.approx(25)
