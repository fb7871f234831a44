"""Whether the weights that a training starts from are here, without Keras."""

import hashlib

import pytest

from app.errors import ModelError
from tools.train import pretrained
from tools.train.options import parse
from tools.train.pretrained import check_pretrained, pretrained_weights


@pytest.fixture(params=["sha256", "md5"])
def folder(request, monkeypatch, tmp_path):
    """Where they are; the manifest has a checksum of one kind."""
    entry = {"file": "lite0.pth", "size": 7, request.param: hashlib.new(request.param, b"weights").hexdigest()}
    monkeypatch.setattr(pretrained, "read_manifest", lambda: {"efficientnet-lite0": entry})
    (tmp_path / "lite0.pth").write_bytes(b"weights")
    return tmp_path


def test_the_right_weights(folder):
    options = parse(["efficientnet_lite0", "--from", str(folder)])
    check_pretrained(options)
    assert pretrained_weights(options) == str(folder / "lite0.pth")


@pytest.mark.parametrize("content", [b"Weights", b"weight", b"weights and more", b""])
def test_other_weights(folder, content):
    (folder / "lite0.pth").write_bytes(content)
    with pytest.raises(ModelError, match="lite0.pth: is damaged or another file; .* python -m tools.fetch eff"):
        check_pretrained(parse(["efficientnet_lite0", "--from", str(folder)]))


def test_no_weights(folder):
    (folder / "lite0.pth").unlink()
    with pytest.raises(ModelError, match="lite0.pth: not found; get it with: python -m tools.fetch efficientnet-lite0"):
        check_pretrained(parse(["efficientnet_lite0", "--from", str(folder)]))


def test_a_network_that_starts_without(monkeypatch):
    monkeypatch.setattr(pretrained, "read_manifest", None)
    check_pretrained(parse(["report_fast"]))
    assert pretrained_weights(parse(["report_fast"])) == ""
