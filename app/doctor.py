"""Looks whether all is well on this machine, a board or a host: a line for each thing, and the command that mends it.

Imports neither numpy nor OpenCV, and so lives where they are broken: they are asked in processes of their own.
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
from app.checks import FAIL, PASS, SKIP, STATES, WARN, Result, cameras, failed, models, nvidia, software, speed, system
from app.checks.machine import DEFAULT_MODEL, Machine
from app.command import Parser, exit_code, leave
from app.errors import ModelError, OutputError

DESCRIPTION = "Looks whether all is well on this machine, and says what to type where it is not."
EXAMPLES = """examples:
  python -m app.doctor
  python -m app.doctor --cam csi://0 --model yolov3-tiny
  python -m app.doctor --all
  python -m app.doctor --json > doctor.json

It changes nothing. Exit code 4 where something fails; warnings are no failure.
"""
SUMMARY = "{pass} passed, {warn} to look at, {fail} failed, {skip} skipped (--all shows them)"
BACKENDS = ("onnx", "tensorflow", "tensorrt", "opencv", "openvino")  # those of app.backends, which imports numpy
COLOURS = {PASS: "32", WARN: "33", FAIL: "1;31", SKIP: "2"}
KERNEL_LOG = "sudo dmesg | tail -n 20"


class Check(NamedTuple):
    """One thing to look at, and what it is called."""

    name: str
    look: Callable[[Machine], Result]


def checks_for(machine: Machine) -> List[Check]:
    """What is looked at, in this order: what comes first may be why the rest fails."""
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
        look = software.after_numpy(functools.partial(software.backend, name))
        checks.append(Check(f"backend {name}", look))
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
        Check("display", system.display),
    ]


def examine(machine: Machine, checks: Sequence[Check]) -> Iterator[Result]:
    """The result of each check, as it comes. One that raises has failed, and the others go on."""
    for check in checks:
        try:
            result = check.look(machine)
        except Exception as error:  # whatever it is: this command is for machines on which nothing works
            words = " ".join(str(error).split())
            result = failed(f"cannot be looked at: {words or type(error).__name__}", KERNEL_LOG)
        yield result._replace(name=check.name, found=typed(result.found), fix=result.fix and typed(result.fix))


def typed(text: str) -> str:
    """A text with this Python's name in its commands, and without the folder it is read in."""
    return re.sub(r"(?<![\w/])python3? -m\b", f"{_interpreter()} -m", text).replace(os.getcwd() + os.sep, "")


def _interpreter() -> str:
    """What to type for the Python that runs this."""
    for name in ("python3", "python"):
        found = shutil.which(name)
        if found and os.path.abspath(found) == os.path.abspath(sys.executable):
            return name
    return shlex.quote(sys.executable)


def lines_of(result: Result, width: int, colours: bool) -> List[str]:
    """A result for people. width: of the longest name."""
    state = f"{result.state.upper() if result.state == FAIL else result.state:<4}"
    if colours:
        state = f"\033[{COLOURS[result.state]}m{state}\033[0m"
    lines = ["{}  {:<{}}  {}".format(state, result.name, width, result.found)]
    return lines + ["{}{}".format(" " * 8, result.fix)] if result.fix else lines


def wants_colours() -> bool:
    """Whether standard output is a terminal whose user has nothing against colours."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def count(results: Sequence[Result]) -> Dict[str, int]:
    """How many there are of each state."""
    return {state: sum(result.state == state for result in results) for state in STATES}


def as_json(results: Sequence[Result]) -> str:
    """All results and their counts, for programs."""
    fields = [{"name": r.name, "state": r.state, "found": r.found, "fix": r.fix} for r in results]
    return json.dumps({"checks": fields, "summary": count(results)}, indent=2)


def diagnose(args: argparse.Namespace, machine: Machine) -> List[Result]:
    """Look at everything, and print it; what was found."""
    checks = checks_for(machine)
    width = max(len(check.name) for check in checks)
    results = []
    for result in examine(machine, checks):
        results.append(result)
        if not args.json and (args.all or result.state != SKIP):
            tell(lines_of(result, width, wants_colours()))
    if args.json:
        tell([as_json(results)])
    else:
        tell(["", SUMMARY.format(**count(results))])
    return results


def tell(lines: Sequence[str]) -> None:
    """Print lines at once. Raises OutputError where nobody reads them."""
    try:
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        print("\n".join(lines).encode(encoding, "backslashreplace").decode(encoding), flush=True)
    except OSError as error:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # what is left in it must not fail again at the end
        raise OutputError(f"standard output cannot be written to: {error.strerror}") from error


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = Parser(prog="python -m app.doctor", description=DESCRIPTION, epilog=EXAMPLES)
    parser.add_argument(
        "--model", metavar="NAME", default=DEFAULT_MODEL, help="name in weights/, or a file (default: %(default)s)"
    )
    parser.add_argument("--cam", metavar="SOURCE", help="also look for this source, as app.detect takes it")
    parser.add_argument("--all", action="store_true", help="also say what is not needed here")
    parser.add_argument("--json", action="store_true", help="print JSON, with everything, and nothing else")
    parser.add_argument("--version", action="version", version="nanoyolo " + __version__)
    return parser


def main(argv: Optional[Sequence[str]] = None, root: str = "/") -> int:
    """Run the command on the machine under `root`; its exit code."""
    results: List[Result] = []

    def work() -> None:
        args = make_parser().parse_args(argv)
        results.extend(diagnose(args, Machine(root, args.model, args.cam)))

    code = exit_code(work)
    return code or (ModelError.exit_code if count(results)[FAIL] else 0)


if __name__ == "__main__":
    leave(main())
