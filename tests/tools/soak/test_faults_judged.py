"""What is required of a program whose cameras fail, and that each requirement can be missed."""

import pytest

from tools.soak.cameras import Camera, Fault, at_once, steady_camera
from tools.soak.faults import arguments
from tools.soak.faults_judged import Run, judge
from tools.soak.program import Usage

FAILING = Camera("http", "http://camera/video", {"cut": Fault(at_once, at_once)})


def passed(cameras=(FAILING,)):
    """A run of two faults in which nothing went wrong."""
    run = Run(cameras)
    for camera in run.failing:
        outcome = run.outcomes[camera.name]
        outcome.add("cut", 0.5)
        outcome.add("freeze", 1.5)
        outcome.stamps = 100
    run.early, run.late = Usage(20, 9, 100_000_000), Usage(20, 9, 104_000_000)
    run.stop_seconds = 0.3
    return run


def missed(run):
    return [figure.what for figure in judge(run, 2, 1) if not figure.reached]


@pytest.mark.parametrize("cameras", [[FAILING], [FAILING, steady_camera()]])
def test_nothing_is_missed(cameras):
    run = passed(cameras)
    assert missed(run) == []
    names = {figure.what.split(":")[0] for figure in judge(run, 2, 1)}
    assert names == ({"http"} if len(cameras) == 1 else {"http", "steady", "all"})


def lose(run):
    run.outcomes["steady"].lost = 0.011


def repeat(run):
    run.outcomes["http"].repeated = 1


def recover_late(run):
    run.outcomes["http"].recoveries[1] = 2.1


def recover_once(run):
    run.outcomes["http"].recoveries.pop()


def hold(run):
    run.late = Usage(21, 9, 100_000_000)


def grow(run):
    run.late = Usage(20, 9, 106_000_000)


def stop_late(run):
    run.stop_seconds = 2.1


@pytest.mark.parametrize(
    "harm, what",
    [
        (lose, "steady: frames lost while others failed"),
        (repeat, "http: frames processed twice"),
        (recover_late, "http: slowest recovery"),
        (recover_once, "http: faults survived"),
        (hold, "all: held at fault 1 and at the end"),
        (grow, "all: memory at the same moments"),
        (stop_late, "all: time to stop after SIGTERM"),
        (lambda run: run.troubles.append("exit code 1"), "all: errors"),
    ],
)
def test_what_is_missed(harm, what):
    run = passed([FAILING, steady_camera()])
    harm(run)
    assert missed(run) == [what]


def test_a_run_that_broke_off_has_passed_nothing():
    run = Run([FAILING, steady_camera()])
    run.troubles.append("received no frame")
    assert [what.split(": ")[1] for what in missed(run)] == [
        "faults survived",
        "slowest recovery",
        "frames processed twice",
        "frames lost while others failed",
        "errors",
    ]


def test_the_slowest_recovery_is_named():
    run = passed()
    (figure,) = (figure for figure in judge(run, 2, 1) if figure.what == "http: slowest recovery")
    assert figure.measured == "1.50 s (freeze)"


def test_what_the_program_is_told():
    assert arguments(Run([FAILING]), "/folder")[:2] == ["--cam", "http://camera/video"]
    assert arguments(Run([FAILING]), "/folder")[-1] == "/folder/http.mkv"
    told = arguments(Run([FAILING, steady_camera()]), "/folder")
    assert told[:4] == ["--cam", "http=http://camera/video", "--cam", "steady=" + steady_camera().uri]
    assert told[-1] == "/folder/{camera}.mkv"


def test_names_in_the_lines():
    assert Run([FAILING]).called(FAILING) == ""
    assert Run([FAILING, steady_camera()]).called(FAILING) == "http"
