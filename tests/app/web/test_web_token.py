import os
import re

import pytest

from app.errors import OutputError
from app.web.token import read_token, token_path


def test_it_is_made_once_and_only_its_owner_reads_it(tmp_path):
    path = str(tmp_path / "state" / "token")
    first = read_token(path)
    assert re.fullmatch("[0-9a-f]{32}", first)
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert os.stat(tmp_path / "state").st_mode & 0o077 == 0
    assert read_token(path) == first
    assert os.listdir(tmp_path / "state") == ["token"]
    assert read_token(str(tmp_path / "other")) != first


def test_one_that_others_can_read(tmp_path):
    path = tmp_path / "token"
    path.write_text("0" * 32)
    path.chmod(0o640)
    with pytest.raises(OutputError, match="others can read this token; make a new one: rm "):
        read_token(str(path))


@pytest.mark.parametrize("content", ["", "0" * 31, "0" * 33, "g" * 32, "0" * 32 + "\n\n"])
def test_one_that_is_damaged(tmp_path, content):
    path = tmp_path / "token"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(OutputError, match="damaged"):
        read_token(str(path))


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: os.symlink("/etc/passwd", path)])
def test_what_is_no_file(tmp_path, make):
    make(str(tmp_path / "token"))
    with pytest.raises(OutputError):
        read_token(str(tmp_path / "token"))


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be kept there"):
        read_token(str(tmp_path / "file" / "token"))


def test_where_it_is(monkeypatch):
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/ada")
    assert token_path() == "/home/ada/.local/state/nanoyolo/token"
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert token_path() == "/state/nanoyolo/token"
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/nanoyolo:/var/lib/other")
    assert token_path() == "/var/lib/nanoyolo/token"
