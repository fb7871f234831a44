"""Measures speed. With `--cam`, the loop against the two things it should be measured against, on the same video:

  bare    the ONNX Runtime session alone, fed one tensor again and again: what no loop can beat
  naive   a plain sequential loop of OpenCV and ONNX Runtime: what one would write first

and the loop once more with a recording. All decode, infer at the same input shape and with as many threads. With
`--cam` and
  --overlap  the loop with overlay and recording, on a fake network that waits and uses no CPU, as a GPU's would be
  --pacing   a rate set by a delay after each frame, beside one kept by deadlines

With `--backends`, the network alone, square, in every backend that is installed here, and in Keras's predict().

Rivals take turns within each round, so that a machine whose speed drifts favours none; figures are medians over the
rounds, ratios are taken within a round.
"""

import argparse
import json
import os
import platform
import statistics
import sys
from typing import Any, Callable, Dict, List, Optional, Sequence

import cv2
from tqdm import tqdm

from app.backends import physical_cores
from app.backends.fake import FakeBackend
from app.backends.onnx import OnnxBackend
from app.command import Parser, exit_code, number
from app.detector import nearest_sizes
from app.errors import ModelError, SourceError, UsageError
from app.files import check_writable, write_file
from app.letterbox import Letterbox, preprocess
from app.modelcard import find_model, read_card
from app.sources import open_source
from tools.delay import predicted_fps
from tools.rivals import Bare, KerasPredict, Loop, Naive, Network

WAITS = (0.025, 0.010)  # seconds that the fake network of `--overlap` takes
RATES = (24.0, 40.0)  # frames per second of `--pacing`: those of the report that this project began with
# What `--backends` runs: backends, and backends in a precision.
NETWORKS = ("onnx", "openvino", "openvino:bf16", "tensorflow", "opencv", "tensorrt", "keras")

EXAMPLES = """examples:
  python -m tools.bench --cam street.mp4
  python -m tools.bench --cam street.mp4 --sizes 160 --rounds 9 --report bench.json
  python -m tools.bench --cam street.mp4 --overlap
  python -m tools.bench --backends
  python -m tools.bench --backends onnx openvino:bf16 --sizes 416
"""

Json = Dict[str, Any]
Runner = Callable[[int], float]


def bench(args: argparse.Namespace) -> Json:
    """Do what the command line says; the figures."""
    if (args.cam is None) == (args.backends is None):
        raise UsageError("say what to measure: either --cam FILE or --backends; see --help")
    if args.cam is None and (args.overlap or args.pacing):
        raise UsageError("--overlap and --pacing need a video: --cam FILE")
    if args.backends is not None and args.threads:
        raise UsageError("--threads is for --cam: each backend has its own")
    model = find_model(args.model)
    threads = args.threads or physical_cores()
    result: Json = {"source": args.cam, "threads": threads, "machine": machine(), "sizes": {}}
    card = read_card(model)  # a model that does not match its card is not run
    for size in args.sizes:
        if size <= 0 or size % card.multiple:
            raise UsageError(f"--sizes: {size} is not {nearest_sizes(size, card.multiple)}")
    shape = None if args.cam is None else _frame_size(args.cam)
    for size in args.sizes:
        if shape is None:
            figures = compare_networks(args, model, size)
            print(network_lines(size, figures), flush=True)
        elif args.overlap:
            figures = compare_overlap(args, model, size, shape)
            print(overlap_line(size, figures), flush=True)
        elif args.pacing:
            figures = compare_pacing(args, model, size, threads)
            print(pacing_lines(size, figures), flush=True)
        else:
            figures = compare_loops(args, model, size, shape, threads)
            print(line(size, figures), flush=True)
        result["sizes"][size] = figures
    return result


def _frame_size(uri: str) -> Sequence[int]:
    """Height and width of a video's frames."""
    with open_source(uri) as source:
        first = next((frame for frame in source if frame is not None), None)
        if first is None or source.fps is None or len(source.files) != 1:
            raise SourceError(f"{uri}: should be a video file")
    height, width = first.image.shape[:2]
    return height, width


