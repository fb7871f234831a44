"""The sections of a Darknet configuration, and their options, read as leniently as Darknet reads them.

Blanks are dropped everywhere, `#` and `;` begin a comment only at the start of a line, a line without `=` or a value is
ignored, the first of a repeated key counts, and a number ends where its digits end: `filters = 21 #(5+2)*3` is 21.

Source of the rules: `option_list.c`, `parser.c` (`read_cfg`) of AlexeyAB's Darknet, and C's atoi and atof.
"""

import math
import re
from typing import Dict, List, NamedTuple

LARGEST_FILE = 1 << 18  # bytes; the largest configuration in use has 40 kB


class CfgError(ValueError):
    """The configuration cannot be used. The message has the section and its line, and the reason."""


class Section(NamedTuple):
    """A section: `type` without its brackets, the line it begins on, and its options."""

    type: str
    line: int
    options: Dict[str, str]

    def error(self, reason: str) -> CfgError:
        """The error to raise for something in this section."""
        return CfgError(f"line {self.line}, [{self.type}]: {reason}")

    def integer(self, key: str, default: int) -> int:
        """An option's whole number."""
        return _integer(self.options[key]) if key in self.options else default

    def whole(self, key: str, default: int, most: int, least: int = 1) -> int:
        """A whole number from `least` to `most`. Raises CfgError for another."""
        value = self.integer(key, default)
        if not least <= value <= most:
            raise self.error(f"{key}={value} should be from {least} to {most}")
        return value

    def real(self, key: str, default: float) -> float:
        """An option's number. Raises CfgError where it is infinite."""
        return self._finite(key, self.options[key]) if key in self.options else default

    def text(self, key: str, default: str) -> str:
        """An option's text."""
        return self.options.get(key, default)

    def integers(self, key: str) -> List[int]:
        """Whole numbers between commas. Raises CfgError where there are none."""
        return [_integer(value) for value in self._list(key)]

    def reals(self, key: str) -> List[float]:
        """Numbers between commas, up to a `#`. Raises CfgError where there are none."""
        return [self._finite(key, value) for value in self._list(key)]

    def _list(self, key: str) -> List[str]:
        if key not in self.options:
            raise self.error(f"{key}= is missing")
        return self.options[key].split("#")[0].split(",")

    def _finite(self, key: str, text: str) -> float:
        found = re.match(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", text)
        value = float(found.group()) if found else 0.0
        if not math.isfinite(value):
            raise self.error(f"{key}={text[:20]} is not a number")
        return value


def _integer(text: str) -> int:
    """As C's atoi: the number at the start of the text, or 0."""
    found = re.match(r"[+-]?[0-9]{1,9}", text)
    return int(found.group()) if found else 0


def read_sections(path: str) -> List[Section]:
    """The sections of a configuration file. Raises CfgError when it is none, and OSError when it cannot be read."""
    with open(path, "rb") as file:
        data = file.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise CfgError(f"is longer than {LARGEST_FILE:,} bytes, so it is not a Darknet configuration")
    return parse_sections(data.decode("utf-8-sig", "replace"))


def parse_sections(text: str) -> List[Section]:
    """The sections of a configuration's text. Raises CfgError when it does not begin with [net]."""
    sections: List[Section] = []
    for number, line in enumerate(text.split("\n"), 1):
        line = re.sub(r"[ \t\r]", "", line)
        if line.startswith("["):
            sections.append(Section(line[1:].replace("]", "")[:40], number, {}))
        elif line and line[0] not in "#;\0" and sections:
            key, _, value = line.partition("=")
            if value:
                sections[-1].options.setdefault(key, value)
    if not sections or sections[0].type not in ("net", "network"):
        raise CfgError("is not a Darknet configuration: it should begin with a [net] section")
    return sections
