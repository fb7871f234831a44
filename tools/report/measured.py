"""The machine and the source of figures, as shown to people."""

import os
from typing import Any

from app.address import redacted


def machine_facts(machine: dict[str, Any]) -> list[tuple[str, str]]:
    """Names and values from `tools.machine`, for the foot of a section."""
    facts = [("processor", f"{machine.get('processor', 'unknown')}, {machine.get('cores', '?')} cores")]
    for key, value in machine.get("board", {}).items():
        facts.append((key.replace("_", " "), f"{value} a core" if key == "load" else str(value)))
    versions = ", ".join(f"{name} {version}" for name, version in machine.get("versions", {}).items())
    return [*facts, ("versions", versions)] if versions else facts


def source_name(uri: str) -> str:
    """A source as shown to people: an address without its password, or the name of a file without its folders."""
    return redacted(uri if "://" in uri else file_name(uri))


def data_name(uri: str) -> str:
    """The same, but a folder with its parent: many are called `images`."""
    name = source_name(uri)
    if "://" in uri or os.path.splitext(name)[1]:
        return name
    within = file_name(uri.replace("\\", "/").rstrip("/")[: -len(name)])
    return name if within in ("", "/", ".", "..", "dev") or within.endswith(":") else f"{within}/{name}"


def file_name(path: str) -> str:
    """The last part of a path, of any operating system."""
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2] or path
