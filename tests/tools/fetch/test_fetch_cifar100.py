import hashlib
import io
import os
import shutil
import signal
import tarfile

import pytest
from support.program import start
from support.webserver import serving

from app.classification.cifar100 import COARSE, FILES, FINE, RECORD, Cifar100
from app.errors import ModelError
from tools.fetch import manifest
from tools.fetch.manifest import fetch

IMAGES = {"train": 50, "test": 10}
DATA = "cifar-100-binary"


def make_bin(count):
    return b"".join(bytes([number % COARSE, number % FINE]) + bytes([number]) * (RECORD - 2) for number in range(count))


CONTENTS = {
    "train.bin": make_bin(50),
    "test.bin": make_bin(10),
    "fine_label_names.txt": b"".join(b"fine%d\n" % label for label in range(FINE)),
    "coarse_label_names.txt": b"".join(b"coarse%d\n" % label for label in range(COARSE)),
}


def changed(**changes):
    """The files, some of them with other contents, or left out where that is None."""
    files = {name: changes.get(name.split(".")[0], CONTENTS[name]) for name in FILES}
    return {name: content for name, content in files.items() if content is not None}


def pack(files, mode="w:gz", prefix=DATA + "/", links=()):
    """An archive as bytes. links: names and targets of symbolic links that come first."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, target in links:
            information = tarfile.TarInfo(name)
            information.type, information.linkname = tarfile.SYMTYPE, target
            archive.addfile(information)
        for name, content in files.items():
            information = tarfile.TarInfo(prefix + name)
            information.size = len(content)
            archive.addfile(information, io.BytesIO(content))
    return buffer.getvalue()


GOOD = pack(CONTENTS)


def put(folder, files=CONTENTS):
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return str(folder)


@pytest.fixture
def give(write_manifest):
    """Name the addresses of the data set in the manifest."""

    def give(*urls, **changes):
        entry = {"folder": DATA, "size": len(GOOD), "md5": hashlib.md5(GOOD).hexdigest(), "images": IMAGES}
        sources = [{"url": url} for url in urls]
        write_manifest(**{"cifar-100": dict(entry, licence="none", sources=sources, **changes)})

    return give


@pytest.fixture
def weights(folder, give):
    """An empty weights folder; in the end the data set is there and complete, or nothing is, or the test fails."""
    give("http://absent.invalid/")
    yield folder
    assert contents(folder) in ({}, CONTENTS)


def contents(weights):
    """What is in the data set's folder; nothing else may be in weights/."""
    assert os.listdir(str(weights)) in ([], [DATA])
    place = weights / DATA
    return {name: (place / name).read_bytes() for name in os.listdir(str(place))} if place.exists() else {}


def fetched(weights, place=None):
    assert fetch("cifar-100", place) == str(weights / DATA)
    assert contents(weights) == CONTENTS


def fails(phrase, place=None):
    """Fetching fails with this phrase, in one line, and says what to type next; nothing is left."""
    with pytest.raises(ModelError, match=phrase) as caught:
        fetch("cifar-100", place)
    assert "python -m tools.fetch cifar-100 --from" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert ".fetch-" not in str(caught.value), "no names of temporary folders"
    assert os.listdir(manifest.WEIGHTS) == []


@pytest.fixture(scope="module")
def served():
    """The files of a web server, its address, and the event that it sets when it has stalled."""
    files = {"/good": GOOD, "/truncated": GOOD, "/stalled": GOOD, "/other": pack(CONTENTS, "w:xz")}
    with serving(files) as (address, stalled):
        yield files, address, stalled


@pytest.fixture
def server(served):
    return served[1]


@pytest.fixture
def serve(served, monkeypatch, give):
    """Serve an archive as the official one."""

    def serve(content):
        files, address, _ = served
        monkeypatch.setitem(files, "/this", content)
        give(address + "/this", size=len(content), md5=hashlib.md5(content).hexdigest())

    return serve


def test_from_the_web(weights, give, server, capsys):
    give(server + "/good")
    fetched(weights)
    captured = capsys.readouterr()
    assert f"fetching {DATA} (0.0 MB) from 127.0.0.1" in captured.err
    assert captured.out == ""
    assert Cifar100(str(weights / DATA)).count("test") == 10


@pytest.mark.parametrize(
    "path, changes, phrase",
    [
        pytest.param("/other", {}, "wrong checksum", id="another archive"),
        pytest.param("/good", {"md5": "0" * 32}, "wrong checksum", id="another checksum"),
        pytest.param("/truncated", {}, "broke off|wrong checksum", id="truncated"),
    ],
)
def test_a_web_server_that_fails(weights, give, server, path, changes, phrase):
    give(server + path, **changes)
    fails(phrase)
    fails(f"download {server}{path} elsewhere")


