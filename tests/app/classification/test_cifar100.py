import json
import os
import pickle
import tarfile
import tracemalloc

import numpy as np
import pytest
from support.program import SHARED

from app.classification.cifar100 import ADDRESS, COARSE, FILES, FINE, RECORD, SIDE, Cifar100
from app.errors import SourceError
from app.modelcard import WEIGHTS

ARCHIVE = os.path.join(SHARED, "cifar-100-binary.tar.xz")
COUNTS = {"train": 2503, "test": 1010}
FOLDER, COMPRESSIONS = "folder", ["tar", "tar.gz", "tar.xz"]


def make_records(count, seed):
    """(count, 3074) uint8 with labels that are right."""
    records = np.random.RandomState(seed).randint(0, 256, (count, RECORD)).astype(np.uint8)
    records[:, 0] = np.arange(count) % COARSE
    records[:, 1] = np.arange(count) % FINE
    return records


RECORDS = {split: make_records(count, seed) for seed, (split, count) in enumerate(sorted(COUNTS.items()))}


def make_files(**changes):
    """The contents of the four files by name; `changes` by name without ending, None to leave one out."""
    files = {
        "train.bin": RECORDS["train"][:20].tobytes(),
        "test.bin": RECORDS["test"][:10].tobytes(),
        "fine_label_names.txt": "".join(f"fine{label}\n" for label in range(FINE)).encode() + b"\n",
        "coarse_label_names.txt": "".join(f"coarse{label}\n" for label in range(COARSE)).encode(),
    }
    files.update({name: changes[name.split(".")[0]] for name in FILES if name.split(".")[0] in changes})
    return {name: content for name, content in files.items() if content is not None}


def write(folder, form, files):
    """Write the files as a folder or an archive; its path."""
    path = folder / ("data" if form == FOLDER else "data." + form)
    if form == FOLDER:
        path.mkdir()
        for name, content in files.items():
            (path / name).write_bytes(content)
        return str(path)
    mode, options = {"tar": ("w", {}), "tar.gz": ("w:gz", {"compresslevel": 1}), "tar.xz": ("w:xz", {"preset": 0})}[
        form
    ]
    with tarfile.open(str(path), mode, **options) as archive:
        parent = tarfile.TarInfo("cifar-100-binary")
        parent.type = tarfile.DIRTYPE
        archive.addfile(parent)
        for name, content in sorted(files.items()):
            add(archive, "cifar-100-binary/" + name, content)
    return str(path)


def add(archive, name, content, size=None):
    """Add a file to an archive, whose header may say another size than it has."""
    information = tarfile.TarInfo(name)
    information.size = len(content) if size is None else size
    archive.fileobj.write(information.tobuf(tarfile.GNU_FORMAT) + content + b"\0" * (-len(content) % 512))


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """The same data by form."""
    folder = tmp_path_factory.mktemp("cifar")
    files = make_files(train=RECORDS["train"].tobytes(), test=RECORDS["test"].tobytes())
    return {form: write(folder, form, files) for form in [FOLDER] + COMPRESSIONS}


def read_all(path):
    """Everything that can be read of it."""
    data = Cifar100(path)
    for split in COUNTS:
        for _ in data.batches(split):
            pass


def fails(path, *phrases):
    """Reading everything fails in one line that begins with the path."""
    with pytest.raises(SourceError) as caught:
        read_all(path)
    message = str(caught.value)
    assert message.startswith(path + ": ")
    assert "\n" not in message
    for phrase in phrases:
        assert phrase in message


@pytest.mark.parametrize("size", [1, 7, 1000, 1500])
@pytest.mark.parametrize("form", [FOLDER] + COMPRESSIONS)
@pytest.mark.parametrize("split", sorted(COUNTS))
def test_batches(places, form, size, split):
    batches = list(Cifar100(places[form]).batches(split, size))
    whole, rest = divmod(COUNTS[split], size)
    assert [len(batch.images) for batch in batches] == [size] * whole + [rest] * (rest > 0)
    for batch in batches:
        assert batch.images.shape[1:] == (3, SIDE, SIDE)
        assert batch.fine.shape == batch.coarse.shape == batch.images.shape[:1]
    for images, fine, coarse in (Cifar100(places[form]).load(split), map(np.concatenate, zip(*batches))):
        assert images.dtype == fine.dtype == coarse.dtype == np.uint8
        assert np.array_equal(images.reshape(-1, RECORD - 2), RECORDS[split][:, 2:])
        assert np.array_equal(fine, RECORDS[split][:, 1])
        assert np.array_equal(coarse, RECORDS[split][:, 0])


@pytest.mark.parametrize("form", [FOLDER] + COMPRESSIONS)
def test_count_and_names(places, form):
    data = Cifar100(places[form])
    assert {split: data.count(split) for split in COUNTS} == COUNTS
    assert data.fine_names == [f"fine{label}" for label in range(FINE)]
    assert data.coarse_names == [f"coarse{label}" for label in range(COARSE)]


