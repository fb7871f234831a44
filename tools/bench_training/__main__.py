"""Measure how fast this machine trains: images per second of whole training steps (forward, backward, update).

Each configuration has a process of its own, since backend and oneDNN are chosen at the import. They take turns within
each round; figures are medians over the rounds, ratios are taken within a round. A step is that of tools.train with its
default options, on a batch that is in memory already. `of the peak` is the share of this machine's fastest product of
two matrices in the same number format, in float32 by numpy; a step's FLOPs are taken as 6 per multiply-accumulate of
convolutions and dense layers.
"""

import argparse
import contextlib
import sys
from typing import Optional, Sequence

from tqdm import tqdm

from app.board import Board
from app.command import Parser, exit_code, number, print_lines
from app.errors import ModelError, NanoyoloError, say, warn
from tools.bench.results import machine_line
from tools.bench_training.configurations import (
    BACKENDS,
    STEPS_PER_EXECUTION,
    USUAL,
    VARIED,
    Configuration,
    environment,
    installed,
    limits,
    plan,
)
from tools.bench_training.process import Process
from tools.bench_training.results import goal_lines, step_table
from tools.json_file import Json
from tools.machine import BFLOAT16_FLAGS, cpu_flags, machine
from tools.train.networks import NETWORKS

EXAMPLES = """examples:
  python -m tools.bench_training
  python -m tools.bench_training nano_resnet_s --backends tensorflow --rounds 7
  python -m tools.bench_training nano_resnet_s --vary onednn --isa avx2       as on a CPU without AVX-512
"""
MODELS = ("nano_resnet_s", "nano_cifar")
SHOWN_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "asimd", "bf16")


def bench(args: argparse.Namespace) -> None:
    """Measure, and print the results network by network."""
    avx2 = args.isa == "avx2"
    flags = cpu_flags()
    bfloat16 = bool(flags & BFLOAT16_FLAGS) and not avx2
    backends, skipped = installed(args.backends)
    notes = [*skipped, *limits(backends, args.vary, bfloat16)]
    print_lines([machine_line(machine()), flags_line(flags, avx2), *notes])
    configurations = plan(backends, args.vary, args.combine, bfloat16)
    for complaint in Board().complaints():
        warn(complaint)
    for model in args.models:
        print_lines(measure(args, model, configurations, avx2))


def flags_line(flags: set[str], avx2: bool) -> str:
    """What the processor can, as far as it matters for these figures."""
    shown = ", ".join(f"{flag} {'yes' if flag in flags else 'no'}" for flag in SHOWN_FLAGS)
    return f"instructions: {shown}" + ("; AVX2 simulated: oneDNN, ATen, MKL and BLAS use no AVX-512" if avx2 else "")


def measure(args: argparse.Namespace, model: str, configurations: Sequence[Configuration], avx2: bool) -> list[str]:
    """The lines about one network. Raises ModelError if no configuration runs."""
    spec = {"model": model, "batch": args.batch, "size": args.size}
    with contextlib.ExitStack() as stack:
        steps: dict[Configuration, Process] = {}
        for one in configurations:
            own = Process(one.label, "tools.bench_training.step", one.environment(avx2), {**spec, **one._asdict()})
            steps[one] = stack.enter_context(own)
        peaks: dict[str, Process] = {}
        for precision, library in peak_libraries(configurations).items():
            own = Process(
                f"peak in {precision}, {library}",
                "tools.bench_training.peak",
                environment("torch" if library == "torch" else "tensorflow", avx2=avx2),
                {"library": library, "precision": precision},
            )
            peaks[precision] = stack.enter_context(own)
        facts: Json = {}
        for one, process in list(steps.items()):
            facts = answer_of(process, steps, one) or facts
        for precision, process in list(peaks.items()):
            answer_of(process, peaks, precision)
        counts: dict[Configuration, int] = {}
        rounds: list[dict[Configuration, float]] = []
        found: dict[str, float] = {}
        for turn in tqdm(range(args.rounds + 1), desc=model, unit=" rounds", leave=False, disable=None):
            rounds.append({})
            for one, process in list(steps.items()):
                count = counts.get(one, STEPS_PER_EXECUTION)
                taken = answer_of(process, steps, one, {"steps": count})
                if taken:
                    rounds[-1][one] = taken["seconds"] / count
                    counts[one] = steps_of(args.seconds, rounds[-1][one])
            for precision, process in list(peaks.items()):
                taken = answer_of(process, peaks, precision, {})
                if taken and turn:
                    found[precision] = max(found.get(precision, 0.0), taken["gflops"])
    del rounds[0]  # the warm-up
    if not rounds[-1]:
        raise ModelError(f"{model}: no configuration runs here")
    libraries = peak_libraries(configurations)
    peak_words = [f"{peak:.0f} GFLOP/s in {name} ({libraries[name]})" for name, peak in found.items()]
    title = f"{model}: {facts['parameters']:,} parameters, {facts['macs'] / 1e6:.1f} M MACs, batches of {args.batch}"
    lines = ["", title, step_table(rounds, args.batch, facts["macs"], found).as_text()]
    return [*lines, "peak: " + ", ".join(peak_words), *goal_lines(rounds)]


