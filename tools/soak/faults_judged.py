"""What was observed of failing cameras, beside what is required."""

from typing import Dict, List, Optional, Sequence

from tools.soak.cameras import Camera
from tools.soak.figure import Figure
from tools.soak.program import Usage

MOST_LOST = 0.01  # of the frames of a camera beside which others fail


class Outcome:
    """What was observed with one camera. recoveries: seconds after each fault until frames arrived again."""

    def __init__(self) -> None:
        self.recoveries: List[float] = []
        self.slowest = ""
        self.stamps = 0
        self.repeated = 0
        self.lost = 0.0

    def add(self, fault: str, seconds: float) -> None:
        """Note that frames arrived again so many seconds after a fault."""
        if seconds > max(self.recoveries, default=0.0):
            self.slowest = fault
        self.recoveries.append(seconds)


class Run:
    """A program, the cameras that it films, and what was observed of them.

    name: of its only camera, else `all`. early, late: what it held after the first faults, and at the end.
    """

    def __init__(self, cameras: Sequence[Camera]) -> None:
        self.cameras = list(cameras)
        self.name = self.cameras[0].name if len(self.cameras) == 1 else "all"
        self.outcomes: Dict[str, Outcome] = {camera.name: Outcome() for camera in self.cameras}
        self.early: Optional[Usage] = None
        self.late: Optional[Usage] = None
        self.troubles: List[str] = []
        self.stop_seconds = 0.0

    @property
    def failing(self) -> List[Camera]:
        """The cameras that have faults."""
        return [camera for camera in self.cameras if camera.faults]

    def called(self, camera: Camera) -> str:
        """A camera's name in the program's lines, which have none where there is only one."""
        return camera.name if len(self.cameras) > 1 else ""


def judge(run: Run, count: int, baseline: int) -> List[Figure]:
    """The figures of a run whose cameras had so many faults each. baseline: those before it was measured first."""
    figures = [
        figure for camera in run.failing for figure in _judge_camera(camera.name, count, run.outcomes[camera.name])
    ]
    figures += [
        Figure(
            f"{camera.name}: frames lost while others failed",
            f"{run.outcomes[camera.name].lost:.2%}",
            f"at most {MOST_LOST:.0%}",
            run.late is not None and run.outcomes[camera.name].lost <= MOST_LOST,
        )
        for camera in run.cameras
        if not camera.faults
    ]
    figures += [
        Figure(f"{run.name}: errors", "; ".join(run.troubles) or "none", "none", not run.troubles),
        Figure(
            f"{run.name}: time to stop after SIGTERM",
            f"{run.stop_seconds:.2f} s",
            "at most 2 s",
            run.stop_seconds <= 2,
        ),
    ]
    return figures + (_judge_held(run.name, baseline, run.early, run.late) if run.early and run.late else [])


def _judge_camera(name: str, count: int, outcome: Outcome) -> List[Figure]:
    slowest = max(outcome.recoveries, default=float("inf"))
    survived = len(outcome.recoveries)
    return [
        Figure(f"{name}: faults survived", f"{survived}", f"{count}", survived == count),
        Figure(f"{name}: slowest recovery", f"{slowest:.2f} s ({outcome.slowest})", "at most 2 s", slowest <= 2),
        Figure(
            f"{name}: frames processed twice",
            f"{outcome.repeated} of {outcome.stamps} numbered",
            "none",
            outcome.stamps > 0 and outcome.repeated == 0,
        ),
    ]


def _judge_held(name: str, baseline: int, early: Usage, late: Usage) -> List[Figure]:
    growth = late.resident / early.resident - 1
    held = [f"{usage.open_files} files, {usage.threads} threads" for usage in (early, late)]
    return [
        Figure(f"{name}: held at fault {baseline} and at the end", "; ".join(held), "the same", held[0] == held[1]),
        Figure(
            f"{name}: memory at the same moments",
            f"{early.resident / 1e6:.1f} MB, {late.resident / 1e6:.1f} MB ({growth:+.1%})",
            "within 5 %",
            abs(growth) <= 0.05,
        ),
    ]
