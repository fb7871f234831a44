import hashlib
import json
import os
import random
import re

import pytest
from support.classifiers import altered, write_fields

from app.classification.card import read_classifier_card
from app.errors import ModelError
from app.layout import Head, Layout
from app.modelcard import WEIGHTS, card_path, find_model, graph_path, hash_file, read_card

MODEL = b"not really a model"
FIELDS = {
    "name": "small",
    "sha256": hashlib.sha256(MODEL).hexdigest(),
    "source": {"file": "small.weights", "sha256": "0" * 64},
    "input": {"layout": "NCHW", "colour": "RGB", "scale": 0.5, "multiple": 32},
    "heads": [{"stride": 32, "anchors": [[81, 82], [135, 169]]}, {"stride": 16, "anchors": [[10, 14]]}],
    "labels": ["person", "dog"],
}


@pytest.fixture
def model(tmp_path):
    """A model file with no card yet."""
    path = tmp_path / "small.onnx"
    path.write_bytes(MODEL)
    return str(path)


def test_good_card(model):
    card = read_card(write_fields(model, FIELDS))
    assert card.name == "small"
    assert card.sha256 == FIELDS["sha256"]
    assert card.labels == ("person", "dog")
    assert card.heads == (Head(32, ((81, 82), (135, 169))), Head(16, ((10, 14),)))
    assert (card.multiple, card.scale) == (32, 0.5)
    assert (card.resize, card.size, card.form) == ("rectangle", None, "darknet")
    assert [(head.scale_x_y, head.squared) for head in card.heads] == [(1, False)] * 2


def test_optional_fields(model):
    fields = json.loads(json.dumps(FIELDS))
    fields["input"].update(resize="stretch", size=[640, 320])
    for head in fields["heads"]:
        head.update(scale_x_y=1.05, squared=True)
    card = read_card(write_fields(model, fields))
    assert (card.resize, card.size) == ("stretch", (640, 320))
    assert card.heads[1] == Head(16, ((10, 14),), 1.05, True)
    assert card.sides(320) == (320, 160)
    assert card.sides(32) == (32, 32), "no side is 0"


ROWS = {key: value for key, value in FIELDS.items() if key != "heads"}
ROWS.update(form="distances", outputs={"strides": [8, 16], "bins": 8, "centre": 0.5}, nms=False)
ROWS["input"] = dict(FIELDS["input"], size=[64, 32], fixed=True, resize="letterbox")


def test_another_form(model):
    card = read_card(write_fields(model, ROWS))
    assert (card.form, card.heads, card.fixed, card.nms) == ("distances", (), True, False)
    assert card.layout == Layout(strides=(8, 16), bins=8, centre=0.5)
    with pytest.raises(ModelError, match="is a detector, not a classifier"):
        read_classifier_card(model)


@pytest.mark.parametrize(
    "path, value, phrase",
    [
        pytest.param(("outputs", "strides"), [], "strides and bins", id="no strides"),
        pytest.param(("outputs", "strides"), 8, "a list", id="one stride"),
        pytest.param(("outputs", "strides"), [8.5], "whole number", id="half a pixel"),
        pytest.param(("outputs", "bins"), 10**9, "bins should be from 0", id="a billion bins"),
        pytest.param(("outputs", "centre"), float("nan"), "centre", id="a centre that is no number"),
        pytest.param(("outputs", "objectness"), 1, "objectness should be true or false", id="a number for yes"),
        pytest.param(("outputs",), [], "not a model card", id="outputs in a list"),
        pytest.param(("input", "resize"), "rectangle", "a fixed input", id="fixed, and as long as needed"),
        pytest.param(("input", "size"), [64, 40], "a fixed input", id="fixed, and no multiple"),
    ],
)
def test_wrong_fields_of_another_form(model, path, value, phrase):
    write_fields(model, altered(ROWS, path, value))
    with pytest.raises(ModelError, match=phrase):
        read_card(model)


def test_without_a_card_the_command_to_type_is_said(model):
    with pytest.raises(ModelError, match=f"has no card beside it; make one with: python -m tools.adopt {model}$"):
        read_card(model)


