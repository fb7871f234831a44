"""A measurement's process, seen from outside: what it says, its warnings, and its failures as exceptions of here."""

import json
import subprocess
import sys
from typing import Any, Dict, Set

from tqdm import tqdm

from app.errors import ModelError, OutputError, SourceError, UsageError

Json = Dict[str, Any]

STOP_LIMIT = 5.0  # seconds that a measurement has to end
# Exit code of a measurement -> what it stands for here.
FAILURES = {2: UsageError, 3: SourceError, 4: ModelError, 5: OutputError}

_said: Set[str] = set()  # warnings of measurements, which all of them give


def measure_apart(spec: Json, words: str) -> Json:
    """What `tools.sweep.measure` says of `spec`, in a process of its own. words: what is measured, for people.

    Raises the NanoyoloError that it ended with, and KeyboardInterrupt where it was interrupted.
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
    for line in lines:
        if line.startswith("warning: ") and line not in _said:
            _said.add(line)
            tqdm.write(line, file=sys.stderr)
    if process.returncode == 130:
        raise KeyboardInterrupt
    if process.returncode in FAILURES and lines:
        said = lines[-1][len("error: ") :] if lines[-1].startswith("error: ") else lines[-1]
        raise FAILURES[process.returncode]("{} ({})".format(said, words))
    if process.returncode < 0:
        raise ModelError("a measurement was killed by signal {} ({})".format(-process.returncode, words))
    if process.returncode:
        raise ModelError("a measurement ended with {} ({}): {}".format(process.returncode, words, "\n".join(lines)))
    try:
        result: Json = json.loads(output.decode().splitlines()[-1])
    except (ValueError, IndexError) as error:
        raise ModelError("a measurement said nothing that can be read: {!r}".format(output[-200:])) from error
    return result
