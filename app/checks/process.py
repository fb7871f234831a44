"""Runs programs in processes of their own, within a time limit: their output, or why there is none.

So a broken runtime, such as numpy with its "Illegal instruction" on a Nano, kills another interpreter than this one.
"""

import json
import os
import re
import signal
import subprocess
import sys
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIMIT = 5.0  # seconds for a command
PYTHON_LIMIT = 120.0  # seconds for an import: a large runtime loads slowly from an SD card
LAST_WORDS = 300  # characters of an error to show

# Python 3.6 has no signal.strsignal().
SIGNALS = {
    "SIGILL": "Illegal instruction",
    "SIGSEGV": "Segmentation fault",
    "SIGBUS": "Bus error",
    "SIGABRT": "Aborted",
    "SIGFPE": "Floating point exception",
    "SIGKILL": "Killed, most likely for lack of memory",
}
ENGLISH = {"LC_ALL": "C", "LANGUAGE": "C"}  # since a command's output is parsed
NO_CORE_FILE = "import resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n"


class Failure(Exception):
    """Why there is no output, in one line. signal: the name of the signal that killed the program, if one did."""

    def __init__(self, message: str, killed_by: Optional[str] = None) -> None:
        super().__init__(message)
        self.signal = killed_by


class Missing(Failure):
    """The program is not installed."""


class Output(NamedTuple):
    """A program's exit code and output."""

    code: int
    out: str
    err: str


def run(command: Sequence[str], env: Dict[str, str], limit: float, cwd: Optional[str] = None) -> Output:
    """Run a program to its end. env: added to this process's environment.

    Raises Failure if it takes longer than `limit` seconds, Missing if it is not installed.
    """
    try:
        child = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=dict(os.environ, **env),
            start_new_session=True,
        )
    except FileNotFoundError:
        raise Missing(f"{command[0]} is not installed") from None
    except OSError as error:
        raise Failure(f"{command[0]}: {error.strerror}") from error
    try:
        out, err = child.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        raise Failure(f"{os.path.basename(command[0])} did not finish within {limit:g} s") from None
    finally:
        _end(child)
    return Output(child.returncode, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))


def ask_python(code: str, *arguments: str, **env: str) -> Any:
    """Run Python code; the JSON value that it prints in its last line. Raises Failure if there is none."""
    command = [sys.executable, "-c", NO_CORE_FILE + code] + list(arguments)
    output = run(command, env, PYTHON_LIMIT, PROJECT)
    if output.code < 0:
        name = _signal_name(-output.code)
        raise Failure("Python was killed by {} ({})".format(name, SIGNALS.get(name, "a signal")), name)
    if output.code > 0:
        raise Failure(last_words(output.err) or f"Python ended with code {output.code}")
    lines = _lines(output.out)
    try:
        return json.loads(lines[-1])
    except (IndexError, ValueError):
        raise Failure("Python printed no JSON: {}".format(lines[-1][:LAST_WORDS] if lines else "nothing")) from None


def last_words(text: str) -> str:
    """The last line that a program wrote on standard error, without the class of an error of this project."""
    lines = _lines(text)
    return re.sub(r"^app\.errors\.\w+: ", "", lines[-1])[:LAST_WORDS] if lines else ""


def _lines(text: str) -> List[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _end(child: "subprocess.Popen[bytes]") -> None:
    """Kill a program and its children. Those that hang in a driver cannot be killed."""
    if child.returncode is None:
        try:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait(1)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            pass
    for pipe in (child.stdout, child.stderr):
        if pipe is not None:
            pipe.close()