def peak_libraries(configurations: Sequence[Configuration]) -> dict[str, str]:
    """What measures the peak in each precision: numpy has no bfloat16."""
    libraries = {"float32": "numpy"}
    there = [one.backend for one in configurations if one.precision == "bfloat16" and one.backend != "jax"]
    if there:
        libraries["bfloat16"] = "torch" if "torch" in there else there[0]
    return libraries


def answer_of(process: Process, among: dict, name: object, question: Optional[Json] = None) -> Optional[Json]:
    """The answer of a process; without one, says why, ends it, and takes it out of those that are measured."""
    try:
        return process.answer() if question is None else process.ask(question)
    except NanoyoloError as error:
        say(f"not measured: {error}")
        del among[name]
        process.close()
        return None


def steps_of(seconds: float, step: float) -> int:
    """Steps of a turn that lasts about `seconds`, in whole executions."""
    return STEPS_PER_EXECUTION * max(1, round(seconds / step / STEPS_PER_EXECUTION))


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    parser = Parser(prog="python -m tools.bench_training", description=__doc__, epilog=EXAMPLES)
    add = parser.add_argument
    networks = ", ".join(NETWORKS)
    add("models", nargs="*", metavar="MODEL", help=f"networks: {networks} (default: {' '.join(MODELS)})")
    add("--backends", nargs="+", choices=BACKENDS, default=list(BACKENDS), help="(default: those that are installed)")
    add("--batch", type=number(int, 1, 8192, "a batch"), default=64, metavar="N", help="images per step (default: 64)")
    add("--size", type=number(int, 8, 1024, "pixels"), metavar="N", help="stretch images to N x N (default: no)")
    add("--rounds", type=number(int, 1, 99, "rounds"), default=3, metavar="N", help="turns of each (default: 3)")
    seconds_help = "least length of a turn, of at least 4 steps (default: 1)"
    add("--seconds", type=number(float, 0, 60, "seconds"), default=1.0, metavar="N", help=seconds_help)
    vary_help = "what to try both ways, one at a time; jit takes minutes (default: all but jit)"
    add("--vary", nargs="+", choices=VARIED, default=list(USUAL), help=vary_help)
    add("--combine", action="store_true", help="measure every combination of what varies")
    add("--isa", choices=("all", "avx2"), default="all", help="avx2: simulate a CPU without AVX-512 (default: all)")

    def work() -> None:
        args = parser.parse_args(argv)
        unknown = [name for name in args.models if name not in NETWORKS]
        if unknown:
            parser.error(f"argument MODEL: no network {unknown[0]}; choose from {networks}")
        args.models = args.models or MODELS
        bench(args)

    return exit_code(work)


if __name__ == "__main__":
    sys.exit(main())
