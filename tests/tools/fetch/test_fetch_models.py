"""Models that are fetched by name: the publisher's file, and what is made of it."""

import hashlib
import os
import sys
import types

import pytest
from support.darknet_files import HEAD, NET, network, write_weights
from support.program import SHARED

from app import detect, modelcard
from app.errors import ModelError
from app.modelcard import read_card
from tools import convert
from tools.fetch import __main__ as command
from tools.fetch import manifest, models

# Old TensorFlow was compiled with an older numpy, which is harmless, and which numpy itself keeps quiet about.
pytestmark = pytest.mark.filterwarnings("ignore:numpy.ufunc size changed")
FIGURES = {"size": 64, "operations_g": 0.5, "ap": 0.2, "ap50_64": None}


def entry(path, **more):
    """The manifest's entry for a file."""
    data = path.read_bytes()
    found = {"file": path.name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "optional": True}
    return {**found, "licence": "free", "sources": [], **more}


@pytest.fixture
def stick(tmp_path):
    """A folder with a Darknet model's two files, and an export."""
    folder = tmp_path / "stick"
    folder.mkdir()
    (folder / "small.cfg").write_text(NET + HEAD)
    write_weights(folder / "small.weights", network(HEAD).conv_shapes())
    (folder / "export.onnx").write_bytes(b"an export")
    return folder


@pytest.fixture
def weights(folder, stick, write_manifest, monkeypatch):
    """An empty weights folder, and a manifest of the models on the stick."""
    monkeypatch.setattr(modelcard, "WEIGHTS", str(folder))
    write_manifest(
        **{
            "small": entry(stick / "small.weights", needs="small-cfg", model={"family": "darknet", **FIGURES}),
            "small-cfg": entry(stick / "small.cfg"),
            "other": entry(stick / "export.onnx", called=["known.onnx"], model={"family": "yolox", **FIGURES}),
        }
    )
    return folder


@pytest.mark.parametrize("place", ["", "small.weights"], ids=["a folder", "the file beside its configuration"])
def test_a_darknet_model(weights, stick, place, capsys):
    assert command.main(["small", "--from", os.path.join(str(stick), place)]) == 0
    assert sorted(os.listdir(str(weights))) == ["small.cfg", "small.json", "small.onnx", "small.weights"]
    assert capsys.readouterr().out.endswith("small.onnx; next: python -m app.detect --model small\n")
    card = read_card(str(weights / "small.onnx"))
    assert (card.size, card.resize) == ((64, 64), "stretch")


def test_a_configuration_that_is_missing(weights, stick, capsys):
    (stick / "small.cfg").unlink()
    assert command.main(["small", "--from", str(stick)]) == 4
    assert "small.cfg" in capsys.readouterr().err
    assert os.listdir(str(weights)) == []


@pytest.fixture
def adopted(monkeypatch):
    """What `tools.adopt` was asked for, which needs onnx."""
    asked = []
    module = types.ModuleType("tools.adopt.adoption")
    module.adopt = lambda *given, **options: asked.append((given, options))
    monkeypatch.setitem(sys.modules, "tools.adopt.adoption", module)
    return asked


def test_an_export_is_adopted(weights, stick, adopted):
    assert models.fetch_model("other", str(stick)) == os.path.relpath(str(weights / "other.onnx"))
    ((path, output), options) = adopted[0]
    assert (path, output) == (str(weights / "export.onnx"), os.path.relpath(str(weights / "other.onnx")))
    assert options == {"family": "yolox"}


def test_other_names_and_other_exports_of_the_same_network(weights, stick, adopted, write_manifest):
    os.rename(str(stick / "export.onnx"), str(stick / "known.onnx"))
    models.fetch_model("other", str(stick))
    (stick / "known.onnx").write_bytes(b"another export")
    (weights / "export.onnx").unlink()
    with pytest.raises(ModelError, match="14 bytes instead of 9"):
        models.fetch_model("other", str(stick))
    known = entry(stick / "known.onnx", file="export.onnx", called=["known.onnx"], model={"family": "yolox", **FIGURES})
    write_manifest(other=dict(known, size=9, sha256="0" * 64, also=[known["sha256"]]))
    models.fetch_model("other", str(stick))
    assert (weights / "export.onnx").read_bytes() == b"another export"
    assert len(adopted) == 2


