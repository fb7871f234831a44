"""The folder of Parquet files: what is in one, which tasks are finished, and what is outdated."""

import json
import os

import pytest
from support.batch import SETTINGS

from app.errors import OutputError, UsageError
from tools.batch.detector import Row
from tools.batch.plan import Task
from tools.batch.work import Done

pq = pytest.importorskip("pyarrow.parquet")

from tools.batch.results import Results  # noqa: E402

ROW = Row("/films/a.mp4", 7, 0.28, "person", 0.5, 1.0, 2.0, 30.0, 40.0)
A, B = (Task((f"/films/{name}.mp4",), ((1000, 5),)) for name in "ab")


def write(folder, *tasks, settings=SETTINGS, problems=()):
    with Results(str(folder), settings) as results:
        for task in tasks:
            results.write(task, Done([ROW._replace(file=task.files[0])], 12, list(problems)))


def unfinished(folder, *tasks, settings=SETTINGS):
    with Results(str(folder), settings) as results:
        return results.unfinished(tasks)


def test_all_files_together_are_one_table(tmp_path):
    write(tmp_path / "new" / "found", A, B)
    table = pq.read_table(str(tmp_path / "new" / "found"))
    assert table.schema.names == ["file", "frame", "time", "label", "score", "x1", "y1", "x2", "y2"]
    assert sorted(row["file"] for row in table.to_pylist()) == ["/films/a.mp4", "/films/b.mp4"]
    assert next(row for row in table.to_pylist() if row["file"] == "/films/a.mp4") == ROW._asdict()


def test_a_task_without_objects_is_finished_too(tmp_path):
    with Results(str(tmp_path), SETTINGS) as results:
        results.write(A, Done([], 300, []))
        assert results.unfinished([A, B]) == ([B], [])
    assert pq.read_table(str(tmp_path)).num_rows == 0


def test_what_is_finished_is_known_to_the_next_run_with_its_problems(tmp_path):
    write(tmp_path, A, problems=["a.mp4: truncated"])
    assert unfinished(tmp_path, A, B) == ([B], ["a.mp4: truncated"])


def test_results_of_a_file_that_has_changed_are_removed(tmp_path):
    write(tmp_path, A, B)
    changed = A._replace(stamps=((1001, 5),))
    assert unfinished(tmp_path, changed) == ([changed], [])
    assert pq.read_table(str(tmp_path)).column("file").to_pylist() == ["/films/b.mp4"], "another run's stay"


def test_results_of_other_stretches_are_removed(tmp_path):
    halves = [A._replace(stop=50), A._replace(first=50)]
    write(tmp_path, *halves)
    assert unfinished(tmp_path, *halves) == ([], [])
    assert unfinished(tmp_path, A) == ([A], [])
    assert [name for name in os.listdir(str(tmp_path)) if name.endswith(".parquet")] == []


def test_files_of_others_stay(tmp_path):
    write(tmp_path)
    (tmp_path / "mine.parquet").write_bytes(b"something else")
    assert unfinished(tmp_path, A) == ([A], [])
    assert (tmp_path / "mine.parquet").exists()


def test_a_folder_has_results_of_one_kind_of_settings(tmp_path):
    write(tmp_path, A)
    assert json.loads((tmp_path / "_settings.json").read_text())["size"] == 416
    with pytest.raises(UsageError, match="another size, classes; name another folder"):
        Results(str(tmp_path), SETTINGS._replace(size=320, classes=("car",)))
    assert unfinished(tmp_path, A) == ([], [])


def test_what_a_killed_run_was_writing_is_removed(tmp_path):
    write(tmp_path, A)
    (tmp_path / ".street-000000-0123456.a1b2_c3d").write_bytes(b"half")
    assert unfinished(tmp_path, A) == ([], [])
    assert sorted(os.listdir(str(tmp_path))) == ["_settings.json", A.name(SETTINGS)]


def test_two_runs_do_not_write_into_one_folder(tmp_path):
    with Results(str(tmp_path), SETTINGS):
        with pytest.raises(OutputError, match="another program is writing to it"):
            Results(str(tmp_path), SETTINGS)
    Results(str(tmp_path), SETTINGS).close()
