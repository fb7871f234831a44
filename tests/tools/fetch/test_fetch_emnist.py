import hashlib
import io
import os
import zipfile

import pytest
from support.characters import emnist_files, idx, packed, records, write_files
from support.webserver import serving

from app.classification.emnist import Emnist
from app.errors import ModelError
from tools.fetch import manifest
from tools.fetch.manifest import fetch

DATA = "emnist-byclass"
COUNTS = {"train": 150, "test": 70}
TEST = emnist_files("test", *records(70, 1))
ALL = dict(TEST, **emnist_files("train", *records(150, 2)))
IMAGES, LABELS = "emnist-byclass-test-images-idx3-ubyte.gz", "emnist-byclass-test-labels-idx1-ubyte.gz"


def pack(files, prefix="gzip/", method=zipfile.ZIP_DEFLATED, others=()):
    """A zip archive as bytes. others: names and contents that come first."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in [*others, *((prefix + name, content) for name, content in files.items())]:
            archive.writestr(name, content)
    return buffer.getvalue()


GOOD = pack(ALL, others=[("gzip/emnist-letters-mapping.txt", b"1 65 97\n"), ("gzip/", b"")])


@pytest.fixture
def give(write_manifest):
    """Name the address of the data set in the manifest."""

    def give(url="http://absent.invalid/", content=GOOD, **changes):
        entry = {"folder": DATA, "size": len(content), "md5": hashlib.md5(content).hexdigest(), "images": COUNTS}
        write_manifest(emnist=dict(entry, licence="none", sources=[{"url": url}], **changes))

    return give


@pytest.fixture
def weights(folder, give):
    """An empty weights folder; in the end one of the two good data sets is there, or nothing is."""
    give()
    yield folder
    assert contents(folder) in ({}, TEST, ALL)


def contents(weights):
    """What is in the data set's folder; nothing else may be in weights/."""
    assert os.listdir(str(weights)) in ([], [DATA])
    place = weights / DATA
    return {name: (place / name).read_bytes() for name in os.listdir(str(place))} if place.exists() else {}


def fetched(weights, place=None, expected=ALL):
    assert fetch("emnist", place) == str(weights / DATA)
    assert contents(weights) == expected


def fails(phrase, place=None):
    """Fetching fails with this phrase, in one line, and says what to type next; nothing is left."""
    with pytest.raises(ModelError, match=phrase) as caught:
        fetch("emnist", place)
    message = str(caught.value)
    assert message.endswith("python -m tools.fetch emnist --from PLACE")
    assert "get it with" not in message
    assert "\n" not in message
    assert ".fetch-" not in message, "no names of temporary folders"
    assert os.listdir(manifest.WEIGHTS) == []


def test_from_the_web(weights, give, capsys):
    with serving({"/good": GOOD}) as (address, _):
        give(address + "/good")
        fetched(weights)
        assert f"fetching {DATA} (0.2 MB) from 127.0.0.1" in capsys.readouterr().err
        assert Emnist(str(weights / DATA)).complete


def test_another_archive_on_the_web(weights, give):
    with serving({"/other": pack(ALL)}) as (address, _):
        give(address + "/other")
        fails("wrong checksum")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
@pytest.mark.parametrize("prefix", ["gzip/", "", "any/folder/"])
def test_from_an_archive(weights, tmp_path, prefix, method):
    """Not the official one: its checksum is another."""
    path = tmp_path / "mine.zip"
    path.write_bytes(pack(ALL, prefix, method))
    fetched(weights, str(path))
    assert path.exists(), "copied, not moved"


@pytest.mark.parametrize("place", [".", "gzip", DATA])
def test_from_a_folder(weights, tmp_path, place, capsys):
    write_files(tmp_path / "stick" / place, dict(ALL, other=b"1"))
    fetched(weights, str(tmp_path / "stick"))
    assert "test part only" not in capsys.readouterr().err


def test_an_archive_in_a_folder(weights, tmp_path):
    (tmp_path / "stick").mkdir()
    (tmp_path / "stick" / "gzip.zip").write_bytes(GOOD)
    fetched(weights, str(tmp_path / "stick"))


def test_unpacked_files(weights, tmp_path):
    """They stay unpacked."""
    plain = emnist_files("test", *records(70, 1), pack=bytes, end="")
    fetch("emnist", write_files(tmp_path / "stick", plain))
    assert sorted(os.listdir(str(weights / DATA))) == sorted(plain)
    assert Emnist(str(weights / DATA)).check() == {"test": 70}
    fetched(weights, write_files(tmp_path / "all", ALL))


def test_the_test_part_alone(weights, tmp_path, capsys):
    """It will do, which is said; once there is the training part too, it is fetched."""
    stick = write_files(tmp_path / "stick", TEST)
    fetched(weights, stick, TEST)
    assert "has EMNIST's test part only, which is divided" in capsys.readouterr().err
    with pytest.raises(ModelError, match="could not fetch"):
        fetch("emnist", str(tmp_path / "absent"))
    assert contents(weights) == TEST
    fetched(weights, write_files(tmp_path / "all", ALL))
    assert "test part only, which is divided into training, validation and test set; fetching" in (
        capsys.readouterr().err
    )
    before = os.stat(str(weights / DATA)).st_ino
    fetched(weights, stick)
    assert os.stat(str(weights / DATA)).st_ino == before, "what is complete is not fetched again"