def test_missing_model(tmp_path, monkeypatch):
    monkeypatch.setattr("app.modelcard.WEIGHTS", str(tmp_path / "weights"))
    with pytest.raises(ModelError, match="absent.onnx: no such model; weights/ has: none yet; create one with: "):
        read_card(str(tmp_path / "absent.onnx"))
    (tmp_path / "weights").mkdir()
    for file in ("b.onnx", "a.onnx", "a.json"):
        (tmp_path / "weights" / file).write_bytes(b"")
    with pytest.raises(ModelError, match="no such model; weights/ has: a, b; create one with: "):
        read_card(str(tmp_path / "absent.onnx"))


@pytest.mark.parametrize("read", [read_card, read_classifier_card])
@pytest.mark.parametrize(
    "content, phrase",
    [
        pytest.param(None, "small.json|small.onnx: has no card beside it", id="missing"),
        pytest.param(b"", "not a model card", id="empty"),
        pytest.param(b"[]", "not a model card", id="a list"),
        pytest.param(b"null", "not a model card", id="nothing"),
        pytest.param(b"[" * 100000, "not a model card", id="deeper than the stack"),
        pytest.param(b'{"name": "\xff\xfe"}', "not a model card", id="in another encoding"),
        pytest.param(b"{}", "not a model card: 'sha256' is missing", id="without a hash"),
    ],
)
def test_not_a_card(model, read, content, phrase):
    if content is not None:
        with open(card_path(model), "wb") as file:
            file.write(content)
    with pytest.raises(ModelError, match=phrase) as caught:
        read(model)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "path",
    [
        ("name",), ("sha256",), ("labels",), ("heads",), ("heads", 1, "stride"), ("heads", 0, "anchors"), ("input",),
        ("input", "layout"), ("input", "colour"), ("input", "scale"), ("input", "multiple"),
    ],
    ids=str,
)  # fmt: skip
def test_missing_field(model, path):
    write_fields(model, altered(FIELDS, path))
    with pytest.raises(ModelError, match=f"{path[-1]}.* is missing"):
        read_card(model)


@pytest.mark.parametrize(
    "path, value, phrase",
    [
        pytest.param(("input", "layout"), "NHWC", "NHWC", id="channels last"),
        pytest.param(("input", "colour"), "BGR", "BGR", id="blue first"),
        pytest.param(("input", "multiple"), "many", "not a model card", id="a word for a number"),
        pytest.param(("heads", 0, "anchors"), [[1, 2, 3]], "not a model card", id="an anchor of three"),
        pytest.param(("heads",), [], "should have heads", id="no heads"),
        pytest.param(("labels",), [], "labels should be", id="no labels"),
        pytest.param(("labels",), "persons", "labels should be", id="labels in one text"),
        pytest.param(("input", "multiple"), 0, "multiple", id="multiple 0"),
        pytest.param(("input", "multiple"), 24, "a stride should be", id="stride above the multiple"),
        pytest.param(("heads", 0, "stride"), 12, "multiple of every stride", id="stride does not divide the multiple"),
        pytest.param(("input", "scale"), float("nan"), "scale", id="scale not a number"),
        pytest.param(("input", "scale"), "1", "scale", id="scale a text"),
        pytest.param(("heads", 0, "stride"), 1e400, "stride", id="infinite stride"),
        pytest.param(("heads", 0, "stride"), -8, "stride", id="negative stride"),
        pytest.param(("heads", 0, "anchors"), [[0, 3]], "anchor", id="anchor 0"),
        pytest.param(("input", "resize"), "crop", "resize should be rectangle or letterbox or stretch", id="resize"),
        pytest.param(("input", "resize"), ["stretch"], "resize should be", id="resize in a list"),
        pytest.param(("input", "size"), [416], "not a model card", id="a size of one side"),
        pytest.param(("input", "size"), [416, 0], "size should be a whole number", id="a size of nothing"),
        pytest.param(("heads", 0, "scale_x_y"), -1, "scale_x_y", id="negative scale_x_y"),
        pytest.param(("heads", 0, "squared"), 1, "squared should be true or false", id="squared by a number"),
        pytest.param(("heads", 0, "squared"), True, "squared should be the same", id="one head squared"),
        pytest.param(("form",), "masks", "form should be darknet or rows", id="form of a newer version"),
        pytest.param(("form",), "rows", "'outputs' is missing", id="form without outputs"),
        pytest.param(("nms",), 1, "nms should be true or false", id="nms by a number"),
        pytest.param(("input", "fixed"), True, "a fixed input should have a size", id="fixed without a size"),
        pytest.param(("sha256",), "0" * 64, "another file", id="of another model"),
    ],
)
def test_wrong_field(model, path, value, phrase):
    write_fields(model, altered(FIELDS, path, value))
    with pytest.raises(ModelError, match=phrase):
        read_card(model)


