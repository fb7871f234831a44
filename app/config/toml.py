"""A TOML file with the lines of its keys, which TOML's parsers do not tell."""

import importlib
import re
from typing import Any, Dict, Tuple

from app.errors import UsageError

LARGEST_FILE = 1 << 20  # bytes

_TABLE = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*((?:"[^"]*"|'[^']*'|[\w-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[\w-]+))*)\s*=""")
_PART = re.compile(r""""([^"]*)"|'([^']*)'|([\w-]+)""")
_POSITION = re.compile(r" \(at (?:line ([0-9]+), column [0-9]+|end of document)\)$")


class TomlFile:
    """A file that was read. content: what is in it, by key."""

    def __init__(self, path: str) -> None:
        """Raises UsageError, with the line where there is one, for a file that cannot be read or is not TOML."""
        self.path = path
        text = _read(path)
        self.content = _parse(text, path)
        self._lines = _key_lines(text)

    def place(self, *keys: str) -> str:
        """File, line and last key of a dotted key, as in front.toml:12: size.

        In an inline table, as camera = {front = {cam = "0"}}, the line is the table's.
        """
        numbers = [self._lines[keys[:length]] for length in range(len(keys), 0, -1) if keys[:length] in self._lines]
        return f"{self.path}:{numbers[0]}: {keys[-1]}" if numbers else f"{self.path}: {keys[-1]}"


def _read(path: str) -> str:
    try:
        with open(path, "rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise UsageError(f"--config {path}: cannot be read: {error.strerror}") from error
    if len(data) > LARGEST_FILE:
        raise UsageError(f"--config {path}: has more than {LARGEST_FILE >> 20} MiB; is it the right file?")
    try:
        return data.decode("utf-8-sig")  # some editors begin a file with a byte order mark
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{path}:{number}: is not UTF-8; save it in that encoding") from error


def _parse(text: str, path: str) -> Dict[str, Any]:
    try:
        return dict(_parser().loads(text))
    except (ValueError, RecursionError) as error:
        position = _POSITION.search(str(error))
        number = (position and position.group(1)) or text.rstrip("\n").count("\n") + 1
        reason = _POSITION.sub("", str(error))
        raise UsageError(f"{path}:{number}: is not TOML: {reason[:1].lower()}{reason[1:]}") from error


def _parser() -> Any:
    """The parser that this Python has: tomllib came with 3.11."""
    for name in ("tomllib", "tomli"):
        try:
            return importlib.import_module(name)
        except ImportError:
            pass
    raise UsageError("--config needs a package that is not installed; type: python3 -m pip install tomli==1.2.3")


def _key_lines(text: str) -> Dict[Tuple[str, ...], int]:
    """The line of each dotted key and table, from 1. Only good for messages: it knows less of TOML than a parser."""
    found: Dict[Tuple[str, ...], int] = {}
    table: Tuple[str, ...] = ()
    inside = ""  # the quotes that end the text of several lines which this line belongs to
    for number, line in enumerate(text.split("\n"), 1):
        if not inside:
            if line.lstrip().startswith("#"):
                continue
            header, key = _TABLE.match(line), _KEY.match(line)
            if header is not None:
                table = _names(header.group(1))
            keys = table + (_names(key.group(1)) if key is not None else ())
            for length in range(1, len(keys) + 1):
                found.setdefault(keys[:length], number)
        for quotes in ('"""', "'''"):
            if inside in ("", quotes) and line.count(quotes) % 2:
                inside = "" if inside else quotes
    return found


def _names(dotted: str) -> Tuple[str, ...]:
    """The names in a dotted key: of camera."front" camera and front."""
    return tuple("".join(parts) for parts in _PART.findall(dotted))
