import collections
import json
import shutil

import pytest

from tools.fetch import manifest


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty weights folder in the place of the real one."""
    path = tmp_path / "weights"
    path.mkdir()
    monkeypatch.setattr(manifest, "WEIGHTS", str(path))
    monkeypatch.setattr(manifest, "MANIFEST", str(tmp_path / "manifest.json"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return path


@pytest.fixture
def write_manifest(tmp_path):
    """Write a manifest of these entries."""
    return lambda **entries: (tmp_path / "manifest.json").write_text(json.dumps(entries))


@pytest.fixture
def full_disk(monkeypatch):
    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9 - 100, 100))
