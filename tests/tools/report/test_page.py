import html.parser
import re

import pytest
from support.reports import EVIL, picture

from tools.report import plots
from tools.report.looks import Look
from tools.report.page import as_html, as_markdown
from tools.report.section import MOST, Picture, Plot, Section, of_how_many
from tools.tables import Table

VOID = {"meta", "link", "img", "br", "hr", "path", "use"}


class Page(html.parser.HTMLParser):
    """Which elements a page has, with their attributes, and its text; complains of what is not closed in turn."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.texts = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def attributes(self, name):
        return [attributes[name] for _, attributes in self.elements if name in attributes]


def a_plot(name="a name"):
    return Plot(
        plots.lines([(Look(name, name), [1, 2], [1, 2]), (Look("b", "b"), [1], [1])], "recall", "precision"), "A plot."
    )


TABLE = Table("A section, more", ["name", "n"], [["one", "1"], ["two", "-2.5"]], "A note.")
SECTIONS = [
    Section(
        "A section", ["A sentence.", "And another."], [Table("A section", ["n", "m"], [["1", ""]]), TABLE],
        [a_plot(), a_plot()], [Picture(picture(), "A picture.")], [("machine", "fast")], ["At the end."],
    ),
    Section("B"),
]  # fmt: skip


def evil_section():
    drawings = [
        a_plot(EVIL)._replace(caption=EVIL),
        Plot(plots.stacked_bars([(EVIL, {"infer": 1.0, EVIL: 2.0})], EVIL), EVIL),
    ]
    return Section(
        EVIL, [EVIL, EVIL], [Table(EVIL, [EVIL, "n"], [[EVIL, "1"]], EVIL)], drawings,
        [Picture(picture(), EVIL)], [(EVIL, EVIL)], [EVIL],
    )  # fmt: skip


def test_everything_is_there():
    text = as_html("The title", SECTIONS, ["sweep1", "b.json"], "2026-01-02")
    page = Page(text)
    words = " ".join(" ".join(page.texts).split())
    for expected in (
        "The title", "made on 2026-01-02 from sweep1, b.json.", "A section", "A sentence.", "And another.", "one",
        "-2.5", "A note.", "A plot.", "A picture.", "machine", "fast", "At the end.",
    ):  # fmt: skip
        assert expected in words
    assert [tag for tag, _ in page.elements].count("svg") == 2
    assert page.attributes("src")[0].startswith("data:image/jpeg;base64,")
    assert text.count('class="number"') == 2 + 1 + 2, "the second columns of both tables; a name is not a number"
    assert text.startswith("<!doctype html>")


def test_nothing_is_fetched_from_anywhere():
    text = as_html(EVIL, [*SECTIONS, evil_section()], [EVIL], "2026-01-02")
    assert not re.search(r"https?:", re.sub(r'xmlns(:xlink)?="http[^"]*"', "", text))
    page = Page(text)
    for address in page.attributes("src") + page.attributes("href") + page.attributes("xlink:href"):
        assert address.startswith(("data:", "#"))
    assert not {"script", "iframe", "object", "style "} & {tag for tag, _ in page.elements}
    assert not re.search(r"@import|url\((?!#)", text)


def test_ids_are_unique_and_references_have_one():
    text = as_html("The title", SECTIONS, [], "2026-01-02")
    page = Page(text)
    ids = page.attributes("id")
    assert len(ids) == len(set(ids)) > 10
    used = page.attributes("xlink:href") + page.attributes("href") + re.findall(r"url\((#[^)]*)\)", text)
    assert {name[1:] for name in used if name.startswith("#")} <= set(ids)


def test_names_cannot_do_anything():
    section = evil_section()
    text = as_html(EVIL, [section], [EVIL], "2026-01-02")
    page = Page(text)
    assert "<script" not in text
    assert sum(EVIL in shown for shown in page.texts) == 16, "as often as it was given"
    assert page.attributes("alt") == [EVIL]


def test_text_in_a_drawing_stays_what_it_is():
    for name in ("url(#x", 'a id="b"', 'href="#c'):
        assert any(name in shown for shown in Page(as_html("t", [Section("s", plots=[a_plot(name)])], [], "")).texts)


def test_markdown_has_the_same_cells():
    section = evil_section()._replace(tables=[TABLE, Table(EVIL, [EVIL], [["a|b\\"], ["<b>&amp;\n\nnew"]])])
    text = as_markdown(EVIL, [SECTIONS[0], section])
    assert "| two | -2.5 |" in text
    assert "- A sentence.\n- And another." in text
    assert "- machine: fast" in text
    assert "<" not in text.replace("&lt;", ""), "a program that shows Markdown takes it for HTML"
    assert "| a\\|b\\\\ |" in text
    assert "| &lt;b>&amp;amp;  new |" in text
    assert not re.search(r"\n{3,}", text)


def test_of_how_many():
    assert of_how_many(range(MOST)) == ""
    assert of_how_many(range(MOST + 1)) == f" The first {MOST} of {MOST + 1} are shown."


@pytest.mark.parametrize("sections", ([], [Section("empty")]))
def test_an_empty_page(sections):
    assert Page(as_html("The title", sections, [], "2026-01-02")).open == []
    assert as_markdown("The title", sections).startswith("# The title\n")
