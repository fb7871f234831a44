"""The loop behind live cameras, beside what the machine can do: one that is too fast, and several at once."""

import statistics
import time
from functools import partial
from typing import Callable, Dict, List, Sequence

from app.backends.onnx import OnnxBackend
from app.loop.workers import choose_workers
from app.modelcard import read_card
from tools.bench.bare import Bare
from tools.bench.filming import Script, Take, Watch, Window, film, jain, settled, steady, until
from tools.bench.loops import input_shape, open_model, worker_name
from tools.bench.replay import DEAD, HANGS, WELL, Replay
from tools.bench.turns import FEWEST, Setting, ratio, spread, take_turns
from tools.json_file import Json

AUTO = "auto"
CHANGING = 6.0  # seconds in which `auto` measures the camera, and loads the model for more workers; they do not count
FACTOR = 1.9  # of an inference: the oldest that a frame should get behind a camera that is too fast
TOO_MANY = 2  # times the frames that the machine can do
BACK_LIMIT = 20.0  # seconds

Figures = Dict[str, float]


def compare_camera(setting: Setting) -> Json:
    """Rate and latency behind one camera: with each number of workers, and as app.detect chooses it.

    `limit_ms` is 1.9 times the bare inference with all threads, and an interval between two of the camera's frames.
    """
    bare = Bare(setting.model, input_shape(setting), setting.threads)
    chosen: List[str] = []
    runners: Dict[str, Callable[[float], Figures]] = {"bare": lambda frames: {"fps": bare(int(frames))}}
    runners.update({worker_name(count): _fixed(setting, count) for count in setting.workers})
    runners[AUTO] = lambda seconds: _auto(setting, seconds, chosen)
    amounts = dict.fromkeys(runners, setting.seconds)
    amounts["bare"] = max(FEWEST, setting.seconds * bare(FEWEST))
    rounds = take_turns(runners, amounts, setting)
    fps = [{name: one["fps"] for name, one in each.items()} for each in rounds]
    bare_ms = [1000 / each["bare"] for each in fps]
    cameras = [name for name in runners if name != "bare"]
    return {
        "input": list(input_shape(setting)),
        "camera_fps": setting.camera_fps,
        "what": {AUTO: chosen[-1]},
        "fps": {name: spread([each[name] for each in fps]) for name in runners},
        **{f"{name}/{cameras[0]}": ratio(fps, name, cameras[0]) for name in cameras[1:]},
        "bare_ms": spread(bare_ms),
        "latency_ms": {
            percent: {name: spread([each[name][percent] for each in rounds]) for name in cameras}
            for percent in ("p50", "p95")
        },
        "limit_ms": spread([FACTOR * ms + 1000 / setting.camera_fps for ms in bare_ms]),
    }


def _fixed(setting: Setting, workers: int) -> Callable[[float], Figures]:
    backend, card = open_model(setting, workers), read_card(setting.model)

    def run(seconds: float) -> Figures:
        device = Replay(setting.video, setting.camera_fps)
        take = film([device], backend, card, setting.size, partial(steady, seconds=seconds))
        return _figures(take, setting.camera_fps)

    return run


def _auto(setting: Setting, seconds: float, chosen: List[str]) -> Figures:
    """One turn as app.detect films a single camera. chosen: gets how many workers there were in the end, and why."""
    choice = choose_workers(None, [True])
    backend = OnnxBackend(setting.model, "cpu", workers=choice.first)  # anew, since the choice is for good
    device = Replay(setting.video, setting.camera_fps)
    script = partial(steady, seconds=seconds, settling=CHANGING)
    take = film([device], backend, read_card(setting.model), setting.size, script, choice)
    chosen.append("{count}: {why}".format(**take.report["workers"]))
    return _figures(take, setting.camera_fps)


def _figures(take: Take, fps: float) -> Figures:
    return {"fps": fps * take.shares(fps)[0], "p50": 1000 * take.age(50), "p95": 1000 * take.age(95)}


def compare_cameras(setting: Setting) -> Json:
    """Several cameras at once, through one model: what each gets, what they get together, and what a fault costs.

    `due`: of the frames that a camera of the given rate delivers, those that were done. `jain` and `together`: where
    they ask for twice the frames of the bare session, beside one camera that asks for as many. `fault`: one hangs, then
    is dead, then is back; `lost` is what the others lose by it.
    """
    backend = open_model(setting, max(setting.workers))
    bare = Bare(setting.model, input_shape(setting), setting.threads)(FEWEST)
    count, asked = setting.cameras, TOO_MANY * bare
    runners: Dict[str, Callable[[float], Take]] = {
        "one camera": _several(setting, backend, 1, asked),
        "together": _several(setting, backend, count, asked / count),
        "due": _several(setting, backend, count, setting.camera_fps),
        "fault": _with_a_fault(setting, backend),
    }
    rounds = take_turns(runners, dict.fromkeys(runners, setting.seconds), setting)
    rates = [{name: each[name].rate for name in ("one camera", "together")} for each in rounds]
    due = [each["due"].shares(setting.camera_fps) for each in rounds]
    with_fault = [each["fault"].shares(setting.camera_fps) for each in rounds]
    return {
        "input": list(input_shape(setting)),
        "cameras": count,
        "camera_fps": setting.camera_fps,
        "asked_fps": round(asked, 1),
        "fps": {name: spread([each[name] for each in rates]) for name in rates[0]},
        "together/one camera": ratio(rates, "together", "one camera"),
        "jain": spread([jain(each["together"].counts) for each in rounds]),
        "due": {
            "least of the cameras": spread([min(shares) for shares in due]),
            "mean": spread([statistics.mean(shares) for shares in due]),
        },
        "fault": {
            "least of the others": spread([min(shares[:-1]) for shares in with_fault]),
            "lost": spread([lost(well, ill) for well, ill in zip(due, with_fault)]),
        },
    }


def lost(well: Sequence[float], ill: Sequence[float]) -> float:
    """The largest part of its frames that a camera lost by the fault of the last one, which does not count."""
    return max(max(0.0, 1 - after / before if before else 0.0) for before, after in zip(well[:-1], ill[:-1]))


def _several(setting: Setting, backend: OnnxBackend, count: int, fps: float) -> Callable[[float], Take]:
    card = read_card(setting.model)

    def run(seconds: float) -> Take:
        devices = [Replay(setting.video, fps, f"camera {number}") for number in range(count)]
        return film(devices, backend, card, setting.size, partial(steady, seconds=seconds))

    return run


def _with_a_fault(setting: Setting, backend: OnnxBackend) -> Callable[[float], Take]:
    """The last camera has a fault."""
    card = read_card(setting.model)

    def run(seconds: float) -> Take:
        devices = [Replay(setting.video, setting.camera_fps, f"camera {number}") for number in range(setting.cameras)]
        script = partial(fault, device=devices[-1], seconds=seconds)
        return film(devices, backend, card, setting.size, script)

    return run


def fault(watches: Sequence[Watch], device: Replay, seconds: float) -> Script:
    """A script: the last camera, this device, works, hangs, is dead and works again, for so many seconds each."""
    try:
        begin = yield from settled(watches)
        for state in (WELL, HANGS, DEAD):
            device.state = state
            yield seconds
        device.state, back = WELL, time.monotonic()
        yield from until(lambda: watches[-1].seen[-1].at > back, BACK_LIMIT, f"{device.name} was not back")
        yield seconds
        return Window(begin, time.monotonic())
    finally:
        device.state = WELL  # so that its threads end
