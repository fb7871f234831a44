import os
import tracemalloc

import numpy as np
import pytest
from support.characters import ALPHABET, emnist_files, idx, packed, records, write_characters, write_files
from support.program import SHARED

from app.classification.emnist import CLASSES, Emnist
from app.errors import SourceError, UsageError

REAL = os.path.join(SHARED, "characters")
PLAIN = {"pack": bytes, "end": ""}
IMAGES, LABELS = "emnist-byclass-test-images-idx3-ubyte", "emnist-byclass-test-labels-idx1-ubyte"


def oracle(split, classes, test, train=0):
    """The images and labels of a split, record by record by the rule's words."""
    rows = []
    for part, count, seed in (("train", train, 2), ("test", test, 1)):
        images, numbers = records(count, seed)
        for n in range(count):
            last = n % 10
            if train:
                owner = "test" if part == "test" else "validation" if last == 1 else "train"
            else:
                owner = {0: "test", 1: "validation"}.get(last, "train")
            if owner == split and ALPHABET[numbers[n]] in classes:
                rows.append((images[n], classes.index(ALPHABET[numbers[n]])))
    return np.array([row[0] for row in rows]), [row[1] for row in rows]


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Data sets by form."""
    folder = tmp_path_factory.mktemp("characters")
    return {
        "packed": write_characters(folder / "packed", 2300),
        "plain": write_characters(folder / "plain", 2300, **PLAIN),
        "both parts": write_characters(folder / "both", 300, 1200),
    }


SIZES = {"packed": (2300, 0), "plain": (2300, 0), "both parts": (300, 1200)}


@pytest.mark.parametrize("split", ["train", "validation", "test"])
@pytest.mark.parametrize("form", sorted(SIZES))
def test_splits(places, form, split):
    images, labels = oracle(split, CLASSES, *SIZES[form])
    data = Emnist(places[form])
    batch = data.load(split)
    assert data.count(split) == len(labels) > 20
    assert batch.images.dtype == batch.fine.dtype == np.uint8
    assert batch.coarse is None
    assert batch.images.shape == (len(labels), 1, 28, 28)
    assert np.array_equal(batch.images[:, 0], images)  # upright
    assert batch.fine.tolist() == labels


@pytest.mark.parametrize("size", [1, 7, 1000, 5000])
def test_batches(places, size):
    data = Emnist(places["packed"])
    expected, batches = data.load("train"), list(data.batches("train", size))
    whole, rest = divmod(len(expected.fine), size)
    assert [len(batch.fine) for batch in batches] == [size] * whole + [rest] * (rest > 0)
    assert np.array_equal(np.concatenate([batch.images for batch in batches]), expected.images)
    assert np.array_equal(np.concatenate([batch.fine for batch in batches]), expected.fine)


@pytest.mark.parametrize("size, limit", [(7, 0), (7, 7), (7, 99), (1000, 1200), (100, 5000)])
def test_limit(places, size, limit):
    data = Emnist(places["packed"])
    batches = list(data.batches("train", size, limit))
    expected = data.load("train").fine[:limit].tolist()
    assert [label for batch in batches for label in batch.fine.tolist()] == expected
    assert all(len(batch.fine) == size for batch in batches[:-1])


def test_the_default_classes(places):
    data = Emnist(places["packed"])
    assert data.labels == list("0123456789ABCDEFGHIJKLMNPQRSTUVWXYZabdefghilmnoqrtuy")
    assert len(data.labels) == 52
    assert (data.channels, data.height, data.width, data.superclasses) == (1, 28, 28, [])
    assert not data.mirrors
    assert not data.complete
    assert Emnist(places["both parts"]).complete


@pytest.mark.parametrize("classes", ["xA3", "3A", ALPHABET])
def test_classes_in_the_order_given(places, classes):
    data = Emnist(places["packed"], classes)
    images, labels = oracle("train", classes, 2300)
    batch = data.load("train")
    assert data.labels == list(classes)
    assert np.array_equal(batch.images[:, 0], images)
    assert batch.fine.tolist() == labels


@pytest.mark.parametrize(
    "classes, phrase",
    [("", "at least two"), ("a", "at least two"), ("aba", "'a' is there more than once"), ("a\u00e9", "no character"),
     ("0 1", "no character ' '")],
)  # fmt: skip
def test_wrong_classes(places, classes, phrase):
    with pytest.raises(UsageError, match="^--classes: .*" + phrase):
        Emnist(places["packed"], classes)


def test_an_image_is_put_upright(tmp_path):
    """Record 0 has its ink in the first row of the file, which is the first column of the picture."""
    stored = np.zeros((1, 28, 28), np.uint8)
    stored[0, 0] = np.arange(28)
    files = emnist_files("test", stored.transpose(0, 2, 1), np.array([1], np.uint8))
    files[IMAGES + ".gz"] = packed(idx(stored))
    image = Emnist(write_files(tmp_path, files)).load("test").images[0, 0]
    assert image[:, 0].tolist() == list(range(28))
    assert not image[:, 1:].any()


def test_a_split_that_it_has_not(places):
    data = Emnist(places["packed"])
    for call in (data.count, data.load, lambda split: list(data.batches(split))):
        with pytest.raises(UsageError, match="no split called 'all'; use --split train, validation or test"):
            call("all")


def test_a_split_without_images(tmp_path):
    data = Emnist(write_characters(tmp_path / "data", 20), "0E")  # records 0 and 2
    with pytest.raises(SourceError, match="the split validation has no image of the 2 classes"):
        data.count("validation")


def fails(path, *phrases):
    """Reading everything fails in one line that begins with a path and ends with the next command."""
    with pytest.raises(SourceError) as caught:
        data = Emnist(path)
        data.check()
    message = str(caught.value)
    assert message.startswith(path)
    assert message.endswith("; get it with: python -m tools.fetch emnist")
    assert "\n" not in message
    for phrase in phrases:
        assert phrase in message


def test_no_folder(tmp_path):
    fails(str(tmp_path / "absent"), "not found")
    (tmp_path / "file").write_bytes(b"")
    fails(str(tmp_path / "file"), "is not a folder")


FILES = emnist_files("test", *records(70))


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_missing_file(tmp_path, name):
    fails(write_files(tmp_path, {other: FILES[other] for other in FILES if other != name}), "contains no " + name)


@pytest.mark.parametrize("kind", ["images-idx3", "labels-idx1"])
def test_half_a_training_part(tmp_path, kind):
    """It is not passed over in silence."""
    training = emnist_files("train", *records(70))
    missing = f"emnist-byclass-train-{kind}-ubyte.gz"
    del training[missing]
    path = write_files(tmp_path, dict(FILES, **training))
    fails(path, "contains no " + missing)
    with pytest.raises(SourceError, match="contains no"):
        Emnist(path).count("train")


def numbers(*changes):
    array = records(70)[1].copy()
    for record, number in changes:
        array[record] = number
    return array


@pytest.mark.parametrize(
    "name, content, phrase",
    [
        pytest.param(IMAGES, packed(idx(records(69)[0])), "has 69 records, and its labels' file has 70", id="count"),
        pytest.param(IMAGES, packed(idx(records(70)[0])[:-1]), "record 69 of 70 is cut off", id="cut off"),
        pytest.param(IMAGES, packed(idx(records(70)[0]))[:-100], "record 69 of 70 is cut off", id="cut off packed"),
        pytest.param(IMAGES, packed(idx(records(70)[0]) + b"1"), "longer than its 70 records", id="too long"),
        pytest.param(IMAGES, packed(idx(numbers())), "magic number is 00000801", id="labels for images"),
        pytest.param(IMAGES, packed(idx(records(70)[0][:, 1:])), "of 27x28 instead of 28x28", id="size"),
        pytest.param(LABELS, packed(idx(numbers((69, 62)))), "record 69: label 62 is not one of 0 to 61", id="label"),
        pytest.param(LABELS, packed(idx(numbers()[:69])), "has 70 records, and its labels' file has 69", id="labels"),
        pytest.param(LABELS, packed(idx(numbers())[:-3]), "record 67 of 70 is cut off", id="labels cut off"),
        pytest.param(LABELS, packed(idx(numbers()))[:-1], "its end is cut off", id="labels cut off packed"),
    ],
)
def test_wrong_contents(tmp_path, name, content, phrase):
    fails(write_files(tmp_path, dict(FILES, **{name + ".gz": content})), phrase)


@pytest.mark.parametrize(
    "content",
    [b"", b"0 48\n", FILES["emnist-byclass-mapping.txt"].replace(b"61 122", b"61 121"), b"\xff\0" * 124, b"a b\n" * 62,
     FILES["emnist-byclass-mapping.txt"].replace(b"0 48", b"0 10"), FILES["emnist-byclass-mapping.txt"] + b"62 33\n"],
    ids=["empty", "one", "twice the same", "binary", "words", "a newline", "63"],
)  # fmt: skip
def test_a_wrong_mapping(tmp_path, content):
    fails(write_files(tmp_path, dict(FILES, **{"emnist-byclass-mapping.txt": content})), "62 different characters")


@pytest.mark.parametrize("limit", [None, 7, 8])
def test_who_takes_all_images_has_the_checksum_compared(tmp_path, limit):
    """The last 8 bytes of a gzip file are the checksum and the size; 7 of 70 records are of the test split."""
    content = bytearray(FILES[IMAGES + ".gz"])
    content[-8] ^= 1
    data = Emnist(write_files(tmp_path, dict(FILES, **{IMAGES + ".gz": bytes(content)})), ALPHABET)
    assert len(list(data.batches("test", 2, 6))) == 3
    with pytest.raises(SourceError, match="CRC check failed"):
        list(data.batches("test", 2, limit))


def test_a_count_needs_no_pass_over_the_images(tmp_path):
    """And finds an unpacked file that is cut off all the same."""
    path = write_files(tmp_path, emnist_files("test", *records(70), **PLAIN))
    assert Emnist(path, ALPHABET).count("test") == 7
    os.truncate(os.path.join(path, IMAGES), 16 + 784 * 50)
    with pytest.raises(SourceError, match="record 50 of 70 is cut off"):
        Emnist(path).count("test")


def test_memory_stays_flat(tmp_path):
    """16 MB of images pass through less than 8 MB."""
    files = emnist_files("test", np.zeros((1, 28, 28), np.uint8), np.zeros(20000, np.uint8))
    files[IMAGES + ".gz"] = packed(idx(np.zeros((20000, 28, 28), np.uint8)))
    data = Emnist(write_files(tmp_path, files))
    tracemalloc.start()
    try:
        count = sum(len(batch.fine) for batch in data.batches("train", 64))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 16000
    assert peak < 8e6


@pytest.mark.slow
@pytest.mark.skipif(not os.path.isdir(REAL), reason="EMNIST is not in shared/data")
def test_the_real_test_part():
    data = Emnist(REAL)
    assert data.check() == {"test": 116323}
    counts = {split: data.count(split) for split in data.splits}
    assert sum(counts.values()) == 108291
    total = sum(np.bincount(data.load(split).fine, minlength=52) for split in data.splits)
    assert total.min() == 381
    assert total[:10].sum() == 57918
