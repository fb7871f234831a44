import pytest
from support.classifiers import LABELS, SUPERCLASS_OF, SUPERCLASSES, altered, card_fields, write_card, write_fields

from app.classification.card import Accuracy, read_classifier_card
from app.errors import ModelError
from app.modelcard import read_card

ACCURACY = {"images": 10000, "top1": 0.65, "top5": 0.88, "superclass_top1": 0.75, "loss": 1.3}


@pytest.fixture
def model(tmp_path):
    """A model file with no card yet."""
    path = tmp_path / "small.onnx"
    path.write_bytes(b"not really a model")
    return str(path)


def fails(model, *phrases):
    with pytest.raises(ModelError) as caught:
        read_classifier_card(model)
    message = str(caught.value)
    assert "\n" not in message
    assert "small" in message
    for phrase in phrases:
        assert phrase in message


def test_good_card(model):
    card = read_classifier_card(write_card(model, accuracy=ACCURACY))
    assert (card.name, card.height, card.width, card.scale) == ("small", 32, 32, 1.0)
    assert card.labels == tuple(LABELS)
    assert card.superclasses == tuple(SUPERCLASSES)
    assert card.superclass_of == tuple(SUPERCLASS_OF)
    assert card.accuracy == Accuracy(10000, 0.65, 0.88, 0.75, 1.3)


def test_a_card_of_characters(model):
    """Grey, with no superclasses, and the name of its data set."""
    grey = {"layout": "NCHW", "colour": "grey", "scale": 1, "size": [28, 28]}
    fields = card_fields(model, input=grey, labels=list("0Ab"), data="characters", accuracy=ACCURACY)
    for path in (["superclasses"], ["superclass_of"], ["accuracy", "superclass_top1"]):
        fields = altered(fields, path)
    card = read_classifier_card(write_fields(model, fields))
    assert (card.channels, card.height, card.width, card.data) == (1, 28, 28, "characters")
    assert (card.labels, card.superclasses, card.superclass_of) == (("0", "A", "b"), (), ())
    assert card.accuracy == Accuracy(10000, 0.65, 0.88, None, 1.3)


def test_a_card_that_names_no_data_set(model):
    card = read_classifier_card(write_card(model))
    assert (card.channels, card.data) == (3, None)


@pytest.mark.parametrize("changes", [{}, {"accuracy": None}], ids=["absent", "null"])
def test_accuracy_may_be_unknown(model, changes):
    assert read_classifier_card(write_card(model, **changes)).accuracy is None


def test_errors_name_the_command_that_makes_classifiers(model, tmp_path):
    fails(str(tmp_path / "small_too.onnx"), "no such model", "tools.train")
    fails(write_card(model, sha256="0" * 64), "another file", "tools.train")


def test_a_detectors_card(model):
    fields = altered(card_fields(model, heads=[{"stride": 32, "anchors": [[81, 82]]}]), ["task"])
    fails(write_fields(model, fields), "a detector, not a classifier", "app.detect")


def test_a_detector_wants_no_classifiers_card(model):
    with pytest.raises(ModelError, match="a classifier, not a detector.*app.evaluate"):
        read_card(write_card(model))


@pytest.mark.parametrize(
    "path",
    [
        ("name",), ("task",), ("input",), ("input", "layout"), ("input", "colour"), ("input", "scale"),
        ("input", "size"), ("labels",), ("superclasses",), ("superclass_of",), ("accuracy", "images"),
        ("accuracy", "loss"), ("accuracy", "superclass_top1"),
    ],
    ids=str,
)  # fmt: skip
def test_missing_field(model, path):
    fields = altered(card_fields(model, accuracy=ACCURACY), path)
    fails(write_fields(model, fields), f"'{path[-1]}' is missing")


@pytest.mark.parametrize(
    "field, value, phrase",
    [
        pytest.param("task", "segmentation", "segmentation", id="another task"),
        pytest.param("input", 3, "not a classifier's card", id="input a number"),
        pytest.param("labels", [], "labels", id="no labels"),
        pytest.param("labels", [""] * 100, "labels", id="empty labels"),
        pytest.param("labels", ["apple"] * 100, "different", id="labels alike"),
        pytest.param("data", 3, "data should be the name of a data set", id="data a number"),
        pytest.param("superclasses", ["one"] * 2, "superclasses should all be different", id="superclasses alike"),
        pytest.param("superclasses", [1], "superclasses", id="superclasses numbers"),
        pytest.param("superclass_of", [0] * 99, "100 numbers", id="a superclass short"),
        pytest.param("superclass_of", [20] * 100, "from 0 to 19", id="a superclass too high"),
        pytest.param("superclass_of", [-1] * 100, "from 0 to 19", id="a superclass below 0"),
        pytest.param("superclass_of", [True] * 100, "from 0 to 19", id="a superclass that is a truth"),
        pytest.param("accuracy", dict(ACCURACY, top1=62), "top1", id="per cent"),
        pytest.param("accuracy", dict(ACCURACY, top5=float("nan")), "top5", id="not a number"),
        pytest.param("accuracy", dict(ACCURACY, loss=-1), "loss", id="loss below 0"),
        pytest.param("accuracy", dict(ACCURACY, images=0), "images", id="of no images"),
        pytest.param("accuracy", dict(ACCURACY, images=0.5), "images", id="of half an image"),
    ],
)
def test_wrong_field(model, field, value, phrase):
    fails(write_card(model, **{field: value}), phrase)


@pytest.mark.parametrize(
    "key, value",
    [
        ("layout", "NHWC"), ("colour", "BGR"), ("scale", 0), ("scale", "1"), ("size", [32]), ("size", [0, 32]),
    ],
)  # fmt: skip
def test_wrong_input(model, key, value):
    fields = card_fields(model)["input"]
    fails(
        write_card(model, input=dict(fields, **{key: value})), "not a classifier's card", key.replace("size", "input")
    )
