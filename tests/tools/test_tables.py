import csv
import io

import pytest

from tools.tables import Table

TABLE = Table("Rates", ["name", "FPS"], [["own", "24.0"], ["320x240", "9.5 (9.1 to 9.9)"]], "of a Nano")


def test_text_is_aligned():
    assert TABLE.as_text().splitlines() == [
        "name                  FPS",
        "own                  24.0",
        "320x240  9.5 (9.1 to 9.9)",
    ]


def test_no_line_ends_in_spaces():
    text = Table("", ["a", "b"], [["x", "long words"], ["y", ""]]).as_text()
    assert all(line == line.rstrip() for line in text.splitlines())


@pytest.mark.parametrize(
    "cells, numeric",
    [(["1", "2.5"], True), (["-1", "+3%", ""], True), (["320x240"], True), (["own", "320x240"], False), ([], True)],
)
def test_what_is_a_number(cells, numeric):
    assert Table("", ["a"], [[cell] for cell in cells]).is_numeric(0) is numeric


def test_markdown():
    lines = TABLE.as_markdown().splitlines()
    assert lines == [
        "### Rates",
        "",
        "| name | FPS |",
        "| --- | --- |",
        "| own | 24.0 |",
        "| 320x240 | 9.5 (9.1 to 9.9) |",
        "",
        "of a Nano",
    ]


def test_a_bar_is_no_border_in_markdown():
    text = Table("", ["a|b"], [["c|d"]]).as_markdown()
    assert "| a\\|b |" in text
    assert "| c\\|d |" in text


def test_without_a_note_or_rows():
    empty = Table("Nothing", ["a", "b"], [])
    assert empty.as_markdown() == "### Nothing\n\n| a | b |\n| --- | --- |"
    assert empty.as_text() == "a  b"
    assert empty.as_csv() == "a,b\r\n"


def test_csv_is_quoted_where_it_must_be():
    rows = [["a,b", 'he said "no"'], ["two\nlines", "ü"]]
    text = Table("", ["x", "y"], rows).as_csv()
    assert text.splitlines()[1] == '"a,b","he said ""no"""'
    assert list(csv.reader(io.StringIO(text, newline=""))) == [["x", "y"], *rows]


def test_a_table_of_figures_has_numbers_as_csv():
    numbers = [["name", "FPS, median", "FPS, most"], ["own", "24", "24"], ["b", "9.5", "9.9"]]
    figures = TABLE._replace(numbers=numbers)
    assert list(csv.reader(io.StringIO(figures.as_csv(), newline=""))) == numbers
    assert figures.as_text() == TABLE.as_text()
    assert figures.as_markdown() == TABLE.as_markdown()
