"""The documents that people read, and what is in them: headings, links, code."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *(ROOT / name for name in ("deploy/jetson/README.md", "weights/README.md")),
]

_FENCE = re.compile(r"^[ ]*```([a-z]*)\n(.*?)^[ ]*```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^()\s]+)\)")


def name(document):
    """A document's path from the repository's root, for the names of tests and for messages."""
    return str(document.relative_to(ROOT))


def blocks(text, language=""):
    """The texts of the code blocks in that language."""
    return [body for kind, body in _FENCE.findall(text) if kind == language]


def spans(text):
    """The texts of inline code."""
    return [" ".join(span.split()) for span in _SPAN.findall(_FENCE.sub("", text))]


def links(text):
    """The targets of all links and images."""
    return _LINK.findall(_SPAN.sub("", _FENCE.sub("", text)))


def anchors(text):
    """The anchors of a document's headings, as GitHub makes them."""
    found = []
    for heading in re.findall(r"^#+ +(.+?) *$", _FENCE.sub("", text), re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
        slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        again = sum(re.fullmatch(re.escape(slug) + r"(-\d+)?", other) is not None for other in found)
        found.append(f"{slug}-{again}" if again else slug)
    return set(found)
