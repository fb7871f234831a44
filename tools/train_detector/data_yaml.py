"""Reads a `data.yaml` as Ultralytics' trainer takes it: path, train, val, and names.

PyYAML's safe loader reads it where that is installed. Without it, the small part of YAML that such files use does: top
keys with plain or quoted values, and lists and maps of one level, in either style. Nothing in a file is run.
The form is documented at https://docs.ultralytics.com/datasets/detect/
"""

import os
from typing import Any, NamedTuple, Optional

from app.errors import SourceError

LARGEST_FILE = 1 << 20  # bytes
MOST_CLASSES = 10000


class DataFile(NamedTuple):
    """train, val: paths of folders of pictures, or of lists of them; val is None if there is none. names: of the
    classes, in their order.
    """

    train: list[str]
    val: Optional[list[str]]
    names: tuple[str, ...]


def read_data_yaml(path: str) -> DataFile:
    """Read the file. Raises SourceError, which says what is missing."""
    try:
        if os.path.getsize(path) > LARGEST_FILE:
            raise SourceError(f"{path}: is larger than {LARGEST_FILE >> 20} MB, so it is no data.yaml")
        with open(path, encoding="utf-8-sig") as file:
            text = file.read()
    except SourceError:
        raise
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: not a readable text file: {getattr(error, 'strerror', None) or error}") from error
    content = parse(text, path)
    try:
        return _data_file(content, os.path.dirname(os.path.abspath(path)))
    except ValueError as error:
        raise SourceError(f"{path}: not a data.yaml: {error}") from error


def parse(text: str, path: str) -> dict[str, Any]:
    """The content of the file at `path`. Raises SourceError."""
    if any(mark in text for mark in ("&", "*", "!")) and _has_references(text):
        raise SourceError(f"{path}: has YAML references or tags, which a data.yaml does not need; write them out")
    try:
        import yaml
    except ImportError:
        yaml = None
    try:
        content = yaml.safe_load(text) if yaml is not None else parse_plain(text)
    except Exception as error:  # PyYAML raises its own, and ValueError for dates that are none
        reason = " ".join(str(error).split())[:120]
        raise SourceError(f"{path}: not YAML: {reason}") from error
    if not isinstance(content, dict):
        raise SourceError(f"{path}: not a data.yaml: should have the keys train and names")
    return content


def parse_plain(text: str) -> dict[str, Any]:
    """The part of YAML that a data.yaml uses. Raises ValueError, with the line."""
    content: dict[str, Any] = {}
    key = ""
    for number, line in enumerate(text.splitlines(), 1):
        body = _without_remark(line)
        if not body.strip() or body.strip() == "---":
            continue
        indented, body = body[0] in " \t", body.strip()
        if not indented and not body.startswith("- "):
            key, colon, value = body.partition(":")
            if not colon:
                raise ValueError(f"line {number}: should be key: value")
            content[key.strip()] = _value(value.strip()) if value.strip() else None
        elif body.startswith("- "):
            content[key] = content.get(key) or []
            if not isinstance(content[key], list):
                raise ValueError(f"line {number}: a list item does not belong to a list")
            content[key].append(_scalar(body[2:]))
        else:
            content[key] = content.get(key) or {}
            name, colon, value = body.partition(":")
            if not colon or not isinstance(content[key], dict):
                raise ValueError(f"line {number}: should be key: value")
            content[key][_scalar(name)] = _scalar(value)
    return content


def _has_references(text: str) -> bool:
    """Whether a value begins with an anchor, an alias or a tag: with them a small file can become a huge one."""
    for line in text.splitlines():
        for part in _without_remark(line).replace("[", ",").replace("{", ",").split(","):
            for piece in (part.strip(), part.partition(":")[2].strip(), part.strip().lstrip("- ").strip()):
                if piece[:1] in ("&", "*", "!"):
                    return True
    return False


def _without_remark(line: str) -> str:
    quote = ""
    for place, letter in enumerate(line):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter == "#" and (place == 0 or line[place - 1] in " \t"):
            return line[:place]
    return line


def _value(text: str) -> Any:
    if text[0] == "[" and text[-1] == "]":
        return [_scalar(part) for part in text[1:-1].split(",") if part.strip()]
    if text[0] == "{" and text[-1] == "}":
        pairs = (part.partition(":") for part in text[1:-1].split(",") if part.strip())
        return {_scalar(key): _scalar(value) for key, _, value in pairs}
    return _scalar(text)


def _scalar(text: str) -> Any:
    text = text.strip()
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    return int(text) if text.isdecimal() else text


def _data_file(content: dict[str, Any], folder: str) -> DataFile:
    root = content.get("path") or ""
    if not isinstance(root, str):
        raise ValueError("its path should be text")
    base = os.path.join(folder, root)
    if root and not os.path.isdir(base) and not os.path.isabs(root):
        base = folder  # Ultralytics looks in a folder of its settings; most files lie beside their pictures
    train, val = (_places(content.get(key), key, base, folder) for key in ("train", "val"))
    if train is None:
        raise ValueError("it has no train")
    return DataFile(train, val, _names(content))


def _places(value: Any, key: str, base: str, folder: str) -> Optional[list[str]]:
    values = value if isinstance(value, list) else [value]
    if value in (None, "", []):
        return None
    if not all(isinstance(one, str) and one and "\0" not in one for one in values):
        raise ValueError(f"its {key} should be a path, or a list of paths")
    found = []
    for one in values:
        # Exporters write ../train/images for what lies beside the file.
        tried = [os.path.join(base, one), os.path.join(folder, one), os.path.join(folder, one.lstrip("./"))]
        found.append(next((place for place in tried if os.path.exists(place)), tried[0]))
    return found


def _names(content: dict[str, Any]) -> tuple[str, ...]:
    names = content.get("names")
    if isinstance(names, dict):
        if sorted(names, key=str) != sorted(range(len(names)), key=str):
            raise ValueError("its names should be numbered from 0, without gaps")
        names = [names[number] for number in range(len(names))]
    if not isinstance(names, list) or not 0 < len(names) <= MOST_CLASSES:
        raise ValueError("it should have names: a list of the classes")
    made = tuple(str(name) for name in names)
    if not all(name.strip() and name.isprintable() for name in made) or len(set(made)) < len(made):
        raise ValueError("its names should be different, and none empty")
    return made
