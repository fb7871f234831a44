"""`python -m app.events`: what it prints, and what it says where it cannot."""

import argparse
import csv
import io
import json
import time

import pytest

from app.events.__main__ import main, read_time
from app.events.incident import Change, Incident
from app.events.store import Store
from app.events.table import duration, table

NOON = time.mktime((2026, 11, 29, 12, 0, 0, 0, 0, -1))


@pytest.fixture
def folder(tmp_path):
    path = str(tmp_path)
    first = Incident(
        "1-aaaaaa", "yard", 3, "person", 0, NOON, None, 0.91, (1.0, 2.0, 3.0, 4.0), ("drive",), ("door/in",)
    )
    second = Incident("2-bbbbbb", "door", 4, "dog, big", 1, NOON + 60, None, 0.5, speed=12.4, picture="pictures/2.jpg")
    third = first._replace(id="3-aaaaab", start=NOON + 86400, zones=("lawn",))
    with Store(path) as store:
        store.record([Change("new", one, one.start) for one in (first, second, third)])
        store.record([Change("end", second._replace(end=NOON + 245), NOON + 250)])
    return path


def out(capsys, *words):
    assert main(words) == 0
    return capsys.readouterr().out


def test_a_table(folder, capsys):
    text = out(capsys, "list", "--store", folder)
    assert text.splitlines() == [
        "              began    lasted  camera  what      score  zones and lines  id",
        "2026-11-29 12:00:00   goes on  yard    person     0.91  drive, door/in   1-aaaaaa",
        "           12:01:00  3:05 min  door    dog, big   0.50                   2-bbbbbb",
        "2026-11-30 12:00:00   goes on  yard    person     0.91  lawn, door/in    3-aaaaab",
    ]


def test_a_label_that_would_break_a_line_is_escaped():
    lines = table([Incident("a", "yard", 1, "two\nlines\x1b[31m", 0, 100.0), Incident("b", "yard", 2, "人", 0, 100.0)])
    assert len(lines) == 3
    assert "'two\\nlines\\x1b[31m'" in lines[1]
    assert "人" in lines[2]


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        (["--camera", "door"], ["2-bbbbbb"]),
        (["--label", "person"], ["1-aaaaaa", "3-aaaaab"]),
        (["--zone", "drive"], ["1-aaaaaa"]),
        (["--since", "2026-11-30"], ["3-aaaaab"]),
        (["--until", "2026-11-29 12:01"], ["1-aaaaaa"]),
        (["--camera", "none"], []),
    ],
)
def test_filters(folder, capsys, words, ids):
    assert [one["id"] for one in json.loads(out(capsys, "export", "--store", folder, *words))] == ids
    listed = out(capsys, "list", "--store", folder, *words)
    assert [line.split()[-1] for line in listed.splitlines()[1:]] == ids
    assert listed.startswith("no events") is (not ids)


def test_the_newest_of_many(folder, capsys):
    assert "3-aaaaab" in out(capsys, "list", "--store", folder, "--most", "1").splitlines()[1]


def test_json(folder, capsys):
    first, second, _ = json.loads(out(capsys, "export", "--store", folder))
    assert (first["label"], first["end"], first["lines"]) == ("person", None, ["door/in"])
    assert (second["start"], second["end"], second["picture"]) == (NOON + 60, NOON + 245, "pictures/2.jpg")


def test_csv(folder, capsys):
    rows = list(csv.DictReader(io.StringIO(out(capsys, "export", "--store", folder, "--format", "csv"))))
    assert [row["label"] for row in rows] == ["person", "dog, big", "person"]
    assert (rows[1]["start"], rows[1]["end"]) == ("2026-11-29 12:01:00", "2026-11-29 12:04:05")
    assert (rows[0]["end"], rows[0]["zones"], rows[0]["x2"], rows[1]["speed"]) == ("", "drive", "3.0", "12.4")


def test_one_event(folder, capsys):
    lines = out(capsys, "show", "--store", folder, "bbbbbb").splitlines()
    assert "ended    2026-11-29 12:04:05, after 3:05 min" in lines
    assert f"picture  {folder}/pictures/2.jpg" in lines
    assert main(["show", "--store", folder, "nobody"]) == 3
    assert "no event, or more than one, is called nobody" in capsys.readouterr().err


def test_no_store(tmp_path, capsys):
    assert main(["list", "--store", str(tmp_path)]) == 3
    error = capsys.readouterr().err
    assert "there is no store; make one with: python -m app.detect --store DIR" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "words", [[], ["list", "--since", "soon"], ["list", "--most", "0"], ["export", "--format", "x"]]
)
def test_wrong_words(words, capsys):
    assert main(words) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90m", NOON - 5400),
        ("1.5h", NOON - 5400),
        ("2d", NOON - 172800),
        ("8:00", NOON - 14400),
        ("08:00:30", NOON - 14370),
        ("2026-11-29", NOON - 43200),
        ("2026-11-28 13:00", NOON - 82800),
        ("2026-11-29T12:00", NOON),
    ],
)
def test_times(text, expected):
    assert read_time(text, lambda: NOON) == expected


@pytest.mark.parametrize("text", ["", "8", "25:00", "2026-13-01", "5 m", "-5m", "now"])
def test_no_times(text):
    with pytest.raises(argparse.ArgumentTypeError, match="should be as 8:00"):
        read_time(text, lambda: NOON)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (59.94, "59.9 s"), (59.96, "1:00 min"), (3599.4, "59:59 min"), (3599.6, "1:00:00 h"), (-1, "0.0 s")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_help_has_examples(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "examples:\n  python -m app.events list --since 8:00" in capsys.readouterr().out
