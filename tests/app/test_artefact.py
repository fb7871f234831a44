import hashlib
import os

import pytest

from app import artefact
from app.artefact import read_artefact, read_sidecar, sidecar_path, write_artefact
from app.errors import ModelError, OutputError

DATA = bytes(range(256)) * 3
MODEL_HASH = "ab" * 32
REMAKE = "python -m tools.remake"


@pytest.fixture
def path(tmp_path):
    """A file with its sidecar."""
    made = str(tmp_path / "small.pb")
    write_artefact(made, DATA, "somewhere/small.onnx", MODEL_HASH, {"made_with": "tests", "outputs": ["a", "b"]})
    return made


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def test_what_is_written_is_read(path):
    assert read_artefact(path, REMAKE) == DATA
    assert read_sidecar(path) == {
        "sha256": hashlib.sha256(DATA).hexdigest(),
        "model": {"file": "small.onnx", "sha256": MODEL_HASH},
        "made_with": "tests",
        "outputs": ["a", "b"],
    }
    assert sorted(os.listdir(os.path.dirname(path))) == ["small.pb", "small.pb.json"]


def test_the_sidecar_has_the_whole_name_of_its_file():
    """Unlike a model's card, so that `small.onnx`, `small.pb` and two engines do not share one."""
    assert sidecar_path("weights/small.fp16.engine") == "weights/small.fp16.engine.json"


def test_written_again(path):
    write_artefact(path, b"newer", "small.onnx", MODEL_HASH, {})
    assert read_artefact(path, REMAKE) == b"newer"
    assert "made_with" not in read_sidecar(path)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(bytes([1]) + DATA[1:], id="one bit"),
        pytest.param(DATA[:-1], id="cut off"),
    ],
)
def test_a_damaged_file_is_not_read(path, data):
    write(path, data)
    with pytest.raises(ModelError, match=f"small.pb: damaged.*{REMAKE}$"):
        read_artefact(path, REMAKE)


def test_missing_file_or_sidecar(path):
    """A file without a sidecar is not read: its making was interrupted, or it came from elsewhere."""
    os.remove(sidecar_path(path))
    with pytest.raises(ModelError, match="small.pb.json: the sidecar cannot be read"):
        read_artefact(path, REMAKE)
    os.remove(path)
    with pytest.raises(ModelError, match=f"small.pb: No such file.*{REMAKE}$"):
        read_artefact(path, REMAKE)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"{", id="cut off"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'{"model": {"sha256": "0"}}', id="no hash"),
        pytest.param(b'{"sha256": null, "model": {"sha256": "0"}}', id="no text for a hash"),
        pytest.param(b'{"sha256": "0", "model": {"sha256": 5}}', id="a number for the model's hash"),
        pytest.param(b'{"sha256": "0", "model": "small.onnx"}', id="the model a text"),
        pytest.param(b'{"sha256": "0", "model": {"file": "small.onnx"}}', id="no hash of the model"),
    ],
)
def test_not_a_sidecar(path, data):
    write(sidecar_path(path), data)
    for read in (read_sidecar, lambda path: read_artefact(path, REMAKE)):
        with pytest.raises(ModelError, match="small.pb.json: not a sidecar") as caught:
            read(path)
        assert "\n" not in str(caught.value)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(OutputError, match="absent"):
        write_artefact(str(tmp_path / "absent" / "small.pb"), DATA, "small.onnx", MODEL_HASH, {})


def test_writing_that_fails_leaves_no_sidecar_of_the_old_file(path, monkeypatch):
    """Where there is a sidecar, the file beside it is whole."""

    def full(path, data):
        raise OutputError("the disk is full")

    monkeypatch.setattr(artefact, "write_file", full)
    with pytest.raises(OutputError):
        write_artefact(path, b"newer", "small.onnx", MODEL_HASH, {})
    assert not os.path.exists(sidecar_path(path))
