"""Damaged configurations: every one is converted or refused in one line, in little memory."""

import os
import resource
import subprocess
import sys

import numpy as np
import pytest
from support.darknet_files import HEAD, NET, NETWORKS
from support.program import ROOT

pytestmark = pytest.mark.slow
LIMIT = 2 << 30  # bytes of address space, of which the libraries take half
NUMBERS = "0 -1 1 2 3 7 255 65536 10000000 99999999999999999999 1e9 1e999 nan , 1,2,3 x # =".split()


def mutated(text, random):
    """A configuration with one to three changes."""
    lines = text.split("\n")
    for _ in range(random.randint(1, 4)):
        at, other = random.randint(0, len(lines), 2)
        kind = random.randint(0, 7)
        if kind == 0:
            del lines[at]
        elif kind == 1:
            lines.insert(at, lines[other])
        elif kind == 2:
            lines[at], lines[other] = lines[other], lines[at]
        elif kind == 3:
            lines = lines[: at + 1]
        elif kind == 4:
            key = lines[at].split("=")[0]
            lines[at] = key + "=" + NUMBERS[random.randint(len(NUMBERS))]
        elif kind == 5:
            lines[at] = "".join(chr(random.randint(0, 0x250)) for _ in range(random.randint(0, 30)))
        else:
            lines[at] = lines[at][: random.randint(len(lines[at]) + 1)]
        lines = lines or [""]
    return "\n".join(lines)


PROGRAM = """
import glob, os, sys
from tools import convert
convert.importlib.util.find_spec = lambda name: None
for cfg in sorted(glob.glob(os.path.join(sys.argv[1], "*.cfg"))):
    print("converting", os.path.basename(cfg), flush=True)
    print("code", convert.main(["--cfg", cfg, "--output", cfg[:-4] + ".onnx", "--random-weights"]), flush=True)
"""


def converted(folder):
    """Codes and error lines of the conversion of every configuration in a folder, in one process of little memory."""
    command = [sys.executable, "-c", PROGRAM, str(folder)]
    done = subprocess.run(
        command, cwd=str(ROOT), stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, timeout=900,
        env=dict(os.environ, PYTHONPATH=str(ROOT), OPENBLAS_NUM_THREADS="1"),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT)),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-200:] + done.stderr[-2000:]
    codes = [int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("code ")]
    errors = [line for line in done.stderr.splitlines() if not line.startswith("warning: its labels")]
    return codes, errors


def test_configurations(tmp_path):
    random, count = np.random.RandomState(0), 500
    texts = [NET + "".join(sections) + HEAD for sections in NETWORKS.values()]
    for number in range(count):
        text = mutated(texts[number % len(texts)], random)
        (tmp_path / f"{number:03}.cfg").write_bytes(text.encode("utf-8", "replace"))
    codes, errors = converted(tmp_path)
    assert len(codes) == count
    assert set(codes) == {0, 4}
    assert 50 < codes.count(4) < count - 50, "both happen"
    assert len(errors) == codes.count(4), "one line each"
    assert all(line.startswith("error: ") and ".cfg: " in line for line in errors)
    complete = [file for file in os.listdir(str(tmp_path)) if file.endswith(".json")]
    assert len(complete) == codes.count(0)
    assert len(os.listdir(str(tmp_path))) == count + 2 * codes.count(0), "nothing half-written stays"
