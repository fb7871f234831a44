import os
import sys

import pytest

from app.errors import SourceError
from tools.train_detector.data_yaml import parse_plain, read_data_yaml

# As Ultralytics and Roboflow write them.
ULTRALYTICS = """# a remark
path: ../sets/apples  # of the data set
train: images/train
val: images/val
test:

names:
  0: apple
  1: 'green pear'
"""
ROBOFLOW = """train: ../train/images
val: ../valid/images

nc: 2
names: ['WBC', "R#BC"]

roboflow:
  workspace: one
  project: two
"""
LIST = """train:
  - a/images
  - b/images
nc: 2
names:
- cat
- dog
"""


@pytest.mark.parametrize(
    "text, expected",
    [
        (
            ULTRALYTICS,
            {
                "path": "../sets/apples",
                "train": "images/train",
                "val": "images/val",
                "test": None,
                "names": {0: "apple", 1: "green pear"},
            },
        ),
        (
            ROBOFLOW,
            {
                "train": "../train/images",
                "val": "../valid/images",
                "nc": 2,
                "names": ["WBC", "R#BC"],
                "roboflow": {"workspace": "one", "project": "two"},
            },
        ),
        (LIST, {"train": ["a/images", "b/images"], "nc": 2, "names": ["cat", "dog"]}),
        ("names: {0: a, 1: b}", {"names": {0: "a", 1: "b"}}),
    ],
)
def test_the_small_parser_reads_what_pyyaml_reads(text, expected):
    assert parse_plain(text) == expected
    yaml = pytest.importorskip("yaml")
    assert yaml.safe_load(text) == expected


@pytest.fixture(params=["with PyYAML", "without"])
def parser(request, monkeypatch):
    if request.param == "without":
        monkeypatch.setitem(sys.modules, "yaml", None)
    else:
        pytest.importorskip("yaml")


def test_paths_are_relative_to_path_or_to_the_file(parser, tmp_path):
    (tmp_path / "sets/apples/images/train").mkdir(parents=True)
    (tmp_path / "here").mkdir()
    (tmp_path / "here/data.yaml").write_text(ULTRALYTICS)
    found = read_data_yaml(str(tmp_path / "here/data.yaml"))
    assert [os.path.realpath(path) for path in found.train] == [str(tmp_path / "sets/apples/images/train")]
    assert found.names == ("apple", "green pear")


def test_roboflows_paths_that_lead_out_of_the_folder_are_found_in_it(parser, tmp_path):
    (tmp_path / "set/train/images").mkdir(parents=True)
    (tmp_path / "set/data.yaml").write_text(ROBOFLOW)
    found = read_data_yaml(str(tmp_path / "set/data.yaml"))
    assert found.train == [str(tmp_path / "set/train/images")]
    assert found.names == ("WBC", "R#BC")


@pytest.mark.parametrize(
    "text, message",
    [
        ("names: [a]", "it has no train"),
        ("train: x", "it should have names"),
        ("train: x\nnames: []", "it should have names"),
        ("train: x\nnames: [a, a]", "should be different"),
        ("train: x\nnames: {0: a, 2: b}", "without gaps"),
        ("train: x\nnames: !!python/object/apply:os.system [ls]", "tags"),
        ("train: &a x\nnames: [*a]", "references"),
        ("a: &a [x, x]\nb: &b [*a, *a]", "references"),
        ("just text", "should"),
        ("train: 7\nnames: [a]", "its train should be a path"),
        ("path: [a]\ntrain: x\nnames: [a]", "its path should be text"),
    ],
)
def test_what_is_no_data_yaml_is_refused(parser, tmp_path, text, message):
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(SourceError, match=message):
        read_data_yaml(str(tmp_path / "data.yaml"))


def test_names_may_hold_an_exclamation_mark(parser, tmp_path):
    (tmp_path / "data.yaml").write_text("train: x\nnames: ['stop!', 'A & B']")
    assert read_data_yaml(str(tmp_path / "data.yaml")).names == ("stop!", "A & B")