@pytest.mark.parametrize(
    "name, path",
    [
        pytest.param("yolov3-tiny", os.path.join(WEIGHTS, "yolov3-tiny.onnx"), id="by name"),
        pytest.param("mine.onnx", "mine.onnx", id="a file here"),
        pytest.param("weights/mine", "weights/mine", id="a file elsewhere"),
        pytest.param("v1.2", os.path.join(WEIGHTS, "v1.2.onnx"), id="a name with a dot"),
        pytest.param("mine.v2-416", os.path.join(WEIGHTS, "mine.v2-416.onnx"), id="a name with a dot and more"),
        pytest.param("v1.2.onnx", "v1.2.onnx", id="a file here, with two dots"),
        pytest.param("Mine.ONNX", "Mine.ONNX", id="a file here, in capitals"),
        pytest.param("mine.tflite", "mine.tflite", id="a file of a kind that nothing here reads"),
        pytest.param("weights/v1.2", "weights/v1.2", id="a file elsewhere, with a dot"),
    ],
)
def test_find_model(name, path):
    assert find_model(name) == path


def test_a_file_here_is_a_file_whatever_it_is_called(tmp_path, monkeypatch):
    monkeypatch.chdir(str(tmp_path))
    (tmp_path / "v1.2").write_bytes(b"")
    (tmp_path / "v1.3").mkdir()
    (tmp_path / "mine").write_bytes(b"")
    assert find_model("v1.2") == "v1.2"
    assert find_model("v1.3") == os.path.join(WEIGHTS, "v1.3.onnx")
    assert find_model("mine") == os.path.join(WEIGHTS, "mine.onnx"), "a name without a dot is always one of weights/"


@pytest.mark.parametrize(
    "model, beside",
    [
        ("some.where/mine.onnx", "some.where/mine"),
        ("weights/v1.2.onnx", "weights/v1.2"),
        ("weights/v1.2", "weights/v1.2"),
        ("some.where/mine", "some.where/mine"),
        ("MINE.ONNX", "MINE"),
    ],
)
def test_what_lies_beside_the_model(model, beside):
    assert (card_path(model), graph_path(model)) == (beside + ".json", beside + ".pb")


def test_hash_file_longer_than_a_block(tmp_path):
    data = bytes(range(256)) * 5000
    path = tmp_path / "long"
    path.write_bytes(data)
    assert hash_file(str(path)) == hashlib.sha256(data).hexdigest()


TOKEN = re.compile(rb'-?[0-9.]+|"[^"]*"|[][{}:,]')
PIECES = [b"", b"\0", b"\xff\xfe", b"NaN", b"1e999", b"-1", b"0", b"[]", b"{}", b"null", b"true", b'"x"', b"9" * 400,
          b"[" * 3000, b'"', b"\n", b"0.5", b'"\\ud800"']  # fmt: skip


def test_damaged_cards(model):
    """One line, or a card: never anything else."""
    whole = json.dumps(dict(FIELDS, input=dict(FIELDS["input"], size=[640, 320], resize="stretch"))).encode()
    generator, lines = random.Random(0), []
    for _ in range(500):
        start, stop = generator.choice([match.span() for match in TOKEN.finditer(whole)])
        with open(card_path(model), "wb") as file:
            file.write(whole[:start] + generator.choice(PIECES) + whole[stop:])
        try:
            card = read_card(model)
        except ModelError as error:
            lines.append(str(error))
        else:
            assert all(0 < side < 1 << 16 for side in card.size or ())
    assert 0 < len(lines) < 500
    assert not [line for line in lines if "\n" in line]