@pytest.mark.parametrize(
    "changes, phrase",
    [
        pytest.param({"test": None}, "no test.bin", id="missing member"),
        pytest.param({"fine_label_names": None}, "no fine_label_names.txt", id="missing names"),
        pytest.param({"train": make_bin(49)}, "train.bin has 49 images instead of 50", id="too few"),
        pytest.param({"test": make_bin(11)}, "test.bin is too long", id="too many"),
        pytest.param({"test": make_bin(10)[:-1]}, "test.bin: record 9 is cut off", id="cut off"),
        pytest.param({"train": b""}, "train.bin is empty", id="empty"),
        pytest.param({"train": b"\x14" + make_bin(50)[1:]}, "train.bin: record 0: coarse label 20", id="wrong label"),
        pytest.param({"coarse_label_names": b"\xff"}, "coarse_label_names.txt: not a list", id="wrong names"),
        pytest.param({"coarse_label_names": b"a" * 10**5}, "coarse_label_names.txt is too long", id="long names"),
    ],
)
def test_wrong_contents(weights, tmp_path, serve, changes, phrase):
    """From the web, from a folder, from an archive."""
    archive = pack(changed(**changes))
    serve(archive)
    fails(phrase)
    fails(phrase, put(tmp_path / "stick", changed(**changes)))
    (tmp_path / "data.tar.gz").write_bytes(archive)
    fails(phrase, str(tmp_path / "data.tar.gz"))


def test_only_the_four_files_are_written(weights, tmp_path, serve):
    """Whatever a hostile archive has besides, and wherever it wants it."""
    evil = {"../evil": b"1", "/" + str(tmp_path / "evil"): b"1", "cifar-100-binary/evil.py": b"1"}
    files = dict(evil, **{"../../" + name: content for name, content in CONTENTS.items()})
    links = [(DATA, str(tmp_path)), (DATA + "/train.bin", str(tmp_path / "evil")), ("test.bin", "/etc/passwd")]
    serve(pack(files, prefix="", links=links))
    fetched(weights)
    assert sorted(os.listdir(str(tmp_path))) == ["manifest.json", "weights"]
    assert not any(os.path.islink(str(weights / DATA / name)) for name in FILES)


def test_a_link_for_a_member(weights, tmp_path):
    (tmp_path / "secret").write_bytes(CONTENTS["test.bin"])
    links = [(DATA + "/test.bin", str(tmp_path / "secret"))]
    (tmp_path / "data.tar").write_bytes(pack(changed(test=None), links=links))
    fails("no test.bin", str(tmp_path / "data.tar"))


def test_a_member_that_is_there_twice(weights, tmp_path):
    (tmp_path / "data.tar").write_bytes(pack(dict(CONTENTS, **{"again/test.bin": CONTENTS["test.bin"]})))
    fails("test.bin is too long, or contained twice", str(tmp_path / "data.tar"))


@pytest.mark.parametrize("mode, ending", [("w:gz", ".tar.gz"), ("w:xz", ".tar.xz"), ("w", ".tar"), ("w:bz2", ".tbz")])
def test_from_an_archive(weights, tmp_path, mode, ending):
    """Not the official one: its checksum is another."""
    path = tmp_path / ("mine" + ending)
    path.write_bytes(pack(CONTENTS, mode, prefix="./"))
    fetched(weights, str(path))
    assert path.exists(), "copied, not moved"


def test_from_a_folder(weights, tmp_path):
    """The data set's own, or one that it is in."""
    put(tmp_path / "outer" / DATA)
    fetched(weights, str(tmp_path / "outer"))
    shutil.rmtree(str(weights / DATA))
    fetched(weights, put(tmp_path / "stick", dict(CONTENTS, other=b"1")))
    assert sorted(os.listdir(str(tmp_path / "stick"))) == sorted(FILES + ("other",))


@pytest.mark.parametrize("ending, mode", [(".tar.gz", "w:gz"), (".tar.xz", "w:xz"), (".tar", "w")])
def test_an_archive_beside_a_part_of_the_folder(weights, tmp_path, ending, mode):
    put(tmp_path / "stick" / DATA, changed(train=None))
    (tmp_path / "stick" / (DATA + ending)).write_bytes(pack(CONTENTS, mode))
    (tmp_path / "stick" / "another.tar.gz").write_bytes(b"")
    fetched(weights, str(tmp_path / "stick"))


