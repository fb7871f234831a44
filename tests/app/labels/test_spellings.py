import pytest

from app.labels import RENAMED, positions, standard

LABELS = ["person", "traffic light", "sofa", "pottedplant", "tvmonitor"]


@pytest.mark.parametrize("old, new", sorted(RENAMED.items()))
def test_both_spellings_of_coco(old, new):
    assert positions(old, ["person", new]) == positions(new, ["person", old]) == [1]


@pytest.mark.parametrize(
    "name", ["traffic light", "traffic_light", "traffic-light", "Traffic Light", " TRAFFIC  light"]
)
def test_case_and_what_stands_for_a_space(name):
    assert positions(name, LABELS) == [1]


@pytest.mark.parametrize("name", ["Potted-Plant", "potted_plant", "pottedPlant", "potted plant"])
def test_both_at_once(name):
    assert positions(name, LABELS) == [3]


@pytest.mark.parametrize(
    "name, labels, found",
    [
        pytest.param("light", LABELS, [], id="a part of one"),
        pytest.param("", LABELS, [], id="none"),
        pytest.param("cat", ["CAT", "cat", "Cat"], [1], id="spelled so"),
        pytest.param("cat", ["CAT", "dog", "Cat"], [0, 2], id="ambiguous"),
        pytest.param("couch", ["sofa", "couch"], [1], id="one of two, spelled so"),
        pytest.param("Couch", ["sofa", "couch"], [0, 1], id="one of two, spelled otherwise"),
        pytest.param("Cat", ["dog", "cat", "cat"], [1], id="a label that occurs twice"),
        pytest.param("STRASSE", ["Straße"], [0], id="not ASCII"),
    ],
)
def test_positions(name, labels, found):
    assert positions(name, labels) == found


def test_standard_of_a_standard_name():
    for name in LABELS:
        assert standard(standard(name)) == standard(name)
