import collections
import hashlib
import http.server
import importlib.util
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import zipfile

import pytest
from support.webserver import serving

from app.errors import ModelError, UsageError
from tools.fetch import __main__ as fetch
from tools.fetch import download

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
def weights(tmp_path, monkeypatch):
    """An empty weights folder; whatever a test leaves there is right and has its name, or the test fails."""
    folder = tmp_path / "weights"
    folder.mkdir()
    monkeypatch.setattr(fetch, "WEIGHTS", str(folder))
    monkeypatch.setattr(fetch, "MANIFEST", str(tmp_path / "manifest.json"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    write_manifest(tmp_path)
    yield folder
    left = {name: (folder / name).read_bytes() for name in os.listdir(str(folder))}
    assert left in ({}, {"small.weights": CONTENT})


def write_manifest(tmp_path, *sources, **changes):
    entry = dict(ENTRY, sources=list(sources), **changes)
    (tmp_path / "manifest.json").write_text(json.dumps({"small": entry}))


def fails(phrase, **options):
    """Fetching fails with this phrase, in one line, and says what to do by hand."""
    with pytest.raises(ModelError, match=phrase) as caught:
        fetch.fetch("small", **options)
    assert "--from" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert os.listdir(fetch.WEIGHTS) == []


def put(folder, content=CONTENT):
    folder.mkdir()
    (folder / "small.weights").write_bytes(content)
    return str(folder)


def test_from_a_folder(weights, tmp_path):
    path = fetch.fetch("small", put(tmp_path / "stick"))
    assert path == str(weights / "small.weights")
    assert (weights / "small.weights").read_bytes() == CONTENT
    assert (tmp_path / "stick" / "small.weights").exists(), "copied, not moved"


@pytest.mark.parametrize(
    "content, phrase",
    [
        pytest.param(CONTENT[::-1], "checksum", id="wrong bytes"),
        pytest.param(CONTENT[:-1], "bytes instead of", id="too short"),
        pytest.param(CONTENT + b"0", "bytes instead of", id="too long"),
        pytest.param(b"", "0 bytes instead of", id="empty"),
    ],
)
def test_a_wrong_file_in_the_folder(weights, tmp_path, content, phrase):
    fails(phrase, place=put(tmp_path / "stick", content))


def test_no_file_in_the_folder(weights, tmp_path):
    (tmp_path / "stick").mkdir()
    fails("no file small.weights", place=str(tmp_path / "stick"))


def test_no_folder(weights, tmp_path):
    fails("no file small.weights", place=str(tmp_path / "absent"))


def test_a_file_for_a_folder(weights, tmp_path):
    put(tmp_path / "stick")
    fails("small.weights", place=str(tmp_path / "stick" / "small.weights"))


def test_a_folder_for_a_file(weights, tmp_path):
    (tmp_path / "stick" / "small.weights").mkdir(parents=True)
    fails("small.weights", place=str(tmp_path / "stick"))


def test_unknown_name(weights):
    with pytest.raises(UsageError, match="there are: small"):
        fetch.fetch("large")


def test_what_is_there_is_not_fetched_again(weights, tmp_path):
    (weights / "small.weights").write_bytes(CONTENT)
    assert fetch.fetch("small", str(tmp_path / "absent")) == str(weights / "small.weights")


def test_a_damaged_file_is_replaced(weights, tmp_path):
    (weights / "small.weights").write_bytes(CONTENT[:100])
    fetch.fetch("small", put(tmp_path / "stick"))
    assert (weights / "small.weights").read_bytes() == CONTENT


class Files(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT as good, wrong or truncated; anything else is not found."""

    def do_GET(self):
        content = {"/good": CONTENT, "/wrong": CONTENT[::-1], "/truncated": CONTENT}.get(self.path)
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[:1000] if self.path == "/truncated" else content)

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def server():
    """The address of a web server on this machine."""
    with serving(Files) as address:
        yield address


@pytest.fixture
def closed_port():
    """An address at which nobody listens."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield "http://127.0.0.1:{}".format(holder.getsockname()[1])


def test_from_the_web(weights, tmp_path, server):
    write_manifest(tmp_path, {"url": server + "/good"})
    assert fetch.fetch("small") == str(weights / "small.weights")
    assert (weights / "small.weights").read_bytes() == CONTENT


@pytest.mark.parametrize(
    "path, phrase",
    [
        pytest.param("/absent", "answered 404", id="not found"),
        pytest.param("/wrong", "checksum", id="wrong bytes"),
        pytest.param("/truncated", "broke off|1,000 bytes instead of", id="truncated"),
    ],
)
def test_a_web_server_that_fails(weights, tmp_path, server, path, phrase):
    write_manifest(tmp_path, {"url": server + path})
    fails(phrase)


def test_a_web_server_that_is_not_there(weights, tmp_path, closed_port):
    write_manifest(tmp_path, {"url": closed_port + "/good"})
    fails("cannot be reached")


def test_the_next_source_is_tried(weights, tmp_path, server, closed_port, capsys):
    write_manifest(tmp_path, {"url": closed_port + "/good"}, {"url": server + "/truncated"}, {"url": server + "/good"})
    fetch.fetch("small")
    assert (weights / "small.weights").read_bytes() == CONTENT
    captured = capsys.readouterr()
    assert "cannot be reached" in captured.err
    assert captured.out == ""


def test_all_failures_are_told(weights, tmp_path, server, closed_port):
    write_manifest(tmp_path, {"url": closed_port + "/good"}, {"url": server + "/absent"})
    fails("cannot be reached.*answered 404")


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


@needs_pip
@pytest.mark.parametrize("write", [write_sdist, write_wheel], ids=["sdist", "wheel"])
def test_from_a_package(weights, tmp_path, packages, write, capfd):
    write_manifest(tmp_path, package_source(write(packages)))
    assert fetch.fetch("small") == str(weights / "small.weights")
    assert (weights / "small.weights").read_bytes() == CONTENT
    assert capfd.readouterr().out == "", "pip is silent: standard output is for results"


@needs_pip
@pytest.mark.parametrize(
    "changes, phrase",
    [
        pytest.param({"package": "absentpackage==1.0"}, "pip: .*absentpackage", id="no such package"),
        pytest.param({"sha256": "0" * 64}, "pip: ", id="another archive"),
        pytest.param({"member": "smallpackage/absent"}, "does not hold smallpackage/absent", id="no such member"),
    ],
)
def test_a_package_that_fails(weights, tmp_path, packages, changes, phrase):
    write_manifest(tmp_path, package_source(write_wheel(packages), **changes))
    fails(phrase)


@needs_pip
@pytest.mark.parametrize("member", ["smallpackage-1.0/absent", "smallpackage-1.0"], ids=["no such member", "a folder"])
def test_an_sdist_without_the_member(weights, tmp_path, packages, member):
    write_manifest(tmp_path, package_source(write_sdist(packages), member=member))
    fails("does not hold")


def test_full_disk(weights, tmp_path, monkeypatch):
    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9 - 100, 100))
    with pytest.raises(ModelError, match="disk is full"):
        fetch.fetch("small", put(tmp_path / "stick"))


def test_what_killed_runs_left_is_swept(weights, tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    killed, running = ("{}{}-abc".format(download.PARTIAL, process) for process in (gone.pid, os.getppid()))
    for name in (killed, running):
        (weights / name).mkdir()
        (weights / name / "small.weights").write_bytes(CONTENT[:9])
    fetch.fetch("small", put(tmp_path / "stick"))
    assert sorted(os.listdir(str(weights))) == [running, "small.weights"], "another run may be at work"
    shutil.rmtree(str(weights / running))


def test_a_folder_in_the_place_of_the_file(weights, tmp_path):
    (weights / "small.weights").mkdir()
    with pytest.raises(ModelError, match="is a folder"):
        fetch.fetch("small", put(tmp_path / "stick"))
    (weights / "small.weights").rmdir()


def test_command(weights, tmp_path, capsys):
    assert fetch.main(["small", "--from", put(tmp_path / "stick")]) == 0
    assert capsys.readouterr().out == str(weights / "small.weights") + "\n"


def test_command_lists(weights, capsys):
    assert fetch.main(["--list"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.split() == ["small", "10,240", "bytes", "none"]


@pytest.mark.parametrize("name, code", [("large", 2), ("small", 4)], ids=["unknown", "not to be had"])
def test_command_that_fails(weights, tmp_path, capsys, name, code):
    assert fetch.main([name, "--from", str(tmp_path)]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[-1].startswith("error: ")


def test_without_names_the_data_set_is_not_fetched(weights, tmp_path, capsys):
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    manifest["large"] = {"folder": "large", "size": 10**9, "images": {}, "sources": [{"url": "http://absent.invalid/"}]}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert fetch.main(["--from", put(tmp_path / "stick")]) == 0
    assert capsys.readouterr().out == str(weights / "small.weights") + "\n"


def test_the_real_manifest_is_complete():
    for name, entry in fetch.read_manifest().items():
        if name == "cifar-100":
            assert set(entry) == {"folder", "size", "md5", "images", "licence", "sources"}
        else:
            assert set(entry) == {"file", "size", "sha256", "licence", "sources"}, name
            assert len(entry["sha256"]) == 64
        assert entry["sources"]
        for source in entry["sources"]:
            assert set(source) in ({"url"}, {"package", "format", "sha256", "member"}), name