def test_order_of_pixels(tmp_path):
    """Red plane first, each plane row by row: checked against the description, not against a reshape."""
    record = bytes([3, 42]) + bytes(
        plane * 80 + (row + column * 2) % 80 for plane, row, column in np.ndindex(3, 32, 32)
    )
    batch = Cifar100(write(tmp_path, FOLDER, make_files(test=record))).load("test")
    assert (batch.coarse[0], batch.fine[0]) == (3, 42)
    for plane, row, column in [(0, 0, 0), (0, 0, 31), (0, 31, 0), (1, 5, 9), (2, 30, 17), (2, 31, 31)]:
        assert batch.images[0, plane, row, column] == plane * 80 + (row + column * 2) % 80


@pytest.mark.parametrize("size, limit", [(7, 0), (7, 7), (7, 999), (1000, 1000), (1000, 1001), (1000, 5000)])
def test_limit(places, size, limit):
    batches = list(Cifar100(places[FOLDER]).batches("test", size, limit))
    expected = min(limit, COUNTS["test"])
    assert sum(len(batch.fine) for batch in batches) == expected
    assert all(len(batch.fine) == size for batch in batches[:-1])
    if batches:
        assert np.array_equal(np.concatenate([batch.fine for batch in batches]), RECORDS["test"][:expected, 1])


def test_two_passes_at_once(places):
    data = Cifar100(places["tar.xz"])
    for one, other in zip(data.batches("test", 100), data.batches("test", 100)):
        assert np.array_equal(one.images, other.images)


def test_a_pass_that_is_given_up(places):
    """The file is closed; the next pass begins at the beginning."""
    data = Cifar100(places["tar.gz"])
    batches = data.batches("train", 10)
    next(batches)
    batches.close()
    assert np.array_equal(next(data.batches("train", 10)).fine, RECORDS["train"][:10, 1])


def test_no_such_folder(tmp_path):
    fails(str(tmp_path / "absent"), "python -m tools.fetch cifar-100")


@pytest.mark.parametrize("form", [FOLDER, "tar.gz"])
@pytest.mark.parametrize("name", FILES)
def test_a_missing_or_empty_file(tmp_path, form, name):
    (tmp_path / "empty").mkdir()
    fails(write(tmp_path, form, make_files(**{name.split(".")[0]: None})), "no " + name)
    fails(write(tmp_path / "empty", form, make_files(**{name.split(".")[0]: b""})), name)


def explodes():
    raise AssertionError("unpickled")


class Explosive:
    def __reduce__(self):
        return explodes, ()


@pytest.mark.parametrize("form", [FOLDER, "tar.gz", "tar"])
def test_the_python_version_is_told_apart_and_not_unpickled(tmp_path, form):
    files = {name: pickle.dumps(Explosive()) for name in ("train", "test", "meta", "file.txt~")}
    path = write(tmp_path, form, files)
    fails(path, "Python version", "the binary one is at " + ADDRESS, "python -m tools.fetch cifar-100")
    if form == FOLDER:
        fails(os.path.join(path, "test"), "Python version")
        os.remove(os.path.join(path, "meta"))
        fails(path, "contains no ")
        fails(os.path.join(path, "test"), "not an archive")


def test_the_address_is_the_one_that_is_fetched():
    with open(os.path.join(WEIGHTS, "manifest.json")) as file:
        assert {"url": ADDRESS} in json.load(file)["cifar-100"]["sources"]


def wrong_label(number, column, label):
    records = make_records(1500, 7)
    records[number, column] = label
    return records.tobytes()


@pytest.mark.parametrize("form", [FOLDER, "tar.gz"])
@pytest.mark.parametrize(
    "changes, phrase",
    [
        pytest.param({"test": make_records(3, 0).tobytes()[:-1]}, "test.bin: record 2 is cut off", id="one byte short"),
        pytest.param({"train": b"1"}, "train.bin: record 0 is cut off: it has 1 of 3074 bytes", id="one byte"),
        pytest.param({"train": wrong_label(1000, 1, 100)}, "train.bin: record 1000: fine label 100", id="fine label"),
        pytest.param({"test": wrong_label(1499, 0, 20)}, "record 1499: coarse label 20", id="last coarse label"),
        pytest.param({"fine_label_names": b"a\n" * 99}, "fine_label_names.txt: has 99 names instead of 100", id="99"),
        pytest.param({"coarse_label_names": b"a\n" * 21}, "has 21 names instead of 20", id="21 coarse names"),
        pytest.param({"coarse_label_names": b"\xff\n" * 20}, "coarse_label_names.txt: not a list", id="not ASCII"),
        pytest.param({"fine_label_names": b"a\n" * 10**6}, "fine_label_names.txt: has", id="two megabytes of names"),
    ],
)
def test_wrong_contents(tmp_path, form, changes, phrase):
    fails(write(tmp_path, form, make_files(**changes)), phrase)


