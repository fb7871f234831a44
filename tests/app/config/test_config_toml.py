import importlib

import pytest

from app.config.toml import TomlFile
from app.errors import UsageError


@pytest.fixture
def read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def read(text):
        (tmp_path / "a.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
        return TomlFile("a.toml")

    return read


TEXT = '''# first = 0
first = 1
"quoted key" = 2
long = """
second = 0
[table]
"""
list = [
  "third = 0",
]
second = 3

[table] # a remark
first = 4
a.b = 5
[ table . "x y" ]
first = 6
[inline]
one = {two = 7}
'''


def test_the_lines_of_keys(read):
    file = read(TEXT)
    assert file.content["table"] == {"first": 4, "a": {"b": 5}, "x y": {"first": 6}}
    lines = {
        ("first",): 2,
        ("quoted key",): 3,
        ("long",): 4,
        ("list",): 8,
        ("second",): 11,
        ("table",): 13,
        ("table", "first"): 14,
        ("table", "a", "b"): 15,
        ("table", "x y"): 16,
        ("table", "x y", "first"): 17,
        ("inline", "one", "two"): 19,
    }
    assert {keys: file.place(*keys) for keys in lines} == {
        keys: f"a.toml:{line}: {keys[-1]}" for keys, line in lines.items()
    }
    assert file.place("third") == "a.toml: third"


def test_what_editors_of_windows_write(read):
    file = read(b"\xef\xbb\xbfsize = 1\r\n\r\nfps = 2\r\n")
    assert file.content == {"size": 1, "fps": 2}
    assert file.place("fps") == "a.toml:3: fps"


@pytest.mark.parametrize(
    "text, message",
    [
        ("a = 1\nb = \n", "a.toml:2: is not TOML: invalid value"),
        ("a = 1\na = 2", "a.toml:2: is not TOML: can"),
        ("a = 1\nb = [1,\n\n", "a.toml:2: is not TOML: invalid value"),
        (b"a = 1\nb = '\xff'", "a.toml:2: is not UTF-8; save it in that encoding"),
        (b"a = " + b"[" * 100000, "a.toml:1: is not TOML: "),
        (b"#" * (1 + (1 << 20)), "--config a.toml: has more than 1 MiB"),
    ],
)
def test_what_is_wrong(read, text, message):
    with pytest.raises(UsageError) as caught:
        read(text)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="^--config none.toml: cannot be read: No such file or directory$"):
        TomlFile("none.toml")
    with pytest.raises(UsageError, match="^--config .: cannot be read: Is a directory$"):
        TomlFile(".")


def test_a_python_without_a_parser(read, monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(UsageError, match="python3 -m pip install tomli==1.2.3"):
        read("a = 1")
