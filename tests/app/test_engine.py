import json
import os

import pytest

from app.artefact import read_sidecar, sidecar_path
from app.engine import (
    EngineSource,
    EngineTarget,
    build_command,
    engine_path,
    engines,
    find_engine,
    size_text,
    write_engine,
)
from app.errors import ModelError

PLACE = EngineTarget("tensorrt 8.2.1.8", "sm53")
HASH = "ddb301c9" + "0" * 56
OTHER_HASH = "beef5678" + "0" * 56
SHAPE = (1, 3, 320, 416)


@pytest.fixture
def model(tmp_path):
    """Path of a model. The file itself is not looked at."""
    return str(tmp_path / "small.onnx")


def made(model, precision="fp16", shape=SHAPE, model_hash=HASH):
    return EngineSource(model, model_hash, shape, precision)


def write(model, place=PLACE, data=b"an engine", **also):
    """Write an engine; its path."""
    return write_engine(data, made(model, **also), place, "NVIDIA Tegra X1", ["coarse", "fine"])


def failure(model, place=PLACE, **also):
    """What is said when no engine is found."""
    with pytest.raises(ModelError) as caught:
        find_engine(made(model, **also), place)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "shape, expected",
    [
        pytest.param((1, 3, 320, 416), "416x320", id="channels first"),
        pytest.param((1, 320, 416, 3), "416x320", id="channels last"),
        pytest.param((8, 28, 32, 1), "32x28", id="grey, channels last"),
        pytest.param((1, 3, 32, 3), "3x32", id="both could be channels: first"),
        pytest.param((1, 12, 20, 24), "24x20", id="neither could be: first"),
    ],
)
def test_size(shape, expected):
    assert size_text(shape) == expected


@pytest.mark.parametrize(
    "precision, expected",
    [
        ("fp32", "python -m tools.build_engine small.onnx --size 416x320"),
        ("fp16", "python -m tools.build_engine small.onnx --size 416x320 --fp16"),
        ("auto", "python -m tools.build_engine small.onnx --size 416x320 --fp16"),
    ],
)
def test_build_command(precision, expected):
    assert build_command("small.onnx", SHAPE, precision) == expected
    assert build_command("small.onnx", (1, 320, 416, 3), precision) == expected


def test_the_name_says_what_the_engine_fits():
    path = engine_path(made("weights/small.onnx"), PLACE)
    assert path == "weights/small.416x320.fp16.tensorrt8.2.1.8.sm53.ddb301c9.engine"


def test_what_is_written_is_found(model):
    path = write(model)
    assert path == engine_path(made(model), PLACE)
    found, data, fields = find_engine(made(model), PLACE)
    assert (found, data) == (path, b"an engine")
    assert fields == read_sidecar(path)
    assert fields["model"] == {"file": "small.onnx", "sha256": HASH}
    assert fields["runtime"] == "tensorrt 8.2.1.8"
    assert fields["gpu"] == {"architecture": "sm53", "name": "NVIDIA Tegra X1"}
    assert fields["input"] == list(SHAPE)
    assert fields["outputs"] == ["coarse", "fine"]
    assert fields["precision"] == "fp16"


@pytest.mark.parametrize(
    "there, wanted, expected",
    [
        pytest.param(("fp16", "fp32"), "auto", "fp16", id="auto prefers fp16"),
        pytest.param(("fp32",), "auto", "fp32", id="auto takes what there is"),
        pytest.param(("fp16", "fp32"), "fp32", "fp32", id="fp32"),
    ],
)
def test_precision(model, there, wanted, expected):
    for precision in there:
        write(model, precision=precision, data=precision.encode())
    path, data, fields = find_engine(made(model, precision=wanted), PLACE)
    assert data.decode() == fields["precision"] == expected
    assert path == engine_path(made(model, precision=expected), PLACE)


def test_no_engine_at_all(model):
    command = build_command(model, SHAPE, "fp32")
    assert failure(model, precision="fp32") == f"{model} has no engine for 416x320; build it with: {command}"


