"""engine_fits.py, on a fake of TensorRT: it asks of the version what app.detect will ask."""

import importlib.util
import os
import shutil

import pytest
from support.fake_tensorrt_machine import Machine, build
from support.program import CARD, MODEL, ROOT

SCRIPT = os.path.join(ROOT, "deploy", "jetson", "on-board", "engine_fits.py")


@pytest.fixture
def machine(monkeypatch):
    machine = Machine(monkeypatch)
    machine.start("8.2")
    yield machine
    machine.forget()


def fits(*arguments):
    spec = importlib.util.spec_from_file_location("engine_fits", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.fits(*arguments)


@pytest.mark.skipif(not os.path.exists(MODEL), reason="no model")
def test_an_engine_fits_its_shape_model_and_release(machine, tmp_path, capfd):
    model = tmp_path / "yolov3-tiny.onnx"
    shutil.copy(MODEL, str(model))
    shutil.copy(CARD, str(tmp_path / "yolov3-tiny.json"))
    assert not fits(str(model), 160, 128)
    assert build(model, "--size", "160x128", "--fp16", "--no-memory-check") == 0
    assert fits(str(model), 160, 128)
    assert not fits(str(model), 416, 320)
    assert machine.driver.leaks() == []
    machine.start("8.0")
    assert not fits(str(model), 160, 128)
    machine.start("8.2")
    (engine,) = tmp_path.glob("*.engine")
    engine.write_bytes(b"damaged")
    assert not fits(str(model), 160, 128)
    assert "damaged" in capfd.readouterr().err
