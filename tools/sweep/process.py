"""Run a measurement in its own process: its result, its warnings, and its failures as exceptions here."""

import json
import subprocess
import sys
from typing import Set

from tqdm import tqdm

from app.errors import ModelError, OutputError, SourceError, UsageError
from tools.json_file import Json

STOP_LIMIT = 5.0  # seconds that a measurement has to stop
# Exit code of a measurement -> the exception it stands for.
FAILURES = {2: UsageError, 3: SourceError, 4: ModelError, 5: OutputError}

_said: Set[str] = set()  # warnings that are shown already; each measurement repeats them


def measure_apart(spec: Json, words: str) -> Json:
    """The result of `tools.sweep.measure` for `spec`, run in its own process. words: what is measured, for messages.

    Raises the NanoyoloError that it ended with, or KeyboardInterrupt if it was interrupted.
    """
    command = [sys.executable, "-m", "tools.sweep.measure"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        output, errors = process.communicate(json.dumps(spec).encode())
    except BaseException:
        process.terminate()  # where only this process was interrupted
        try:
            process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        raise
    lines = errors.decode(errors="replace").strip().splitlines()
    skipped = tuple(f"warning: {path}: " for path in spec.get("skipped", ()))  # told when the sweep began
    for line in lines:
        if line.startswith("warning: ") and line not in _said and not line.startswith(skipped):
            _said.add(line)
            tqdm.write(line, file=sys.stderr)
    if process.returncode == 130:
        raise KeyboardInterrupt
    if process.returncode in FAILURES and lines:
        said = lines[-1][len("error: ") :] if lines[-1].startswith("error: ") else lines[-1]
        raise FAILURES[process.returncode](f"{said} ({words})")
    if process.returncode < 0:
        raise ModelError(f"a measurement was killed by signal {-process.returncode} ({words})")
    if process.returncode:
        raise ModelError(f"a measurement ended with {process.returncode} ({words}): " + "\n".join(lines))
    try:
        result: Json = json.loads(output.decode().splitlines()[-1])
    except (ValueError, IndexError) as error:
        raise ModelError(f"the output of a measurement is not JSON: {output[-200:]!r} ({words})") from error
    return result