def changed(**changes):
    """The test part, its images or labels or mapping with other contents, or left out where that is None."""
    names = {"images": IMAGES, "labels": LABELS, "mapping": "emnist-byclass-mapping.txt"}
    files = dict(TEST, **{names[key]: content for key, content in changes.items()})
    return {name: content for name, content in files.items() if content is not None}


NUMBERS = records(70, 1)[1]
WRONG = NUMBERS.copy()
WRONG[3] = 62


@pytest.mark.parametrize(
    "changes, phrase",
    [
        pytest.param({"images": None}, "no emnist-byclass-test-images-idx3-ubyte", id="no images"),
        pytest.param({"mapping": None}, "no emnist-byclass-mapping.txt", id="no mapping"),
        pytest.param({"labels": b""}, LABELS + ": its header is cut off", id="empty"),
        pytest.param({"labels": TEST[LABELS][:-2]}, LABELS + ": its end is cut off", id="cut off"),
        pytest.param(
            {"images": TEST[IMAGES][:20000]}, IMAGES + ": record [0-9]+ of 70 is cut off", id="images cut off"
        ),
        pytest.param(
            {"images": packed(idx(records(69)[0]))}, "has 69 records, and its labels' file has 70", id="count"
        ),
        pytest.param({"labels": packed(idx(WRONG))}, LABELS + ": record 3: label 62 is not one of", id="label"),
        pytest.param(
            {"images": packed(idx(records(69)[0])), "labels": packed(idx(NUMBERS[:69]))},
            "its test part has 69 records instead of 70",
            id="too few",
        ),
        pytest.param({"images": b"1" * 10**5}, IMAGES + " is too long, or contained twice", id="too long"),
        pytest.param({"mapping": b"0 48\n"}, "mapping.txt: should give 62 different characters", id="mapping"),
        pytest.param({"mapping": b"0" * 10**4}, "mapping.txt is too long", id="long mapping"),
    ],
)
def test_wrong_contents(weights, tmp_path, changes, phrase):
    """From a folder, from an archive."""
    files = changed(**changes)
    fails(phrase, write_files(tmp_path / "stick", files))
    (tmp_path / "data.zip").write_bytes(pack(files))
    fails(phrase, str(tmp_path / "data.zip"))


def test_half_a_training_part(weights, tmp_path):
    files = dict(ALL)
    del files["emnist-byclass-train-labels-idx1-ubyte.gz"]
    fails("contains no emnist-byclass-train-labels-idx1-ubyte.gz", write_files(tmp_path / "stick", files))


def test_only_known_files_are_written(weights, tmp_path):
    """Whatever a hostile archive has besides, and wherever it wants it."""
    evil = [("../evil", b"1"), ("/" + str(tmp_path / "evil"), b"1"), ("gzip/evil.py", b"1")]
    (tmp_path / "data.zip").write_bytes(pack(ALL, "../../", others=evil))
    fetched(weights, str(tmp_path / "data.zip"))
    assert sorted(os.listdir(str(tmp_path))) == ["data.zip", "manifest.json", "weights"]


def test_a_member_that_is_there_twice(weights, tmp_path):
    (tmp_path / "data.zip").write_bytes(pack(ALL, others=[("again/" + IMAGES, TEST[IMAGES])]))
    fails(IMAGES + " is too long, or contained twice", str(tmp_path / "data.zip"))


def test_a_damaged_archive(weights, tmp_path):
    path = tmp_path / "data.zip"
    for tenth in range(10):
        path.write_bytes(GOOD[: len(GOOD) * tenth // 10])
        fails("data.zip is damaged, or not a zip archive", str(path))
    content = bytearray(pack(TEST, method=zipfile.ZIP_STORED))
    content[content.index(TEST[IMAGES]) + 5000] ^= 1
    path.write_bytes(bytes(content))
    fails("data.zip is damaged, or not a zip archive", str(path))
    content = bytearray(pack(TEST, method=zipfile.ZIP_LZMA))
    content[1000:1020] = b"\xff" * 20
    path.write_bytes(bytes(content))
    fails("data.zip is damaged, or not a zip archive", str(path))


def test_a_place_that_has_nothing(weights, tmp_path):
    (tmp_path / "stick").mkdir()
    fails("has neither the files of EMNIST by-class nor gzip.zip", str(tmp_path / "stick"))
    fails("no such folder or archive", str(tmp_path / "absent"))
    (tmp_path / "data.zip").write_bytes(pack({"emnist-letters-mapping.txt": b"1 65 97\n"}))
    fails("data.zip has no file of EMNIST by-class", str(tmp_path / "data.zip"))


def test_a_full_disk(weights, tmp_path, full_disk):
    with pytest.raises(ModelError, match="cannot write it: the disk is full"):
        fetch("emnist", write_files(tmp_path / "stick", ALL))
