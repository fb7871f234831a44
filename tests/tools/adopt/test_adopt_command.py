"""The command `python -m tools.adopt`, in its child process of little memory, with good and with damaged files."""

import os
import resource
import subprocess
import sys

import numpy as np
import onnx
import pytest
from support.exports import FLOAT, cells, export, random
from support.program import ROOT

from tools.adopt import __main__ as command

NAMES = {0: "cat", 1: "dog"}
MOST_MEMORY = 1 << 20  # KB of a child
pytestmark = pytest.mark.slow


def write(path, **options):
    return export(path, {"output0": random(1, 6, cells())}, **options)


def run(*arguments):
    """Run the command; its exit code, and the lines of its outputs."""
    done = subprocess.run(
        [sys.executable, "-m", "tools.adopt", *arguments], cwd=str(ROOT), capture_output=True, text=True, timeout=300
    )
    return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()


def test_lines(tmp_path):
    source, output = write(tmp_path / "best.onnx", names=NAMES), str(tmp_path / "mine.onnx")
    code, out, err = run(source, "--output", output)
    assert (code, err) == (0, [])
    assert "ultralytics' YOLO" in out[0]
    assert out[-2:] == [f"{output} and mine.json", f"next: python -m app.detect --model {output}"]
    code, _, err = run(write(tmp_path / "best.onnx"), "--output", output)
    assert code == 0
    assert len(err) == 1
    assert "--labels FILE" in err[0]


def test_detect_says_what_to_type(tmp_path):
    source = write(tmp_path / "best.onnx", names=NAMES)
    picture = os.path.join(str(ROOT), "demo.jpg")
    done = subprocess.run(
        [sys.executable, "-m", "app.detect", "--model", source, "--cam", picture],
        cwd=str(ROOT), capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    line = f"error: {source}: has no card beside it; make one with: python -m tools.adopt {source}"
    assert (done.returncode, done.stdout, done.stderr.splitlines()) == (4, "", [line])


def test_a_model_in_weights_gets_another_name(tmp_path, monkeypatch):
    monkeypatch.setattr("app.modelcard.WEIGHTS", str(tmp_path))
    assert command._name(str(tmp_path / "best.onnx")) == "best-adopted"
    assert command._name("elsewhere/best.onnx") == "best"


@pytest.mark.parametrize(
    "arguments, code, phrase",
    [
        (["--output", "a.engine"], 2, "should be a name, or end in .onnx"),
        (["--labels", "absent.txt"], 2, "no such file"),
        (["--family", "yolo99"], 2, "--family"),
        (["--labels", "a,b,c"], 4, "has 2 classes, but there are 3 labels"),
    ],
)
def test_wrong_arguments(tmp_path, arguments, code, phrase):
    source = write(tmp_path / "best.onnx", names=NAMES)
    found, out, err = run(source, "--output", str(tmp_path / "out.onnx"), *arguments)
    assert (found, out, len(err)) == (code, [], 1)
    assert phrase in err[0]
    assert not os.path.exists(str(tmp_path / "out.onnx"))


def a_protobuf_bomb(path):
    """60 MB of 30 million nodes with nothing in them, which take gigabytes when they are read."""
    nodes = b"\x0a\x00" * (30 << 20)
    with open(path, "wb") as file:
        length, digits = len(nodes), []
        while length:
            digits.append(length & 127 | (128 if length > 127 else 0))
            length >>= 7
        file.write(b"\x3a" + bytes(digits) + nodes)


def a_hidden_giant(path):
    """A constant of 10 ** 12 values, which no shape tells of."""
    nodes = [onnx.helper.make_node("ConstantOfShape", ["huge"], ["giant"])]
    nodes.append(onnx.helper.make_node("ReduceMean", ["giant"], ["unused"], keepdims=0))
    write(path)
    model = onnx.load(path)
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([10**12], np.int64), "huge"))
    model.graph.node.extend(nodes)
    model.graph.output.append(onnx.helper.make_tensor_value_info("unused", FLOAT, []))
    onnx.save(model, path)


@pytest.mark.parametrize("make", [a_protobuf_bomb, a_hidden_giant])
def test_memory_is_bounded(tmp_path, make):
    source = str(tmp_path / "a.onnx")
    make(source)
    code, out, err = run(source, "--output", str(tmp_path / "out.onnx"))
    assert (code, out, len(err)) == (4, [], 1)
    assert err[0].startswith(f"error: {source}: ")
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < command.MEMORY >> 10


def mutated(data, random):
    """A file with one to four changes of bytes, pieces or its length."""
    data = bytearray(data)
    for _ in range(random.randint(1, 5)):
        at, other, length = random.randint(0, len(data) or 1, 3)
        kind, length = random.randint(0, 5), 1 + length % 40
        if kind == 0:
            data[at : at + 1] = bytes([random.randint(0, 256)])
        elif kind == 1:
            del data[at : at + length]
        elif kind == 2:
            data[at:at] = data[other : other + length]
        elif kind == 3:
            data[at : at + length] = bytes(random.randint(0, 256, length).tolist())
        else:
            data = data[: at + 1]
    return bytes(data)


def adopt_mutants(folder, count, seed):
    """Exit codes and error lines of damaged files: each is adopted in a child as the command does."""
    random_state = np.random.RandomState(seed)
    whole = open(write(folder / "whole.onnx", names=NAMES), "rb").read()  # noqa: SIM115
    program = (
        "import sys\nfrom tools.adopt.__main__ import main\n"
        "for path in sys.argv[2:]:\n    print('code', main([path, '--output', sys.argv[1]]), flush=True)\n"
    )
    paths = []
    for number in range(count):
        paths.append(str(folder / f"{number:04}.onnx"))
        with open(paths[-1], "wb") as file:
            file.write(mutated(whole, random_state))
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder / "out.onnx"), *paths],
        cwd=str(ROOT), capture_output=True, text=True, timeout=3000,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    codes = [int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("code ")]
    return codes, [line for line in done.stderr.splitlines() if not line.startswith("warning: ")]


@pytest.mark.parametrize("count, seed", [(12, 0), pytest.param(500, 1, marks=pytest.mark.verify)])
def test_damaged_files(tmp_path, count, seed):
    codes, errors = adopt_mutants(tmp_path, count, seed)
    assert len(codes) == count
    assert set(codes) <= {0, 4}
    assert codes.count(4) > 0
    assert len(errors) == codes.count(4), "one line each"
    assert all(line.startswith("error: ") and ".onnx: " in line for line in errors)
