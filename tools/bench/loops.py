"""The project's loop on a video, beside what it should be measured against."""

from functools import partial
from typing import Dict, List, Tuple

from app.backends.fake import FakeBackend
from app.backends.onnx import OnnxBackend
from app.letterbox import Letterbox, preprocess
from app.modelcard import read_card
from app.sources import open_source
from tools.bench.bare import Bare, SideBySide
from tools.bench.naive import Naive
from tools.bench.networks import BACKENDS, PROBE, about, open_networks
from tools.bench.rivals import Loop, Network
from tools.bench.turns import FEWEST, Runner, Setting, rates, ratio, spread, take_turns
from tools.delay import predicted_fps
from tools.json_file import Json

WAITS = (0.025, 0.010)  # seconds that the fake network of `compare_overlap` takes
RATES = (24.0, 40.0)  # frames per second of `compare_pacing`: the original report's


def open_model(setting: Setting, workers: int) -> OnnxBackend:
    """The model on the CPU: one worker has the setting's threads for each inference, several have one each."""
    return OnnxBackend(setting.model, "cpu", threads=setting.threads if workers == 1 else 1, workers=workers)


def worker_name(count: int) -> str:
    """1 worker, 2 workers, ..."""
    return f"{count} worker" if count == 1 else f"{count} workers"


def input_shape(setting: Setting) -> Tuple[int, int]:
    """Height and width of the network's input for the video's frames."""
    height, width = setting.frame
    letterbox = Letterbox.of_card(read_card(setting.model), width, height, setting.size)
    return letterbox.height, letterbox.width


def compare_loops(setting: Setting) -> Json:
    """The loop with each number of workers, all on ONNX Runtime on the CPU, beside the bare session and the naive loop.

    And the loop with a recording, with the most workers.
    """
    card = read_card(setting.model)
    networks = {
        f"loop, {worker_name(count)}": Network(partial(open_model, setting, count), input_shape(setting))
        for count in setting.workers
    }
    loops = {name: Loop(network.backend, card, setting.video, setting.size) for name, network in networks.items()}
    most = networks[f"loop, {worker_name(max(setting.workers))}"].backend
    runners: Dict[str, Runner] = {
        **_references(setting),
        "side by side": SideBySide(setting.model, input_shape(setting), setting.threads),
        **loops,
        "recording": Loop(most, card, setting.video, setting.size, save=True),
    }
    frames = max(FEWEST, int(setting.seconds * runners["bare"](FEWEST)))
    rounds = take_turns(runners, dict.fromkeys(runners, frames), setting)
    first, *others = loops
    pairs = [(name, base) for name in loops for base in ("bare", "side by side", "naive")]
    pairs += [*((name, first) for name in others), ("recording", "bare")]
    return {
        "input": list(input_shape(setting)),
        "frames": frames,
        "warm_up_ms": {name: network.warm_up_ms for name, network in networks.items()},
        "fps": rates(rounds),
        **{f"{name}/{base}": ratio(rounds, name, base) for name, base in pairs},
        "stages_ms": {name: _stages(loop) for name, loop in loops.items()},
    }


def compare_backends(setting: Setting) -> Json:
    """The loop on each backend, and each backend alone, beside bare session and naive loop of ONNX Runtime."""
    card = read_card(setting.model)
    shape = input_shape(setting)
    networks, absent = open_networks(setting, shape, BACKENDS)
    try:
        loops = {
            name: Loop(network.backend, card, setting.video, setting.size, threads=network.opencv_threads)
            for name, network in networks.items()
        }
        alone: Dict[str, Runner] = {f"{name} alone": network for name, network in networks.items()}
        runners: Dict[str, Runner] = {**_references(setting), **loops, **alone}
        probes = {name: runners[name](PROBE) for name in ("bare", *alone)}
        probes.update(naive=probes["bare"], **{name: probes[f"{name} alone"] for name in networks})
        frames = {name: max(FEWEST, int(setting.seconds * probes[name])) for name in runners}
        rounds = take_turns(runners, frames, setting)
    finally:
        for network in networks.values():
            network.close()
    return {
        "input": list(shape),
        "frames": frames,
        **about(networks, absent),
        "fps": rates(rounds),
        **{f"{name}/{base}": ratio(rounds, name, base) for name in loops for base in ("naive", "bare")},
        **{f"{name}/{name} alone": ratio(rounds, name, f"{name} alone") for name in loops},
        "stages_ms": {name: _stages(loop) for name, loop in loops.items()},
    }


def compare_overlap(setting: Setting) -> Json:
    """The loop's share of the rate of a network that only waits, then returns the real one's outputs for a frame."""
    card = read_card(setting.model)
    height, width = setting.frame
    letterbox = Letterbox.of_card(card, width, height, setting.size)
    with open_source(setting.video) as source:
        image = next(frame.image for frame in source if frame is not None)
    backend = OnnxBackend(setting.model, "cpu")
    heads = [head.copy() for head in backend.infer(preprocess(image, letterbox, card.scale))]
    runners: Dict[str, Runner] = {
        f"{1000 * wait:g} ms": Loop(FakeBackend(heads, seconds=wait), card, setting.video, setting.size, save=True)
        for wait in WAITS
    }
    frames = {name: max(FEWEST, int(setting.seconds / wait)) for name, wait in zip(runners, WAITS)}
    rounds = take_turns(runners, frames, setting)
    shares: Dict[str, List[float]] = {
        name: [each[name] * wait for each in rounds] for name, wait in zip(runners, WAITS)
    }
    return {"input": list(input_shape(setting)), "share": {name: spread(shares[name]) for name in shares}}


def compare_pacing(setting: Setting) -> Json:
    """Real rates of a delay and of deadlines, at the configured rates, and what the delay's formula says."""
    card = read_card(setting.model)
    backend = OnnxBackend(setting.model, "cpu", threads=setting.threads)
    video, size = setting.video, setting.size
    delays = {fps: Loop(backend, card, video, size, fps=fps, delay=True) for fps in RATES}
    runners: Dict[str, Runner] = {f"delay {fps:g}": delays[fps] for fps in RATES}
    runners.update({f"deadline {fps:g}": Loop(backend, card, video, size, fps=fps) for fps in RATES})
    frames = {name: max(10, int(setting.seconds * float(name.split()[1]))) for name in runners}
    found = rates(take_turns(runners, frames, setting))
    return {
        f"{fps:g}": {
            "work_ms": round(1000 * delay.work(), 2),
            "formula": round(predicted_fps(fps, delay.work()), 2),
            **{way: found[f"{way} {fps:g}"] for way in ("delay", "deadline")},
        }
        for fps, delay in delays.items()
    }


def _references(setting: Setting) -> Dict[str, Runner]:
    """ONNX Runtime's session alone, and in the naive loop."""
    card = read_card(setting.model)
    return {
        "bare": Bare(setting.model, input_shape(setting), setting.threads),
        "naive": Naive(setting.model, card, setting.video, setting.size, setting.threads),
    }


def _stages(loop: Loop) -> Json:
    """The spread of each stage's mean time per frame, in ms, over the turns that a loop has had."""
    return {stage: spread(times) for stage, times in loop.stages_ms.items()}
