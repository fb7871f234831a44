"""Which files there are, and the tasks that they are divided into."""

import os

import pytest
from support.batch import SETTINGS, film

from app.errors import SourceError
from tools.batch import plan
from tools.batch.plan import Task, find_files, make_tasks


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder: two images, two films, a text, and a folder with an image."""
    (tmp_path / "more").mkdir()
    for name in ("dog10.jpg", "dog9.jpg", "a.mp4", "b.avi", "notes.txt", "more/cat.png"):
        (tmp_path / name).write_bytes(b"content of " + name.encode())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(sources, folder):
    files, problems = find_files(sources)
    assert problems == []
    return [os.path.relpath(path, str(folder)) for path in files]


def test_a_folder_has_its_films_and_images_in_natural_order(folder):
    assert names(["."], folder) == ["a.mp4", "b.avi", "dog9.jpg", "dog10.jpg"]


def test_globs_and_lists_and_files(folder):
    (folder / "list.txt").write_text("b.avi\n\nmore\n")
    assert names(["**/*.jpg"], folder) == ["dog9.jpg", "dog10.jpg"]
    assert names(["@list.txt"], folder) == ["b.avi", "more/cat.png"]
    assert names(["notes.txt"], folder) == ["notes.txt"], "what is named is taken, whatever its ending"


def test_a_file_is_taken_once(folder):
    os.symlink("a.mp4", "link.mp4")
    assert names(["a.mp4", "./a.mp4", "link.mp4", "*.mp4"], folder) == ["a.mp4"]


def test_what_is_not_there_is_a_problem_and_costs_the_others_nothing(folder):
    (folder / "empty").mkdir()
    (folder / "empty" / "notes.txt").write_text("")
    files, problems = find_files(["gone.mp4", "empty", "a.mp4"])
    assert [os.path.basename(path) for path in files] == ["a.mp4"]
    assert len(problems) == 2
    assert "gone.mp4: no such file" in problems[0]
    assert "empty: has no videos and no images" in problems[1]


def test_a_list_that_cannot_be_read_ends_the_run(folder):
    with pytest.raises(SourceError, match=r"gone.txt: cannot be read"):
        find_files(["@gone.txt"])
    (folder / "list.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(SourceError, match=r"list.txt: not a list"):
        find_files(["@list.txt"])


def test_images_are_grouped_by_folder(folder, monkeypatch):
    monkeypatch.setattr(plan, "PICTURES", 2)
    (folder / "dog11.jpg").write_bytes(b"x")
    tasks, problems = make_tasks(find_files([".", "more"])[0])
    groups = {tuple(os.path.basename(path) for path in task.files) for task in tasks}
    assert groups == {("dog9.jpg", "dog10.jpg"), ("dog11.jpg",), ("cat.png",), ("a.mp4",), ("b.avi",)}
    assert problems == []
    assert [task.weight for task in tasks] == sorted((task.weight for task in tasks), reverse=True)


@pytest.mark.parametrize("frames, parts", [(29, 1), (30, 2), (100, 5)])
def test_a_long_film_is_divided_into_stretches_of_one_length(tmp_path, frames, parts):
    path = film(tmp_path / "street.avi", frames)
    tasks, _ = make_tasks([path], stretch=20)
    bounds = [(task.first, task.stop) for task in sorted(tasks, key=lambda task: task.first)]
    assert len(bounds) == parts
    assert bounds[0][0] == 0
    assert bounds[-1][1] is None, "the last one ends where the film does, whatever its header says"
    assert [stop for _, stop in bounds[:-1]] == [first for first, _ in bounds[1:]]
    assert all(task.files == (path,) for task in tasks)
    assert sum(task.weight for task in tasks) == pytest.approx(frames if parts > 1 else tasks[0].weight)


def test_a_file_that_has_gone_is_a_problem(tmp_path):
    tasks, problems = make_tasks([str(tmp_path / "gone.mp4")])
    assert tasks == []
    assert "gone.mp4" in problems[0]


TASK = Task(("/films/street 1.mp4",), ((1000, 5),), 0, 300)


@pytest.mark.parametrize(
    "settings, task",
    [
        (SETTINGS._replace(size=320), TASK),
        (SETTINGS._replace(sha256="other"), TASK),
        (SETTINGS, TASK._replace(stamps=((1001, 5),))),
        (SETTINGS, TASK._replace(stamps=((1000, 6),))),
        (SETTINGS, TASK._replace(files=("/other/street 1.mp4",))),
        (SETTINGS, TASK._replace(stop=301)),
        (SETTINGS, TASK._replace(first=1)),
    ],
)
def test_the_name_of_results_says_all_that_they_depend_on(settings, task):
    name = TASK.name(SETTINGS)
    assert name.startswith("street_1-000000-")
    assert name.endswith(".parquet")
    assert task.name(settings) != name
    assert TASK._replace(weight=7).name(SETTINGS) == name
