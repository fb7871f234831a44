import pytest
from support.characters import ALPHABET, write_characters
from support.classifiers import LABELS, SUPERCLASS_OF, SUPERCLASSES, write_data

from app.classification import datasets
from app.classification.card import ClassifierCard
from app.classification.cifar100 import Cifar100
from app.classification.emnist import CLASSES, Emnist
from app.classification.fit import check_fit, check_views, choose_data, open_data
from app.errors import ModelError, SourceError, UsageError

CIFAR = ClassifierCard("cifar", "", tuple(LABELS), tuple(SUPERCLASSES), tuple(SUPERCLASS_OF), 32, 32, 1.0, None)
GREY = ClassifierCard("grey", "", tuple(CLASSES), (), (), 28, 28, 1.0, None, channels=1)


@pytest.fixture(scope="module")
def cifar(tmp_path_factory):
    return Cifar100(write_data(tmp_path_factory.mktemp("cifar") / "data"))


@pytest.fixture(scope="module")
def characters(tmp_path_factory):
    return Emnist(write_characters(tmp_path_factory.mktemp("characters") / "data", 70))


def test_what_the_card_says():
    assert [choose_data(card) for card in (CIFAR, GREY)] == ["cifar-100", "characters"]
    assert choose_data(CIFAR._replace(data="characters")) == "characters"
    assert choose_data(GREY._replace(data="characters"), "a/folder") == "a/folder"
    with pytest.raises(ModelError, match="cifar: its card names data that are not one of cifar-100, characters: /etc"):
        choose_data(CIFAR._replace(data="/etc"))


def test_the_characters_are_those_of_the_labels(characters, cifar):
    assert open_data(GREY._replace(labels=tuple("zA3")), characters.path).labels == ["z", "A", "3"]
    assert open_data(GREY._replace(labels=tuple(ALPHABET)), characters.path).labels == list(ALPHABET)
    assert open_data(GREY._replace(labels=("one", "two")), characters.path).labels == list(CLASSES)
    assert open_data(GREY, cifar.path).labels == LABELS
    with pytest.raises(SourceError, match="absent: not found"):
        open_data(GREY, "absent")


def test_characters_by_name(characters, monkeypatch, tmp_path):
    monkeypatch.setattr(datasets, "WEIGHTS", str(tmp_path))
    write_characters(tmp_path / "emnist-byclass", 70)
    assert open_data(GREY._replace(labels=tuple("zA3")), "characters").labels == ["z", "A", "3"]


def test_a_fit(cifar, characters):
    check_fit("m", CIFAR, cifar)
    check_fit("m", CIFAR._replace(superclasses=(), superclass_of=()), cifar)  # then they are left out
    check_fit("m", GREY, characters)


@pytest.mark.parametrize(
    "changes, phrase",
    [
        ({"channels": 1}, "m: takes grey images of 32x32 pixels, and CIFAR-100 has RGB images of 32x32 pixels"),
        ({"height": 64}, "m: takes RGB images of 32x64 pixels, and CIFAR-100 has RGB images of 32x32 pixels"),
        ({"width": 64}, "takes RGB images of 64x32 pixels"),
        ({"labels": tuple(LABELS[:99])}, "m: its card has 99 label names, the data have 100"),
        ({"labels": tuple(LABELS[::-1])}, "m: label 0 is fine99 on its card, and fine0 in the data"),
        ({"superclasses": tuple(SUPERCLASSES[::-1])}, "m: superclass 0 is coarse19 on its card, and coarse0 in"),
    ],
)
def test_no_fit(cifar, changes, phrase):
    with pytest.raises(ModelError, match=phrase):
        check_fit("m", CIFAR._replace(**changes), cifar)


def test_a_card_of_the_other_data(cifar, characters):
    with pytest.raises(ModelError, match="takes grey images of 28x28 pixels, and CIFAR-100 has RGB.*--data"):
        check_fit("m", GREY, cifar)
    with pytest.raises(ModelError, match="takes RGB images of 32x32 pixels, and EMNIST has grey"):
        check_fit("m", CIFAR, characters)


def test_views(cifar, characters):
    for count in (1, 2, 3, 6):
        check_views(count, cifar)
    for count in (1, 3):
        check_views(count, characters)
    for count in (2, 6):
        with pytest.raises(UsageError, match=f"--views {count}: .*; use --views 1 or 3"):
            check_views(count, characters)
