"""What figures were measured on, in words."""

from typing import Any


def machine_facts(machine: dict[str, Any]) -> list[tuple[str, str]]:
    """Name and value of what `tools.machine` says, for the foot of a section."""
    facts = [("processor", f"{machine.get('processor', 'unknown')}, {machine.get('cores', '?')} cores")]
    facts += [(key.replace("_", " "), str(value)) for key, value in machine.get("board", {}).items()]
    versions = ", ".join(f"{name} {version}" for name, version in machine.get("versions", {}).items())
    return [*facts, ("versions", versions)] if versions else facts