def compare_loops(args: argparse.Namespace, model: str, size: int, shape: Sequence[int], threads: int) -> Json:
    """The loop, the bare session and the naive loop at one size, on frames of `shape` (height, width)."""
    letterbox = Letterbox.fit(shape[1], shape[0], size)
    card = read_card(model)
    backend = OnnxBackend(model, "cpu", threads=threads)
    loop = Loop(backend, card, args.cam, size)
    runners: Dict[str, Runner] = {
        "bare": Bare(model, (letterbox.height, letterbox.width), threads),
        "naive": Naive(model, card, args.cam, size, threads),
        "loop": loop,
        "recording": Loop(backend, card, args.cam, size, save=True),
    }
    frames = max(30, int(args.seconds * runners["bare"](30)))
    rounds = take_turns(runners, dict.fromkeys(runners, frames), args.rounds, size)
    return {
        "input": [letterbox.height, letterbox.width],
        "frames": frames,
        "fps": {name: _spread([rates[name] for rates in rounds]) for name in runners},
        "loop/bare": _spread([rates["loop"] / rates["bare"] for rates in rounds]),
        "loop/naive": _spread([rates["loop"] / rates["naive"] for rates in rounds]),
        "recording/bare": _spread([rates["recording"] / rates["bare"] for rates in rounds]),
        "stages_ms": {stage: round(statistics.median(times), 3) for stage, times in loop.stages_ms.items()},
    }


def compare_overlap(args: argparse.Namespace, model: str, size: int, shape: Sequence[int]) -> Json:
    """What the loop reaches of the rate of a network that only waits, and gives what the real one gives for a frame."""
    card = read_card(model)
    letterbox = Letterbox.fit(shape[1], shape[0], size)
    with open_source(args.cam) as source:
        image = next(frame.image for frame in source if frame is not None)
    heads = [head.copy() for head in OnnxBackend(model, "cpu").infer(preprocess(image, letterbox, card.scale))]
    runners: Dict[str, Runner] = {
        f"{1000 * wait:g} ms": Loop(FakeBackend(heads, seconds=wait), card, args.cam, size, save=True) for wait in WAITS
    }
    frames = {name: max(30, int(args.seconds / wait)) for name, wait in zip(runners, WAITS)}
    rounds = take_turns(runners, frames, args.rounds, size)
    shares = {name: [rates[name] * wait for rates in rounds] for name, wait in zip(runners, WAITS)}
    return {"input": [letterbox.height, letterbox.width], "share": {name: _spread(shares[name]) for name in shares}}


def compare_pacing(args: argparse.Namespace, model: str, size: int, threads: int) -> Json:
    """Real rates of a delay and of deadlines, at the configured rates, and what the delay's formula says."""
    card = read_card(model)
    backend = OnnxBackend(model, "cpu", threads=threads)
    delays = {fps: Loop(backend, card, args.cam, size, fps=fps, delay=True) for fps in RATES}
    runners: Dict[str, Runner] = {f"delay {fps:g}": delays[fps] for fps in RATES}
    runners.update({f"deadline {fps:g}": Loop(backend, card, args.cam, size, fps=fps) for fps in RATES})
    frames = {name: max(10, int(args.seconds * float(name.split()[1]))) for name in runners}
    rounds = take_turns(runners, frames, args.rounds, size)
    result: Json = {}
    for fps, delay in delays.items():
        result[f"{fps:g}"] = {
            "work_ms": round(1000 * delay.work(), 2),
            "formula": round(predicted_fps(fps, delay.work()), 2),
            **{way: _spread([rates[f"{way} {fps:g}"] for rates in rounds]) for way in ("delay", "deadline")},
        }
    return result


def compare_networks(args: argparse.Namespace, model: str, size: int) -> Json:
    """The network alone in each backend that runs here, at size x size."""
    runners: Dict[str, Any] = {}
    descriptions: Dict[str, str] = {}
    absent: Dict[str, str] = {}
    for name in args.backends or NETWORKS:
        try:
            if name == "keras":
                rival: Any = KerasPredict(os.path.splitext(model)[0] + ".weights", (size, size))
            else:
                rival = Network(model, name, (size, size))
        except ModelError as error:
            absent[name] = str(error)
            if args.backends:  # asked for by name
                raise
            continue
        runners[name], descriptions[name] = rival, rival.description
    if not runners:
        raise ModelError("no backend runs here; see: python -m app.detect --list-backends")
    try:
        frames = {name: max(10, int(args.seconds * runner(10))) for name, runner in runners.items()}
        rounds = take_turns(runners, frames, args.rounds, size)
    finally:
        for runner in runners.values():
            runner.close()
    ratios = {
        f"{name}/{base}": _spread([rates[name] / rates[base] for rates in rounds])
        for base in ("onnx", "keras")
        for name in runners
        if base in runners and name != base
    }
    fps = {name: _spread([rates[name] for rates in rounds]) for name in runners}
    return {"input": [size, size], "what": descriptions, "absent": absent, "fps": fps, **ratios}