def test_the_first_run_with_a_model(weights, stick, monkeypatch):
    path = str(weights / "small.onnx")
    with pytest.raises(ModelError, match=r"--offline forbids downloading it; run: python -m tools.fetch small$"):
        detect.ensure_model("small", path, True)
    monkeypatch.setattr(models, "fetch", lambda name, place=None: manifest.fetch(name, str(stick)))
    detect.ensure_model("small", path, False)
    read_card(path)
    monkeypatch.setattr(models, "fetch", None)
    detect.ensure_model("small", path, False)  # it is there
    detect.ensure_model("mine", str(weights / "mine.onnx"), False)  # nobody knows it; it is reported when it is opened
    detect.ensure_model(str(weights / "mine.onnx"), str(weights / "mine.onnx"), False)


def test_the_default_model_has_a_command_of_its_own(monkeypatch):
    assert models.command("yolov3-tiny") == "python -m tools.fetch yolov3-tiny && python -m tools.convert"
    made = []
    monkeypatch.setattr(convert, "convert", lambda *paths: made.append(paths))
    assert models.prepare("yolov3-tiny", "tiny.weights").endswith("yolov3-tiny.onnx")
    assert made == [("tiny.weights", os.path.relpath(models.find_model("yolov3-tiny")))]


def test_the_list(weights, capsys):
    assert command.main(["--list"]) == 0
    first, *others = capsys.readouterr().out.splitlines()
    assert first.split() == "model MB AP AP50 input billion ops licence".split()
    assert others[0].split() == "other 0.0 0.200 - 64 0.50 free".split()
    assert others[-1].split() == ["small-cfg", str(len((NET + HEAD).encode())), "bytes", "free"]


def test_the_real_models():
    entries = {name: one for name, one in manifest.read_manifest().items() if models.is_model(one)}
    assert list(models.table(entries).rows[0])[0] == "yolox-tiny", "the most accurate first"
    assert {"yolov3-tiny", "yolox-nano", "nanodet-m", "yolo-fastest-1.1"} <= set(entries)
    for name, one in entries.items():
        assert set(one["model"]) == {"family", "size", "operations_g", "ap", "ap50_64"}, name
        assert ("needs" in one) == (one["model"]["family"] == "darknet" and name != models.DEFAULT_MODEL)
        assert not set(one.get("also", ())) & {one["sha256"]}


FOLDER = os.path.join(SHARED, "models")
needs_models = pytest.mark.skipif(not os.path.isdir(FOLDER), reason="../shared/data is not here")


@pytest.mark.slow
@needs_models
@pytest.mark.skipif(sys.version_info < (3, 9), reason="tools.cost is for newer versions of Python")
def test_the_operations_are_those_that_are_counted(tmp_path):
    from tools.cost.nano import expectations, yolov3_tiny_network

    known = {name: one["model"]["operations_g"] for name, one in manifest.read_manifest().items() if "model" in one}
    convert.convert_model(
        convert.configured(os.path.join(FOLDER, "yolo-fastest-1.1.cfg"), None), str(tmp_path / "a.onnx")
    )
    counted = {
        name: expectations(os.path.join(FOLDER, file))[0]["operations_g"]
        for name, file in [("yolox-nano", "yolox_nano.onnx"), ("nanodet-m", "nanodet_m.onnx")]
    }
    counted["yolo-fastest-1.1"] = expectations(str(tmp_path / "a.onnx"))[0]["operations_g"]
    counted["yolov3-tiny"] = yolov3_tiny_network(416).operations / 1e9
    assert counted == pytest.approx({name: known[name] for name in counted}, abs=0.0006)


@pytest.mark.slow
@needs_models
def test_the_files_at_hand_are_those_of_the_manifest():
    entries = manifest.read_manifest()
    files = [
        ("yolox-nano", "yolox_nano.onnx"), ("nanodet-m", "nanodet_m.onnx"),
        ("yolo-fastest-1.1", "yolo-fastest-1.1.weights"), ("yolo-fastest-1.1-cfg", "yolo-fastest-1.1.cfg"),
    ]  # fmt: skip
    for name, file in files:
        assert manifest.is_intact(os.path.join(FOLDER, file), entries[name])
        assert file in (entries[name]["file"], *entries[name].get("called", ()))