def test_a_limit_stops_before_what_is_wrong(tmp_path):
    data = Cifar100(write(tmp_path, FOLDER, make_files(test=wrong_label(1234, 1, 255))))
    assert sum(len(batch.fine) for batch in data.batches("test", 100, 1200)) == 1200


@pytest.mark.parametrize("form", COMPRESSIONS)
def test_an_archive_that_is_cut_off_or_none(places, tmp_path, form):
    with open(places[form], "rb") as file:
        content = file.read()
    path = tmp_path / "cut"
    # Not near the end: what an archive ends with after its last member need not be there to read the members.
    for length in [0, 1, 10, 100, 511, 512, 600, 1024, 2000] + [len(content) * tenth // 10 for tenth in range(1, 10)]:
        path.write_bytes(content[:length])
        fails(str(path))
    for other in (b"\0" * 5000, b"no archive" * 500):
        path.write_bytes(other)
        fails(str(path))


def damages(content):
    """Variants of an archive: a part of it replaced, at many places; how, and the variant."""
    random = np.random.RandomState(1)
    starts = list(range(0, 1024, 13)) + list(random.randint(0, len(content), 60))
    for start in starts:
        for piece in (b"\0", b"\xff", b"\0" * 512, bytes(random.randint(0, 256, 40).astype(np.uint8))):
            yield content[:start] + piece + content[start + len(piece) :]


@pytest.mark.parametrize("form", COMPRESSIONS)
def test_a_damaged_archive(tmp_path, form):
    """It is read, where the damage is in pixels, or refused in one line; nothing else happens."""
    path = write(tmp_path, form, make_files())
    with open(path, "rb") as file:
        content = file.read()
    refused = []
    for variant in damages(content):
        with open(path, "wb") as file:
            file.write(variant)
        try:
            read_all(path)
        except SourceError as error:
            refused.append(str(error))
    assert len(refused) > 20
    assert all(message.startswith(path + ": ") and "\n" not in message for message in refused)


@pytest.mark.parametrize("size", [0, 5, 30 * RECORD, 10**10])
def test_a_size_that_lies(tmp_path, size):
    """The archive's header of test.bin, its last file, says another size than it has."""
    path = str(tmp_path / "data.tar")
    files = make_files()
    with tarfile.open(path, "w") as archive:
        for name, content in sorted(files.items(), key=lambda item: item[0] == "test.bin"):
            add(archive, name, content, size if name == "test.bin" else None)
    fails(path)


def test_members_that_are_no_files(tmp_path):
    """A link of the right name is not followed: it is as if it were not there."""
    path = str(tmp_path / "data.tar")
    (tmp_path / "secret").write_bytes(RECORDS["test"].tobytes())
    with tarfile.open(path, "w") as archive:
        for name, content in make_files(test=None).items():
            add(archive, name, content)
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE):
            information = tarfile.TarInfo("test.bin")
            information.type, information.linkname = kind, str(tmp_path / "secret")
            archive.addfile(information)
    fails(path, "no test.bin")


def test_unreadable(tmp_path):
    path = write(tmp_path, FOLDER, make_files(test=None))
    os.mkdir(os.path.join(path, "test.bin"))
    fails(path, "test.bin")


def test_a_file_that_shrinks(tmp_path):
    """Cut while it is read: the record at which it ends is named."""
    path = write(tmp_path, FOLDER, make_files(train=make_records(3000, 0).tobytes()))
    batches = Cifar100(path).batches("train", 1000)
    next(batches)
    os.truncate(os.path.join(path, "train.bin"), 1700 * RECORD)
    with pytest.raises(SourceError, match="train.bin ends before record 1700"):
        list(batches)


@pytest.mark.parametrize("form", [FOLDER, "tar.gz", "tar.xz"])
def test_memory_stays_flat(tmp_path, form):
    """30 MB of records pass through less than 20 MB, even where an archive makes them of next to nothing."""
    path = write(tmp_path, form, make_files(test=bytes(10000 * RECORD)))
    tracemalloc.start()
    try:
        count = sum(len(batch.images) for batch in Cifar100(path).batches("test", 64))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 10000
    assert peak < 20e6


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists(ARCHIVE), reason="CIFAR-100 is not in shared/data")
def test_the_real_test_set():
    data = Cifar100(ARCHIVE)
    assert data.fine_names[0] == "apple"
    assert data.coarse_names[-1] == "vehicles_2"
    _, fine, coarse = data.load("test")
    assert np.array_equal(np.bincount(fine), [100] * FINE)
    assert np.array_equal(np.bincount(coarse), [500] * COARSE)
    assert len(set(zip(fine.tolist(), coarse.tolist()))) == FINE, "each class is of one superclass"
