import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.darknet_sections import LARGEST_FILE, CfgError, Section, parse_sections, read_sections


def options_of(*lines):
    """Options of one section."""
    return parse_sections("\n".join(("[net]",) + lines))[0].options


def test_sections_and_the_lines_they_begin_on():
    sections = parse_sections("# a comment\n\n[net]\nwidth=416\n[conv]\n  [ yolo ]\r\nmask = 0\r\n")
    assert [(section.type, section.line) for section in sections] == [("net", 3), ("conv", 5), ("yolo", 6)]
    assert [section.options for section in sections] == [{"width": "416"}, {}, {"mask": "0"}]


@pytest.mark.parametrize(
    "lines, options",
    [
        pytest.param([" wid th\t=  4 1 6 "], {"width": "416"}, id="blanks inside the line"),
        pytest.param(["a=1", "a=2"], {"a": "1"}, id="the first of a repeated key"),
        pytest.param(["#a=1", ";b=1", " # c=1"], {}, id="comments"),
        pytest.param(["a=1#x", "b=2;x"], {"a": "1#x", "b": "2;x"}, id="no comments within a line"),
        pytest.param(["nonsense", "a=", "=3"], {"": "3"}, id="no value"),
        pytest.param(["a=b=c"], {"a": "b=c"}, id="the first = counts"),
    ],
)
def test_lines(lines, options):
    assert options_of(*lines) == options


@pytest.mark.parametrize(
    "text, value",
    [
        ("21", 21), ("21#(n+5)*3", 21), ("-3", -3), ("+4", 4), ("3.9", 3), ("x", 0), ("1e3", 1), ("007", 7),
        ("-", 0), ("9" * 5000, 999999999), ("\u0663", 0),
    ],
)  # fmt: skip
def test_whole_numbers_as_atoi_reads_them(text, value):
    assert Section("net", 1, {"key": text}).integer("key", 5) == value


@pytest.mark.parametrize(
    "text, value",
    [("1.05", 1.05), (".5", 0.5), ("2", 2), ("2.", 2), ("-1.5e1x", -15), ("x", 0), ("1.2#3", 1.2), ("e5", 0)],
)
def test_numbers_as_atof_reads_them(text, value):
    assert Section("net", 1, {"key": text}).real("key", 5) == value


def test_defaults():
    section = Section("net", 1, {})
    assert (section.integer("a", 7), section.real("a", 1.5), section.text("a", "x")) == (7, 1.5, "x")


def test_lists():
    section = Section("route", 9, {"layers": "-1,180###P6", "anchors": "10,14,23.5,27#,7", "odd": "1,,x"})
    assert section.integers("layers") == [-1, 180]
    assert section.reals("anchors") == [10, 14, 23.5, 27]
    assert section.integers("odd") == [1, 0, 0]
    with pytest.raises(CfgError, match=r"^line 9, \[route\]: from= is missing$"):
        section.integers("from")


def test_numbers_that_are_none():
    with pytest.raises(CfgError, match=r"line 9, \[yolo\]: anchors=1e999 is not a number"):
        Section("yolo", 9, {"anchors": "1e999,1"}).reals("anchors")


@pytest.mark.parametrize("value", ["0", "-1", "9", "x"])
def test_whole_numbers_within_limits(value):
    section = Section("conv", 3, {"size": value})
    with pytest.raises(CfgError, match=r"line 3, \[conv\]: size=(-1|0|9) should be from 1 to 8"):
        section.whole("size", 1, 8)


@pytest.mark.parametrize(
    "text", ["", "\n\n", "width=416", "[convolutional]\n[net]", "{}", "\0\0\0", "<html>", "[]"], ids=repr
)
def test_no_configuration(text):
    with pytest.raises(CfgError, match=r"not a Darknet configuration: it should begin with a \[net\] section"):
        parse_sections(text)


def test_files(tmp_path):
    path = tmp_path / "a.cfg"
    path.write_bytes("\ufeff[net]\r\n# caf\u00e9\r\nwidth=32\r\n".encode("utf-8"))
    assert read_sections(str(path))[0].options == {"width": "32"}
    path.write_bytes(b"[net]\n# caf\xe9\nwidth=32")
    assert read_sections(str(path))[0].options == {"width": "32"}
    path.write_bytes(b"#" * (LARGEST_FILE + 1))
    with pytest.raises(CfgError, match="longer than 262,144 bytes"):
        read_sections(str(path))
    with pytest.raises(FileNotFoundError):
        read_sections(str(tmp_path / "absent.cfg"))


@given(st.text())
def test_any_text_is_read_or_refused(text):
    for section in parse_sections("[net]\n" + text):
        for key in section.options:
            section.integer(key, 0)
            section.integers(key)
