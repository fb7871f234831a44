"""Damaged configurations, weights and names: all are converted or refused in one line, in little memory."""

import json
import os
import pathlib
import resource
import subprocess
import sys

import numpy as np
import pytest
from support.darknet_files import HEAD, NET, NETWORKS, network, write_weights
from support.program import ROOT

from tools import convert

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


def damaged(data, random):
    """Bytes with one change: shorter, longer, other bytes in one place, or some that are no number."""
    kind, at = random.randint(0, 6), random.randint(len(data) + 1)
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data + data[at:] + b"\n"
    if kind == 2:
        return data[: at // 4 * 4] + b"\0\0\x80\x7f" + data[at // 4 * 4 + 4 :]  # infinity
    if kind == 3:
        return data[: at % 20] + bytes(random.randint(0, 256, 4).tolist()) + data[at % 20 + 4 :]  # in the header
    if kind == 4:
        return data.replace(b"\n", (b"\n\n", b"\r\n", b"\0", b"")[at % 4])
    return data[:at] + bytes(random.randint(0, 256, 3).tolist()) + data[at + 3 :]


def write_damaged(folder, count, seed):
    """Configurations with weights and names beside them, of which one is damaged."""
    random = np.random.RandomState(seed)
    cases = list(NETWORKS.values())
    for number in range(count):
        sections = cases[random.randint(len(cases))] + [HEAD]
        files = {
            "cfg": (NET + "".join(sections)).encode(),
            "weights": pathlib.Path(write_weights(folder / "whole", network(*sections).conv_shapes())).read_bytes(),
            "names": "cat\nd\u00f6g\n".encode("utf-8"),
        }
        spoiled = ("cfg", "weights", "weights", "names", "names")[number % 5]
        if spoiled == "cfg":
            files["cfg"] = mutated(files["cfg"].decode(), random).encode("utf-8", "replace")
        else:
            files[spoiled] = damaged(files[spoiled], random)
        for ending, data in files.items():
            (folder / f"{number:03}.{ending}").write_bytes(data)
    (folder / "whole").unlink()


def options_of(cfg):
    """The conversion of a configuration with the weights and names beside it, or random ones where there are none."""
    found = ["--cfg", cfg, "--output", cfg[:-4] + ".onnx"]
    if not os.path.exists(cfg[:-4] + ".weights"):
        return [*found, "--random-weights"]
    return [*found, "--weights", cfg[:-4] + ".weights", "--names", cfg[:-4] + ".names"]


PROGRAM = """
import glob, json, sys
from tools import convert
convert.importlib.util.find_spec = lambda name: None
for options in json.load(sys.stdin):
    print("converting", options, flush=True)
    print("code", convert.main(options), flush=True)
"""


def converted(folder):
    """Codes and error lines of the conversion of every configuration in a folder, in one process of little memory."""
    command = [sys.executable, "-c", PROGRAM]
    options = [options_of(str(cfg)) for cfg in sorted(folder.glob("*.cfg"))]
    done = subprocess.run(
        command, cwd=str(ROOT), input=json.dumps(options), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        universal_newlines=True, timeout=900,
        env=dict(os.environ, PYTHONPATH=str(ROOT), OPENBLAS_NUM_THREADS="1"),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT)),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-200:] + done.stderr[-2000:]
    codes = [int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("code ")]
    errors = [line for line in done.stderr.splitlines() if not line.startswith("warning: its labels")]
    return codes, errors


@pytest.mark.slow
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


@pytest.mark.slow
def test_weights_and_names(tmp_path):
    count = 500
    write_damaged(tmp_path, count, seed=1)
    codes, errors = converted(tmp_path)
    assert len(codes) == count
    assert set(codes) == {0, 2, 4}, "2 is for names that do not fit"
    assert all(codes.count(code) > 50 for code in (0, 2, 4))
    assert len(errors) == count - codes.count(0), "one line each"
    assert all(line.startswith("error: ") for line in errors)
    assert len(os.listdir(str(tmp_path))) == 3 * count + 2 * codes.count(0), "nothing half-written stays"


@pytest.mark.parametrize("seed", range(5))
def test_some_of_each(seed, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(convert.importlib.util, "find_spec", lambda name: None)
    write_damaged(tmp_path, 5, seed + 100)
    for cfg in sorted(tmp_path.glob("*.cfg")):
        code = convert.main(options_of(str(cfg)))
        errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
        assert (code, len(errors)) in [(0, 0), (2, 1), (4, 1)]


def test_ten_million_filters_are_refused_before_anything_is_allocated(tmp_path, capsys):
    (tmp_path / "a.cfg").write_text(NET + "[convolutional]\nfilters=10000000\nsize=3\n" + HEAD)
    assert convert.main(options_of(str(tmp_path / "a.cfg"))) == 4
    assert "line 5, [convolutional]: filters=10000000 should be from 1 to 65536" in capsys.readouterr().err
