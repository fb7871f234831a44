import os
import zipfile

import pytest
from support.characters import emnist_files, records, write_characters
from support.classifiers import LABELS, SUPERCLASSES, write_data

from app.classification import datasets
from app.classification.cifar100 import Cifar100
from app.classification.datasets import NAMES, data_path, is_characters, open_dataset
from app.classification.emnist import Emnist
from app.errors import SourceError, UsageError


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A weights folder with both data sets, in the place of the real one."""
    folder = tmp_path / "weights"
    folder.mkdir()
    write_data(folder / "cifar-100-binary")
    write_characters(folder / "emnist-byclass", 70)
    monkeypatch.setattr(datasets, "WEIGHTS", str(folder))
    return folder


def test_by_name(weights):
    assert NAMES == ("cifar-100", "characters")
    for name, kind, folder in (("cifar-100", Cifar100, "cifar-100-binary"), ("characters", Emnist, "emnist-byclass")):
        data = open_dataset(name)
        assert isinstance(data, kind)
        assert (data.name, data.path) == (name, str(weights / folder)) == (name, data_path(name))


def test_by_folder(weights):
    assert isinstance(open_dataset(str(weights / "cifar-100-binary")), Cifar100)
    assert isinstance(open_dataset(str(weights / "emnist-byclass")), Emnist)
    assert [is_characters(str(weights / name)) for name in ("cifar-100-binary", "emnist-byclass")] == [False, True]
    assert data_path("some/folder") == "some/folder"


def test_a_name_goes_before_a_folder(weights, tmp_path, monkeypatch):
    monkeypatch.chdir(str(tmp_path))
    write_data(tmp_path / "characters")
    assert isinstance(open_dataset("characters"), Emnist)
    assert isinstance(open_dataset("./characters"), Cifar100)


def test_attributes_of_cifar(weights):
    data = open_dataset("cifar-100")
    assert (data.labels, data.superclasses) == (LABELS, SUPERCLASSES)
    assert (data.channels, data.height, data.width, data.splits, data.mirrors) == (3, 32, 32, ("train", "test"), True)
    for call in (data.count, data.load, lambda split: list(data.batches(split))):
        with pytest.raises(UsageError, match="CIFAR-100 has no split called 'validation'; use --split train or test"):
            call("validation")


def test_classes(weights):
    assert open_dataset("characters", "bA").labels == ["b", "A"]
    with pytest.raises(UsageError, match="--classes picks characters"):
        open_dataset("cifar-100", "bA")


def fails(path, *phrases):
    with pytest.raises(SourceError) as caught:
        open_dataset(path)
    message = str(caught.value)
    assert "\n" not in message
    for phrase in phrases:
        assert phrase in message


def test_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "WEIGHTS", str(tmp_path))
    fails(
        "characters", os.path.join(str(tmp_path), "emnist-byclass"), "not found; get it with: python -m tools.fetch e"
    )
    fails("cifar-100", "not found; get it with: python -m tools.fetch cifar-100")
    fails("absent", "absent: not found; get it with: python -m tools.fetch cifar-100")


def test_what_is_no_data_set(tmp_path):
    fails(str(tmp_path), "has no files of CIFAR-100 or EMNIST", "python -m tools.fetch cifar-100 (or emnist)")
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "test.bin").write_bytes(b"")
    fails(str(tmp_path / "half"), "contains no fine_label_names.txt")
    archive = str(tmp_path / "gzip.zip")
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("gzip/emnist-byclass-mapping.txt", "0 48")
    fails(archive, "name a folder with EMNIST's files", "python -m tools.fetch emnist")
    for name, content in emnist_files("test", *records(70)).items():
        (tmp_path / name).write_bytes(content)
        fails(str(tmp_path / name), "name a folder with EMNIST's files")
    (tmp_path / "another").mkdir()
    (tmp_path / "another" / "emnist-letters-mapping.txt").write_text("0 48")
    fails(str(tmp_path / "another"), "contains no emnist-byclass-mapping.txt")
