import re
import xml.etree.ElementTree as ET

import pytest
from matplotlib.figure import Figure
from support.reports import EVIL

from tools.report import plots
from tools.report.looks import COLOURS, HANDLE, LEGEND_FONT, LINES, Look, key, legend, looks, shortened, wrapped
from tools.report.plots import Point, Rate

pytestmark = pytest.mark.filterwarnings("error")  # matplotlib says so when a plot comes out badly


def drawn(svg):
    """A plot's texts, after a look at whether it is fit for a page."""
    root = ET.fromstring(svg)
    assert root.tag.endswith("svg")
    assert set(root.attrib) == {"viewBox"}, "the page gives it its width"
    assert all(float(number) >= 0 for number in root.attrib["viewBox"].split())
    assert not re.search(r"(href|url)[^>]{0,3}https?:", svg)
    assert "nan" not in svg.lower().replace("finance", "")
    return [text.text for text in root.iter() if text.tag.endswith("}text")]


def grid(sizes, captures, backends):
    """Looks of every combination, as a sweep of these would have."""
    named = [(f"{c} {s} {b}", f"size {s}", f"{c} {b}") for s in sizes for c in captures for b in backends]
    return list(looks(named).values())


MANY = grid(range(160, 640, 96), ("320x240", "640x480", "1920x1080"), ("onnx", "openvino:bf16", "tensorflow"))


@pytest.mark.parametrize("count", (1, 2, len(MANY)))
def test_accuracy_against_speed(count):
    points = [Point(200 / (1 + index), 0.3 + index / 100, look) for index, look in enumerate(MANY[:count])]
    texts = drawn(plots.accuracy_against_speed(points, "AP50", "FPS"))
    assert {"AP50", "FPS", "Pareto front"} <= set(texts)
    assert ("size 160" in texts) == (count > 5), "what all have in common needs no legend"


def test_spreads_are_drawn_where_they_are_known():
    def ends(svg):
        return svg.count("<use ")

    known, unknown = Point(30, 0.5, MANY[0], 25, 35), Point(30, 0.5, MANY[0])
    other = Point(60, 0.4, MANY[1])
    bare, bars = (plots.accuracy_against_speed([one, other], "AP50", "FPS") for one in (unknown, known))
    assert ends(bars) == ends(bare) + 2
    bare, bars = (plots.configured_against_real([Rate(24, 20, None, MANY[0], False, *s)]) for s in ((), (18, 22)))
    assert ends(bars) == ends(bare) + 2


def test_lines_of_a_legend_are_longer_than_their_patterns():
    figure = Figure()
    looks_of = [Look(str(n), "hue", str(n), line=line) for n, line in enumerate(LINES)]
    legend(figure, key(looks_of, lines=True), HANDLE)
    (shown,) = figure.legends
    assert len(shown.get_lines()) == len(LINES)
    for line in shown.get_lines():
        period = sum(line._dash_pattern[1] or [0])  # points
        assert shown.handlelength * LEGEND_FONT >= 1.4 * period


@pytest.mark.parametrize("accuracy", (0.0, 0.5, 1.0))
def test_points_at_one_place(accuracy):
    drawn(plots.accuracy_against_speed([Point(30, accuracy, look) for look in MANY[:4]], "AP50", "FPS"))


@pytest.mark.parametrize("count", (1, 3, len(MANY)))
def test_rates(count):
    rates = [Rate(fps, min(fps, 500 / (i + 5)), None, look) for i, look in enumerate(MANY[:count]) for fps in (24, 40)]
    texts = drawn(plots.configured_against_real(rates))
    assert "real = configured" in texts
    assert not {"formula", "with a delay"} & set(texts), "nothing of the kind is drawn"


def test_delays_beside_deadlines():
    one = MANY[0]
    rates = [
        Rate(24, 18, 18.5, one, True),
        Rate(24, 24, None, one),
        Rate(24, 24, None, one),
        Rate(12, 11, 10, one, True),
    ]
    assert {"formula", "with a delay", "with deadlines"} <= set(drawn(plots.configured_against_real(rates)))


@pytest.mark.parametrize("count", (1, 24))
def test_bars(count):
    rows = [(f"a name {n}", {"preprocess": 1.0, "infer": 10.1 + n}) for n in range(count)]
    texts = drawn(plots.stacked_bars(rows, "ms"))
    assert {"preprocess", "infer", "ms", "a name 0", "11.1"} <= set(texts)


def test_a_part_has_the_same_colour_whatever_else_is_there():
    def fills(*parts):
        svg = plots.stacked_bars([("one", dict.fromkeys(parts, 1.0))], "ms")
        return set(re.findall(r"fill: (#[0-9a-f]{6})", svg))

    assert plots.PARTS["infer"] in fills("infer") & fills("capture", "preprocess", "infer") & fills("infer", "draw")
    assert not set(plots.PARTS.values()) & set(COLOURS), "nobody should take a stage for a combination"


@pytest.mark.parametrize("row", ({}, {"infer": 0.0}, {"something else": 3}))
def test_bars_of_little(row):
    drawn(plots.stacked_bars([("one", row), ("two", {})], "ms"))


@pytest.mark.parametrize("count", (1, 24))
def test_lines(count):
    texts = drawn(plots.lines([(look, [1, 2, 3], [0, 50, 100]) for look in MANY[:count]], "x", "y", (None, 102)))
    assert ("size 160" in texts) == (count > 1)


def test_figures_of_nothing_leave_gaps():
    drawn(plots.lines([(MANY[0], [0, 1, 2], [0.1, None, 0.3])], "x", "y"))


@pytest.mark.parametrize("name", (EVIL, "$\\frac{", "名前 🚀", "_hidden", "x" * 300, "two\nlines", ""))
def test_any_name(name):
    other = Look("other", "other", colour=COLOURS[1])
    one = Look(name, name)
    first = plots.accuracy_against_speed([Point(10, 0.5, one), Point(20, 0.4, other)], name, name)
    second = plots.lines([(one, [1, 2], [1, 2]), (other, [1, 2], [1, 2])], name, name)
    third = plots.stacked_bars([(name, {"infer": 1.0, name: 2.0})], name)
    for svg in (first, second, third):
        drawn(svg)
        assert "<script" not in svg
    if name == EVIL:
        assert EVIL in drawn(first)


def test_the_same_figures_give_the_same_drawing():
    bars = [("one", {"infer": 1.0, "draw": 2.0})]
    assert plots.stacked_bars(bars, "ms") == plots.stacked_bars(bars, "ms")


def test_looks_tell_combinations_apart():
    assert len({(look.colour, look.marker) for look in MANY}) == len(MANY) - 5, "9 kinds, and 8 markers"
    assert len({look.colour for look in MANY if look.hue == "size 160"}) == 1
    assert len({look.marker for look in MANY if look.kind == "640x480 onnx"}) == 1
    many = looks([(str(n), str(n), "") for n in range(20)]).values()
    assert len({(look.colour, look.marker) for look in many}) == 20


def test_shortened_and_wrapped():
    for most in (10, 11):
        assert [len(shortened("x" * n, most)) for n in (0, 9, 10, 11, 12, 99)] == [0, 9, 10, min(11, most), most, most]
    assert shortened("/a/long/path/to/file.json", 15) == "/a/long…le.json"
    assert wrapped("1920x1080 416 openvino:bf16") == "1920x1080 416\nopenvino:bf16"
    assert max(len(line) for line in wrapped("x" * 100).split("\n")) <= 20