def take_turns(runners: Dict[str, Runner], frames: Dict[str, int], rounds: int, size: int) -> List[Dict[str, float]]:
    """Frames per second of each runner in each round. Each round starts with another one."""
    results = []
    for turn in tqdm(range(rounds), desc=f"size {size}", unit=" rounds", leave=False):
        order = list(runners)
        order = order[turn % len(order) :] + order[: turn % len(order)]
        results.append({name: runners[name](frames[name]) for name in order})
    return results


def overlap_line(size: int, figures: Json) -> str:
    """What was reached at one size, for people."""
    shares = [
        f"{name}: {share['median']:.3f} ({share['least']:.3f} to {share['most']:.3f})"
        for name, share in figures["share"].items()
    ]
    return f"size {size}: share of the network's own rate, with overlay and recording: {', '.join(shares)}"


def pacing_lines(size: int, figures: Json) -> str:
    """The rates at one size, for people: a line for each configured one."""
    return "\n".join(
        f"size {size}, {fps} FPS configured, {row['work_ms']} ms of work: by a delay {row['delay']['median']:.2f} "
        f"(formula: {row['formula']:.2f}), by deadlines {row['deadline']['median']:.2f}"
        for fps, row in figures.items()
    )


def network_lines(size: int, figures: Json) -> str:
    """The figures of the networks at one size, for people: a line for each."""
    lines = [f"size {size}"]
    for name, fps in figures["fps"].items():
        ratios = [
            f"{figures[key]['median']:.2f} x {key.split('/')[1]}" for key in figures if key.startswith(name + "/")
        ]
        rate = f"{fps['median']:7.1f} FPS ({fps['least']:.1f} to {fps['most']:.1f})"
        lines.append(f"  {name:<14}{rate:<36}{', '.join(ratios):<30}{figures['what'][name]}")
    return "\n".join(lines + [f"  {name:<14}- {reason}" for name, reason in figures["absent"].items()])


def line(size: int, figures: Json) -> str:
    """The figures of one size, for people."""
    fps = figures["fps"]
    ratios = [f"{name} {figures[name]['median']:.3f}" for name in ("loop/bare", "loop/naive", "recording/bare")]
    rates = [f"{name} {fps[name]['median']:.1f} ({fps[name]['least']:.1f} to {fps[name]['most']:.1f})" for name in fps]
    stages = [f"{stage} {ms:.2f}" for stage, ms in figures["stages_ms"].items() if ms >= 0.005]
    return f"size {size}: {', '.join(ratios)}; FPS: {', '.join(rates)}; loop, ms: {', '.join(stages)}"


def machine() -> Json:
    """What the figures were measured on."""
    import onnxruntime

    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as file:
            name = next((row.split(":")[1].strip() for row in file if row.startswith("model name")), name)
    except OSError:
        pass
    versions = {"python": platform.python_version(), "opencv": cv2.__version__, "onnxruntime": onnxruntime.__version__}
    return {"processor": name, "cores": physical_cores(), **versions}


def _spread(values: Sequence[float]) -> Json:
    return {
        "median": round(statistics.median(values), 4),
        "least": round(min(values), 4),
        "most": round(max(values), 4),
    }


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    parser = Parser(prog="python -m tools.bench", description=__doc__, epilog=EXAMPLES)
    positive = number(int, 1, 1000, "a number")
    seconds = number(float, 0.01, 600, "a time")
    sizes = [160, 320, 416]
    parser.add_argument("--cam", metavar="FILE", help="measure the loop on this video")
    parser.add_argument(
        "--backends", nargs="*", choices=NETWORKS, metavar="NAME", help="measure the networks (default: all there are)"
    )
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--overlap", action="store_true", help="with --cam: what the loop costs beside a busy GPU")
    way.add_argument("--pacing", action="store_true", help="with --cam: a configured rate by delay and by deadline")
    parser.add_argument("--model", default="yolov3-tiny", metavar="NAME", help="(default: %(default)s)")
    parser.add_argument("--sizes", type=int, nargs="+", default=sizes, metavar="N", help="(default: 160 320 416)")
    parser.add_argument("--rounds", type=positive, default=7, help="(default: %(default)s)")
    parser.add_argument("--seconds", type=seconds, default=3, help="length of one turn (default: %(default)s)")
    parser.add_argument("--threads", type=positive, help="threads of the session (default: one per physical core)")
    parser.add_argument("--report", metavar="FILE", help="write the figures as JSON")

    def work() -> None:
        args = parser.parse_args(argv)
        if args.report is not None:
            check_writable(args.report)
        result = bench(args)
        if args.report is not None:
            write_file(args.report, (json.dumps(result, indent=2) + "\n").encode())

    return exit_code(work)


if __name__ == "__main__":
    sys.exit(main())
