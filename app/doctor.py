"""Checks this machine, a board or a host: one line per check, and the command that fixes each problem.

Imports neither numpy nor OpenCV, so it also runs where they are broken: they are checked in processes of their own.
"""

import argparse
import functools
import json
import os
import re
import shlex
import shutil
import sys
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence

from app import __version__
from app.checks import (
    FAIL,
    PASS,
    SKIP,
    STATES,
    WARN,
    Result,
    cameras,
    failed,
    live,
    models,
    nvidia,
    software,
    speed,
    system,
)
from app.checks.machine import DEFAULT_MODEL, Machine
from app.command import Parser, exit_code, leave, print_lines
from app.errors import ModelError
from app.web.arguments import place_text

DESCRIPTION = "Check this machine, and print the command that fixes each problem."
EXAMPLES = """examples:
  python -m app.doctor
  python -m app.doctor --cam csi://0 --model yolov3-tiny
  python -m app.doctor --all
  python -m app.doctor --json > doctor.json

It changes nothing. The exit code is 4 if a check fails; warnings do not count.
"""
BACKENDS = ("onnx", "tensorflow", "tensorrt", "opencv", "openvino")  # as in app.backends, which imports numpy
COLOURS = {PASS: "32", WARN: "33", FAIL: "1;31", SKIP: "2"}
KERNEL_LOG = "sudo dmesg | tail -n 20"


class Check(NamedTuple):
    """A check, and its name."""

    name: str
    run: Callable[[Machine], Result]


def checks_for(machine: Machine) -> List[Check]:
    """The checks, in their order: the first ones may explain why later ones fail."""
    checks = [
        Check("python", software.python),
        Check("numpy", software.numpy),
        Check("OPENBLAS_CORETYPE", software.openblas),
        Check("opencv", software.opencv),
        Check("jetpack", nvidia.jetpack),
        Check("cuda", nvidia.cuda),
        Check("tensorrt", nvidia.tensorrt),
        Check("pycuda", nvidia.pycuda),
    ]
    for name in BACKENDS:
        checks.append(Check(f"backend {name}", software.after_numpy(functools.partial(software.backend, name))))
    checks += [
        Check("model", models.model),
        Check("engine", models.engine),
        Check("backend auto", software.auto),
        Check("cameras", cameras.connected),
    ]
    for number in machine.cameras():
        checks.append(Check(f"/dev/video{number}", functools.partial(cameras.camera, number)))
    checks.append(Check("csi", cameras.csi))
    if machine.cam is not None:
        checks.append(Check("source", cameras.source))
    return checks + [
        Check("power mode", speed.power_mode),
        Check("cpu clock", speed.cpu_clock),
        Check("gpu clock", speed.gpu_clock),
        Check("temperature", speed.temperature),
        Check("throttling", speed.throttling),
        Check("load", speed.load),
        Check("memory", system.memory),
        Check("swap", system.swap),
        Check("disk", system.disk),
        Check("clock", system.clock),
        Check("service", system.service),
        Check("live view", live.live_view),
        Check("display", system.display),
    ]


def examine(machine: Machine, checks: Sequence[Check]) -> Iterator[Result]:
    """The result of each check, one by one. A check that raises has failed, and the next ones still run."""
    for check in checks:
        try:
            result = check.run(machine)
        except Exception as error:  # of any kind: this command is for machines on which nothing works
            words = " ".join(str(error).split())
            result = failed(f"cannot be checked: {words or type(error).__name__}", KERNEL_LOG)
        yield result._replace(name=check.name, message=typed(result.message), fix=result.fix and typed(result.fix))


def typed(text: str) -> str:
    """A text whose commands name this Python, and whose paths are relative to the current folder."""
    return re.sub(r"(?<![\w/])python3? -m\b", f"{_interpreter()} -m", text).replace(os.getcwd() + os.sep, "")


def _interpreter() -> str:
    """The command that starts this Python."""
    for name in ("python3", "python"):
        found = shutil.which(name)
        if found and os.path.abspath(found) == os.path.abspath(sys.executable):
            return name
    return shlex.quote(sys.executable)


def lines_of(result: Result, width: int, colours: bool) -> List[str]:
    """A result as lines to print. width: of the longest name."""
    state = f"{result.state.upper() if result.state == FAIL else result.state:<4}"
    if colours:
        state = f"\033[{COLOURS[result.state]}m{state}\033[0m"
    lines = ["{}  {:<{}}  {}".format(state, result.name, width, result.message)]
    return lines + ["{}{}".format(" " * 8, result.fix)] if result.fix else lines


def wants_colours() -> bool:
    """Whether standard output is a terminal, and its user does not reject colours."""
    terminal = sys.stdout is not None and sys.stdout.isatty()
    return terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def count(results: Sequence[Result]) -> Dict[str, int]:
    """The number of results of each state."""
    return {state: sum(result.state == state for result in results) for state in STATES}


def summary(results: Sequence[Result]) -> str:
    """The numbers of results in one line: `30 passed, 2 warnings, 1 failed, 5 skipped (--all shows them)`."""
    counts = count(results)
    warnings = f"{counts[WARN]} warning{'' if counts[WARN] == 1 else 's'}"
    hint = " (--all shows them)" if counts[SKIP] else ""
    return f"{counts[PASS]} passed, {warnings}, {counts[FAIL]} failed, {counts[SKIP]} skipped{hint}"


def as_json(results: Sequence[Result]) -> str:
    """All results and their counts, as JSON."""
    fields = [{"name": r.name, "state": r.state, "found": r.message, "fix": r.fix} for r in results]
    return json.dumps({"checks": fields, "summary": count(results)}, indent=2)


def diagnose(args: argparse.Namespace, machine: Machine) -> List[Result]:
    """Run all checks and print their results; the results."""
    checks = checks_for(machine)
    width = max(len(check.name) for check in checks)
    results = []
    for result in examine(machine, checks):
        results.append(result)
        if not args.json and (args.all or result.state != SKIP):
            print_lines(lines_of(result, width, wants_colours()))
    if args.json:
        print_lines([as_json(results)])
    else:
        print_lines(["", summary(results)])
    return results


def make_parser() -> argparse.ArgumentParser:
    """The command line of `python -m app.doctor`."""
    parser = Parser(prog="python -m app.doctor", description=DESCRIPTION, epilog=EXAMPLES)
    parser.add_argument(
        "--model", metavar="NAME", default=DEFAULT_MODEL, help="name in weights/, or ONNX file (default: %(default)s)"
    )
    parser.add_argument("--cam", metavar="SOURCE", help="also check this source, as app.detect takes it")
    parser.add_argument(
        "--serve",
        type=place_text,
        nargs="?",
        const="",
        metavar="[HOST:]PORT",
        help="also check this place of the live view, as app.detect takes it (default: the service's)",
    )
    parser.add_argument("--all", action="store_true", help="also print the checks that were skipped")
    parser.add_argument("--json", action="store_true", help="print all results as JSON")
    parser.add_argument("--version", action="version", version="nanoyolo " + __version__)
    return parser


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    results: List[Result] = []

    def work() -> None:
        args = make_parser().parse_args(argv)
        results.extend(diagnose(args, Machine("/", args.model, args.cam, args.serve)))

    code = exit_code(work)
    return code or (ModelError.exit_code if count(results)[FAIL] else 0)


if __name__ == "__main__":
    leave(main())
