"""Every relative link and anchor leads somewhere, and what documents name exists."""

import re

import pytest
from documents import DOCUMENTS, ROOT, anchors, links, name, spans

FOLDERS = "app|models|tools|nanoyolo|tests|docs|examples|deploy"


def broken(document, text):
    """The links in a document's text that lead nowhere."""
    found = []
    for link in links(text):
        if link.startswith(("https://", "http://")):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        good = ROOT in target.parents and target.exists()
        if good and anchor:
            good = target.suffix == ".md" and anchor in anchors(target.read_text(encoding="utf-8"))
        if not good:
            found.append(link)
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_links(document):
    assert broken(document, document.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text, expected",
    [
        ("[a](docs/README.md)", []),
        ("[a\nb](docs/README.md) and ![`c`](demo.jpg)", []),
        ("[a](docs/README.md#documents)", []),
        ("[a](#nanoyolo)", []),
        ("[a](https://example.org/nothing)", []),
        ("`[a](in-code.md)`\n```\n[b](in-code.md)\n```\n", []),
        ("[a](docs/missing.md)", ["docs/missing.md"]),
        ("[a](docs/README.md#missing)", ["docs/README.md#missing"]),
        ("[a](#missing)", ["#missing"]),
        ("[a](demo.jpg#missing)", ["demo.jpg#missing"]),
        ("[a](../outside)", ["../outside"]),
    ],
)
def test_what_is_broken(text, expected):
    assert broken(ROOT / "README.md", text) == expected


def test_anchors():
    text = "# `make` it, quickly!\n## Two [words](a.md)\n## A_b-c\n## Again\n## Again\n```\n# a remark\n```\n"
    assert anchors(text) == {"make-it-quickly", "two-words", "a_b-c", "again", "again-1"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_files_that_are_named_exist(document):
    named = [
        span for span in spans(document.read_text(encoding="utf-8")) if re.match(rf"(?:{FOLDERS})/[\w./-]*$", span)
    ]
    assert [path for path in named if "NAME" not in path and not (ROOT / path).exists()] == []


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


def test_every_document_is_in_the_index():
    listed = {link.partition("#")[0] for link in links((ROOT / "docs/README.md").read_text(encoding="utf-8"))}
    assert {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"} <= listed