@pytest.mark.parametrize(
    "wanted, place, difference, command",
    [
        pytest.param(
            {},
            EngineTarget("tensorrt 8.0.1.6", "sm53"),
            "for tensorrt 8.2.1.8, not tensorrt 8.0.1.6",
            "416x320 --fp16",
            id="runtime",
        ),
        pytest.param(
            {}, EngineTarget("tensorrt 8.2.1.8", "sm72"), "for a GPU of architecture sm53, not sm72", "416x320 --fp16",
            id="GPU",
        ),
        pytest.param(
            {"shape": (1, 3, 160, 96)}, PLACE, "for an input of 416x320, not 96x160", "96x160 --fp16", id="input"
        ),
        pytest.param({"precision": "fp32"}, PLACE, "in fp16, not fp32", "416x320", id="precision"),
        pytest.param(
            {"model_hash": OTHER_HASH}, PLACE, "for another ONNX file (ddb301c9..., not beef5678...)",
            "416x320 --fp16", id="ONNX file",
        ),
        pytest.param(
            {"model_hash": OTHER_HASH, "precision": "auto"}, PLACE,
            "for another ONNX file (ddb301c9..., not beef5678...)", "416x320 --fp16", id="auto is no difference",
        ),
        pytest.param(
            {"shape": (1, 3, 160, 96)}, EngineTarget("tensorrt 10.3.0", "sm53"),
            "for an input of 416x320, not 96x160, and for tensorrt 8.2.1.8, not tensorrt 10.3.0", "96x160 --fp16",
            id="two",
        ),
    ],
)  # fmt: skip
def test_differences(model, wanted, place, difference, command):
    path = write(model)
    assert failure(model, place, **wanted) == (
        f"{path} is {difference}; build one that fits with: python -m tools.build_engine {model} --size {command}"
    )


def test_of_several_the_nearest_is_spoken_of(model):
    write(model, EngineTarget("tensorrt 8.0.1.6", "sm72"), shape=(1, 3, 160, 160))
    near = write(model, EngineTarget("tensorrt 8.0.1.6", "sm53"))
    write(model, EngineTarget("tensorrt 8.0.1.6", "sm72"))
    message = failure(model)
    assert message.startswith(near + " is for tensorrt 8.0.1.6, not tensorrt 8.2.1.8; ")


def test_a_damaged_engine_or_sidecar_is_named(model):
    path = write(model)
    with open(path, "wb") as file:
        file.write(b"an angine")
    message = failure(model)
    assert message.startswith(path + ": damaged")
    assert message.endswith(build_command(model, SHAPE, "fp16"))
    os.truncate(sidecar_path(path), 5)
    assert failure(model).startswith(f"{sidecar_path(path)}: not a sidecar: ")


def test_a_broken_sidecar_is_not_in_the_way(model, capsys):
    good, broken = write(model, precision="fp32"), write(model, precision="fp16")
    os.truncate(sidecar_path(broken), 0)
    assert find_engine(made(model, precision="auto"), PLACE)[0] == good
    assert capsys.readouterr().err.startswith("warning: an engine is ignored: " + sidecar_path(broken))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"input": None}, id="no input"),
        pytest.param({"input": [1, 3]}, id="an input of two axes"),
        pytest.param({"gpu": "sm53"}, id="the GPU a text"),
        pytest.param({"gpu": {"name": "Tegra"}}, id="no architecture"),
        pytest.param({"runtime": ...}, id="no runtime"),
        pytest.param({"precision": ...}, id="no precision"),
        pytest.param({"outputs": ...}, id="no outputs"),
        pytest.param({"outputs": [0, 1]}, id="outputs that are numbered"),
    ],
)
def test_a_sidecar_of_something_else_is_named(model, changes):
    path = write(model)
    fields = dict(read_sidecar(path), **changes)
    with open(sidecar_path(path), "w") as file:
        json.dump({key: value for key, value in fields.items() if value is not ...}, file)
    assert failure(model) == f"{sidecar_path(path)}: not the sidecar of an engine; delete the engine and its sidecar"


def test_engines_of_a_model(model, tmp_path):
    paths = [write(model, precision=precision) for precision in ("fp16", "fp32")]
    write(str(tmp_path / "other.onnx"))
    os.remove(sidecar_path(write(model, shape=(1, 3, 160, 160))))  # interrupted before its sidecar was written
    assert engines(model) == sorted(paths)


def test_a_version_after_the_name_is_another_model(tmp_path):
    old, new = str(tmp_path / "v1.onnx"), str(tmp_path / "v1.2.onnx")
    path = write(new)
    assert (engines(old), engines(new)) == ([], [path])
    assert os.path.basename(path).startswith("v1.2.")


@pytest.mark.parametrize("name", ["we[i]rd*.onnx", "dots.in.it.onnx"])
def test_names_with_characters_that_mean_something(tmp_path, name):
    model = str(tmp_path / name)
    write(str(tmp_path / "weird.onnx"))
    write(str(tmp_path / "weirdo.onnx"))
    assert engines(model) == []
    path = write(model)
    assert engines(model) == [path]
    assert find_engine(made(model), PLACE)[0] == path
