import json
import os

import pytest

from app.errors import OutputError, SourceError
from app.tracking.lines import Line
from app.tracking.totals import load_totals, save_totals


def door():
    return Line("door", (0, 0), (100, 0))


def cross(line, track):
    line.update(track, "person", (50, -50), 100)
    return line.update(track, "person", (50, 50), 100)


def test_a_restart_counts_on(tmp_path):
    path = str(tmp_path / "totals.json")
    before = door()
    load_totals(path, [before])  # there is none yet
    cross(before, 1)
    cross(before, 2)
    save_totals(path, [before])
    after = door()
    load_totals(path, [after])
    cross(after, 1)
    assert after.totals == {"in": {"person": 3}, "out": {}}
    assert os.listdir(str(tmp_path)) == ["totals.json"]


def test_another_configuration(tmp_path):
    path = str(tmp_path / "totals.json")
    line = door()
    cross(line, 1)
    save_totals(path, [line, Line("gone", (0, 0), (1, 1))])
    renamed = Line("door", (0, 0), (100, 0), ("in", "away"))
    new = Line("new", (0, 0), (100, 0))
    load_totals(path, [renamed, new])
    assert renamed.totals == {"in": {"person": 1}, "away": {}}
    assert new.totals == {"in": {}, "out": {}}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        "\udcff",
        '{"version": 2, "lines": {}}',
        '{"version": 1, "lines": {"door": {"in": {"person": -1}}}}',
        '{"version": 1, "lines": {"door": {"in": {"person": "many"}}}}',
        '{"version": 1, "lines": {"door": {"in": {"person": true}}}}',
        '{"version": 1, "lines": {"door": 5}}',
        "[" * 100000,
    ],
)
def test_a_damaged_file(tmp_path, content):
    path = tmp_path / "totals.json"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    line = door()
    with pytest.raises(SourceError, match="mv "):
        load_totals(str(path), [line])
    assert line.totals == {"in": {}, "out": {}}


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(OutputError):
        save_totals(str(tmp_path / "none" / "totals.json"), [door()])


def test_the_form_of_the_file(tmp_path):
    path = tmp_path / "totals.json"
    line = door()
    cross(line, 1)
    save_totals(str(path), [line])
    assert json.loads(path.read_text()) == {"version": 1, "lines": {"door": {"in": {"person": 1}, "out": {}}}}