def test_a_place_that_has_nothing(weights, tmp_path):
    (tmp_path / "stick").mkdir()
    fails(f"has neither {DATA} nor {DATA}.tar.gz", str(tmp_path / "stick"))
    fails("no such folder or archive", str(tmp_path / "absent"))
    (tmp_path / "text").write_text("no archive\n" * 1000)
    fails("text is damaged, or not an archive", str(tmp_path / "text"))
    (tmp_path / "empty").write_text("")
    fails("empty is damaged, or not an archive|has no ", str(tmp_path / "empty"))


@pytest.mark.parametrize("mode", ["w:gz", "w:xz", "w:bz2", "w"])
def test_a_truncated_archive(weights, tmp_path, mode):
    content = pack(CONTENTS, mode)
    path = tmp_path / "data.tar"
    for tenth in range(10):
        path.write_bytes(content[: len(content) * tenth // 10])
        fails("data.tar", str(path))
    if mode != "w":
        path.write_bytes(content[:-1])
        fails("data.tar is damaged", str(path))


@pytest.mark.parametrize("mode", ["w:gz", "w:xz", "w:bz2"])
def test_an_archive_whose_checksum_is_wrong(weights, tmp_path, mode):
    """Pixels that are other than they were: the compression has a checksum for that."""
    content = bytearray(pack(CONTENTS, mode))
    content[{"w:gz": -8, "w:xz": len(content) // 2, "w:bz2": -3}[mode]] ^= 1
    (tmp_path / "data.tar").write_bytes(bytes(content))
    fails("data.tar is damaged|cannot read data.tar", str(tmp_path / "data.tar"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read everything")
def test_an_archive_that_cannot_be_read(weights, tmp_path):
    (tmp_path / "data.tar").write_bytes(GOOD)
    (tmp_path / "data.tar").chmod(0)
    fails("cannot read data.tar there: Permission denied", str(tmp_path / "data.tar"))


def test_what_is_there_is_not_fetched_again(weights, tmp_path, capsys):
    put(weights / DATA)
    before = os.stat(str(weights / DATA)).st_ino
    fetched(weights, str(tmp_path / "absent"))
    assert os.stat(str(weights / DATA)).st_ino == before
    assert capsys.readouterr().err == ""


DAMAGES = [
    pytest.param(changed(test=make_bin(9)), id="too few"),
    pytest.param(changed(test=None), id="missing file"),
    pytest.param({}, id="empty"),
]


@pytest.mark.parametrize("files", DAMAGES)
def test_a_damaged_folder_is_replaced_once_there_is_another(weights, tmp_path, files, capsys):
    put(weights / DATA, files)
    with pytest.raises(ModelError, match="could not fetch"):
        fetch("cifar-100", str(tmp_path / "absent"))
    assert contents(weights) == files
    fetched(weights, put(tmp_path / "stick"))
    assert "is damaged (" in capsys.readouterr().err


def test_a_link_in_the_place_of_the_folder(weights, tmp_path):
    """A link to an intact folder will do; one to a damaged folder is replaced, and that folder is left alone."""
    (weights / DATA).symlink_to(put(tmp_path / "elsewhere"))
    fetched(weights, str(tmp_path / "absent"))
    (tmp_path / "elsewhere" / "test.bin").write_bytes(b"1")
    fetched(weights, put(tmp_path / "stick"))
    assert not (weights / DATA).is_symlink()
    assert (tmp_path / "elsewhere" / "test.bin").read_bytes() == b"1"
    shutil.rmtree(str(weights / DATA))
    (weights / DATA).symlink_to(tmp_path / "absent")
    fetched(weights, str(tmp_path / "stick"))


def test_a_file_in_the_place_of_the_folder(weights, tmp_path):
    (weights / DATA).write_bytes(b"1")
    with pytest.raises(ModelError, match="is not a folder; move it away"):
        fetch("cifar-100", put(tmp_path / "stick"))
    (weights / DATA).unlink()


@pytest.mark.slow
def test_interruption(weights, tmp_path, give, served):
    """SIGTERM half-way through the download: what was there before is still there, and nothing else."""
    _, address, stalled = served
    give(address + "/stalled")
    put(weights / DATA, changed(test=None))
    code = "import sys; from tools.fetch import __main__ as command, manifest; "
    code += "manifest.WEIGHTS, manifest.MANIFEST = sys.argv[1:]; sys.exit(command.main(['cifar-100']))"
    process = start(weights, tmp_path / "manifest.json", code=code)
    try:
        assert stalled.wait(30)
        partial = [name for name in os.listdir(str(weights)) if name.startswith(".fetch-")]
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert partial, "it was at work"
    assert (process.returncode, out) == (130, "")
    assert "interrupted" in err.splitlines()[-1]
    assert contents(weights) == changed(test=None)
    shutil.rmtree(str(weights / DATA))
