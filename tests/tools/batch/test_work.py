"""What a worker does with a task, and the Python API that it calls."""

import cv2
import pytest
from support.batch import SETTINGS, brightness_detector, film, scores
from support.video import picture

from app.detector import Detector
from app.errors import ModelError, SourceError
from tools.batch import detector as detector_module
from tools.batch import work
from tools.batch.detector import FileDetector
from tools.batch.plan import Task
from tools.batch.work import do


@pytest.fixture(autouse=True)
def _fake(monkeypatch):
    """A detector whose model is a fake."""
    monkeypatch.setattr(detector_module, "load_detector", brightness_detector)
    monkeypatch.setattr(work, "_load", lambda settings: FileDetector(settings.model, **settings.options()))


def task(*paths, **fields):
    return Task(tuple(map(str, paths)), ((0, 0),) * len(paths), **fields)


def test_the_rows_of_a_film(tmp_path):
    path = film(tmp_path / "street.avi", 20)
    with FileDetector() as detector:
        rows = list(detector.rows(path))
    assert [row.frame for row in rows] == list(range(20))
    assert [row.time for row in rows] == pytest.approx([index / 10 for index in range(20)], abs=1e-3)
    assert {(row.file, row.label) for row in rows} == {(path, "person")}
    assert list(scores(rows).values()) == pytest.approx([80 + index for index in range(20)], abs=2)
    assert (rows[0].x1, rows[0].y1, rows[0].x2, rows[0].y2) == pytest.approx((12, 22, 28, 38), abs=0.1)


def test_stretches_have_together_what_the_film_has(tmp_path):
    path = film(tmp_path / "street.avi", 60)
    whole = do(SETTINGS, task(path))
    parts = [do(SETTINGS, task(path, first=first, stop=stop)) for first, stop in ((0, 7), (7, 45), (45, None))]
    assert whole.frames == 60
    assert [part.frames for part in parts] == [7, 38, 15]
    assert [row for part in parts for row in part.rows] == whole.rows


def test_boxes_are_in_pixels_of_the_file(tmp_path, monkeypatch):
    """Though a huge JPEG is decoded smaller: here, all of more than a hundred pixels."""
    path = str(tmp_path / "big.jpg")
    cv2.imwrite(path, picture(200, (128, 96)))
    monkeypatch.setattr(
        detector_module, "open_source", lambda path, open=detector_module.open_source: open(path, most_pixels=4000)
    )
    (row,) = FileDetector().rows(path)
    assert (row.frame, row.time) == (0, 0)
    assert (row.x1, row.y1, row.x2, row.y2) == pytest.approx((24, 44, 56, 76), abs=0.5)


def test_a_file_that_cannot_be_read_costs_the_others_nothing(tmp_path):
    for name in ("a.png", "c.png"):
        cv2.imwrite(str(tmp_path / name), picture(100))
    (tmp_path / "b.png").write_bytes(b"nothing")
    done = do(SETTINGS, task(tmp_path / "a.png", tmp_path / "b.png", tmp_path / "c.png"))
    assert [row.file for row in done.rows] == [str(tmp_path / "a.png"), str(tmp_path / "c.png")]
    assert done.frames == 2
    assert len(done.problems) == 1
    assert "b.png" in done.problems[0]


def test_a_truncated_film_gives_what_it_has(tmp_path):
    path = tmp_path / "street.avi"
    film(path, 200)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    done = do(SETTINGS, task(path))
    assert 0 < done.frames < 150
    assert "truncated" in done.problems[0]
    parts = [do(SETTINGS, task(path, first=first, stop=stop)) for first, stop in ((0, 40), (40, 170), (170, None))]
    assert [row for part in parts for row in part.rows] == done.rows
    assert [part.problems for part in parts] == [[], done.problems, done.problems]
    with pytest.raises(SourceError, match="truncated"):
        list(FileDetector().frames(str(path)))


def test_a_bug_costs_one_file(tmp_path, monkeypatch):
    path = film(tmp_path / "street.avi", 3)
    monkeypatch.setattr(Detector, "detect", lambda *_: 1 / 0)
    assert do(SETTINGS, task(path)) == ([], 0, [f"{path}: ZeroDivisionError: division by zero"])


def test_what_would_meet_every_task_is_an_error(monkeypatch):
    def refuse(settings):
        raise ModelError("no such model")

    monkeypatch.setattr(work, "_load", refuse)
    found = do(SETTINGS, task("street.mp4"))
    assert isinstance(found, ModelError)
    assert str(found) == "no such model"


def test_inferences_use_one_core_each(monkeypatch):
    from app.backends import physical_cores

    FileDetector()
    assert physical_cores() == 1
    assert cv2.getNumThreads() == 1
