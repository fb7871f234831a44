import csv
import io
import json

import pytest
from support import reports

from app.errors import SourceError
from tools.sweep import summary
from tools.sweep.grid import ACCURACY, Combination, Task
from tools.sweep.journal import Journal
from tools.sweep.summary import rows, spread
from tools.sweep.table import spread_text, tables

STAGES = {"capture": 1, "preprocess": 2, "infer": 10, "postprocess": 3, "draw": 4, "sink": 5, "wait": 100}
DELAYED = Combination((320, 240), 160, 25.0, "onnx", "delay")
KEPT = Combination((320, 240), 160, 25.0, "onnx", "deadline")
FREE = Combination(None, 320, None, "onnx", "deadline")


def measured(fps=20.0, **fields):
    """What a measurement says."""
    times = dict(STAGES, **fields.pop("stages", {}))
    result = dict(
        reports.measurement(KEPT),
        fps={"configured": None, "real": fps},
        stages_ms={stage: reports.percentiles(ms) for stage, ms in times.items()},
        latency_ms={"p50": 20.0, "p95": 30.0, "p99": 40.0},
        detections={"count": 80, "mean_score": 0.5},
        memory_mb=200.0,
    )
    return dict(result, **fields)


def journal_of(folder, *measurements, grid=(KEPT, DELAYED, FREE), dataset=None):
    """A journal of (combination, round, what was measured)."""
    with Journal.start(str(folder), {"confidence": 0.25}, list(grid), {}, dataset or {}) as journal:
        for combination, turn, fields in measurements:
            journal.add(Task(combination, turn), fields)
    return journal


def row_of(folder, *measurements, combination=KEPT):
    (row,) = rows(journal_of(folder, *((combination, turn, m) for turn, m in enumerate(measurements, 1))))
    return row


@pytest.mark.parametrize(
    "values, expected",
    [
        ([3.0, 1.0, 2.0], (2, 1, 3)),
        ([4.0, 1.0], (2.5, 1, 4)),
        ([1.23456], (1.235, 1.235, 1.235)),
    ],
)
def test_spread(values, expected):
    assert spread(values) == dict(zip(("median", "least", "most"), expected))


@pytest.mark.parametrize(
    "fields, work",
    [
        pytest.param({}, 24, id="what is drawn as bars"),
        pytest.param({"stages": {"capture": 50}}, 24, id="waiting for a picture is no work"),
        pytest.param({"live": True, "stages": {"capture": 50}}, 24, id="nor of a camera"),
        pytest.param({"overlapped": True}, 10, id="overlapped: the longest"),
        pytest.param({"overlapped": True, "stages": {"capture": 50}}, 10, id="overlapped, and waiting"),
        pytest.param({"overlapped": True, "stages": {"preprocess": 12}}, 12, id="the source's thread is the longest"),
        pytest.param({"overlapped": True, "stages": {"draw": 20}}, 23, id="the output's thread is"),
    ],
)
def test_work_and_what_it_allows(tmp_path, fields, work):
    row = row_of(tmp_path, measured(**fields))
    assert row["work_ms"]["median"] == work
    assert row["possible_fps"]["median"] == pytest.approx(1000 / work, abs=1e-3)


def test_what_the_formula_predicts(tmp_path):
    row = row_of(tmp_path, measured(), combination=DELAYED)
    assert row["predicted_fps"] == 15.62  # 1 / (24 ms + 40 ms)


@pytest.mark.parametrize("combination", [KEPT, FREE])
def test_the_formula_is_of_delays_only(tmp_path, combination):
    assert row_of(tmp_path, measured(), combination=combination)["predicted_fps"] is None


def test_of_the_rounds_the_median(tmp_path):
    row = row_of(
        tmp_path,
        measured(20.0, memory_mb=190.0, latency_percentiles_ms=[1.0, 2.0, 3.0], power_w=3.0),
        measured(26.0, memory_mb=220.0, latency_percentiles_ms=[5.0, 6.0, 30.0]),
        measured(23.0, memory_mb=200.0, latency_percentiles_ms=[3.0, 9.0, 5.0], power_w=5.0),
    )
    assert row["rounds"] == 3
    assert row["fps"] == {"median": 23, "least": 20, "most": 26}
    assert row["memory_mb"]["median"] == 200
    assert row["latency_percentiles_ms"] == [3, 6, 5]
    assert row["power_w"] == {"median": 4, "least": 3, "most": 5}
    assert row["temperature_c"] is None
    assert row["stages_ms"]["wait"]["median"] == 100
    assert row["detections_per_frame"]["median"] == 2


def test_where_nothing_was_found(tmp_path):
    nothing = {"count": 0, "mean_score": None}
    some = {"count": 5, "mean_score": 0.75}
    row = row_of(tmp_path / "a", measured(detections=nothing), measured(detections=nothing))
    assert row["mean_confidence"] is None
    assert row["detections_per_frame"]["most"] == 0
    row = row_of(tmp_path / "b", measured(detections=nothing), measured(detections=some))
    assert row["mean_confidence"]["median"] == 0.75


def test_what_was_dropped(tmp_path):
    row = row_of(tmp_path, measured(captured=50, dropped=10), measured(captured=40, dropped=20))
    assert row["dropped"] == {"median": 0.35, "least": 0.2, "most": 0.5}


def test_rows_are_in_the_order_of_the_grid_and_only_of_what_was_measured(tmp_path):
    journal = journal_of(
        tmp_path,
        (FREE, 1, measured(90.0)),
        (DELAYED, ACCURACY, {"frames": 3}),
        (KEPT, 1, measured(25.0)),
    )
    for one in (journal, Journal.read(str(tmp_path))):
        found = rows(one)
        assert [row["combination"] for row in found] == [KEPT, FREE]
        assert [row["rank"] for row in found] == [2, 1]
        assert found[0]["words"]["capture"] == "320x240"
    assert rows(journal_of(tmp_path / "none")) == []


@pytest.mark.parametrize("infer, rank", [((10, 10), 2), ((1, 60), 1)])
def test_ranks_are_by_how_much_all_work_varied(tmp_path, infer, rank):
    """The rate that waits for deadlines is the lower one, if the other's work does not vary too much to say so."""
    busy = {"capture": 0, "wait": 0}
    free = [(FREE, turn, measured(40.0, stages=dict(busy, infer=ms))) for turn, ms in enumerate(infer, 1)]
    kept, unpaced = rows(journal_of(tmp_path, *free, *((KEPT, turn, measured(25.0)) for turn in (1, 2))))
    assert (kept["rank"], unpaced["rank"]) == (rank, 1)


BOX = [10.0, 10.0, 50.0, 50.0]
LABELLED = {
    "images": [{"id": 1, "file_name": "a.png", "width": 100, "height": 100}],
    "categories": [{"id": 1, "name": "cat"}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": BOX, "area": 2500.0, "iscrowd": 0}],
}
RIGHT = {"image_id": 1, "category_id": 1, "bbox": BOX, "score": 0.9}


def labelled_row(folder, detections, dataset=LABELLED):
    journal = journal_of(folder, (KEPT, 1, measured()), dataset=dataset)
    with open(journal.detections_path(KEPT), "w") as file:
        json.dump(detections, file)
    (row,) = rows(journal)
    return row


def test_accuracy(tmp_path):
    pytest.importorskip("pycocotools")
    row = labelled_row(tmp_path, [RIGHT, dict(RIGHT, bbox=[0.0, 80.0, 9.0, 9.0], score=0.1)])
    assert row["accuracy"]["ap50"] == pytest.approx(1)
    assert row["accuracy"]["mistakes"]["found"] == 1
    assert row["accuracy"]["mistakes"]["false"]["background"] == 0  # below what is shown
    assert row["accuracy"]["images"] == 1


def test_what_is_shown_is_less_than_what_is_scored(tmp_path):
    """Of a box only one label is shown, of which the mistakes are."""
    pytest.importorskip("pycocotools")
    journal = journal_of(tmp_path, (KEPT, 1, measured()), dataset=LABELLED)
    for path, found in (
        (journal.detections_path(KEPT), [RIGHT, dict(RIGHT, bbox=[0.0, 80.0, 9.0, 9.0])]),
        (journal.shown_path(KEPT), [RIGHT]),
    ):
        with open(path, "w") as file:
            json.dump(found, file)
    (row,) = rows(journal)
    assert row["accuracy"]["mistakes"]["false"]["background"] == 0


def test_what_is_on_the_front(tmp_path):
    """Rates and pacings of one choice are all on it, or none is."""
    pytest.importorskip("pycocotools")
    slow = FREE._replace(size=416)
    journal = journal_of(
        tmp_path,
        *((one, 1, measured()) for one in (KEPT, DELAYED, FREE)),
        (slow, 1, measured(stages={"infer": 99})),
        grid=(KEPT, DELAYED, FREE, slow),
        dataset=LABELLED,
    )
    for combination, found in ((KEPT, [RIGHT]), (DELAYED, [RIGHT]), (FREE, []), (slow, [RIGHT])):
        with open(journal.detections_path(combination), "w") as file:
            json.dump(found, file)
    found = rows(journal)
    assert [row["front"] for row in found] == [True, True, False, False]
    table = tables(found)[0]
    assert [line[table.header.index("front")] for line in table.rows] == ["yes", "yes", "", ""]


class Terminal(io.StringIO):
    """Standard error that would show progress bars."""

    def isatty(self):
        return True


def test_what_is_the_same_is_scored_once_and_without_bars(tmp_path, monkeypatch):
    pytest.importorskip("pycocotools")
    terminal, scored = Terminal(), []
    monkeypatch.setattr("sys.stderr", terminal)
    score = summary.accuracy
    monkeypatch.setattr(summary, "accuracy", lambda *args: scored.append(args) or score(*args))
    journal = journal_of(tmp_path, *((one, 1, measured()) for one in (KEPT, DELAYED, FREE)), dataset=LABELLED)
    for combination, found in ((KEPT, [RIGHT]), (DELAYED, [RIGHT]), (FREE, [])):
        with open(journal.detections_path(combination), "w") as file:
            json.dump(found, file)
    kept, delayed, free = (row["accuracy"]["ap50"] for row in rows(journal))
    assert kept == delayed == pytest.approx(1)
    assert free == 0
    assert len(scored) == 2
    assert terminal.getvalue() == ""


def test_of_nothing_labelled_accuracy_is_not_known(tmp_path):
    pytest.importorskip("pycocotools")
    row = labelled_row(tmp_path, [RIGHT], dict(LABELLED, annotations=[]))
    assert row["accuracy"]["ap50"] is None
    assert "AP50" not in tables([row])[0].header


def test_on_a_board_accuracy_is_left_to_the_report(tmp_path, monkeypatch):
    monkeypatch.setattr(summary.importlib.util, "find_spec", lambda name: None)
    row = labelled_row(tmp_path, [RIGHT])
    assert row["accuracy"] is None


def test_damaged_detections_and_labels_are_named(tmp_path):
    journal = journal_of(tmp_path, (KEPT, 1, measured()), dataset=LABELLED)
    with open(journal.detections_path(KEPT), "w") as file:
        file.write('[{"image_id": 1}]')
    with pytest.raises(SourceError, match=journal.detections_path(KEPT)):
        rows(journal)
    (tmp_path / "truth.json").write_text(json.dumps(dict(LABELLED, annotations=[{"id": 1}])))
    with pytest.raises(SourceError, match=r"truth.json: annotations\[0\]: its image_id should be"):
        rows(journal)


def test_the_tables_leave_out_what_says_nothing(tmp_path):
    journal = journal_of(tmp_path, (KEPT, 1, measured(25.0)), (KEPT, 2, measured(24.0)), (FREE, 1, measured(90.0)))
    settings, costs, stages = tables(rows(journal))
    assert settings.header == ["capture, size, FPS set", "real", "possible", "rank", "confidence", "found/frame"]
    assert settings.rows[0][:2] == ["320x240, 160, 25 FPS", "24.5 (24.0 to 25.0)"]
    assert settings.rows[1][:2] == ["own, 320, max FPS", "90.0"]
    assert costs.header == [settings.header[0], "p50 ms", "p95 ms", "MB"]
    assert stages.header == [settings.header[0], *STAGES]
    assert [line[0] for line in stages.rows] == [line[0] for line in costs.rows] == [line[0] for line in settings.rows]


def test_a_single_combination_has_its_whole_name(tmp_path):
    shown = tables([row_of(tmp_path, measured())])[0]
    assert shown.header[0] == "capture, size, FPS set, backend, pacing"
    assert shown.rows[0][0] == "320x240, 160, 25 FPS, onnx, deadline"


def test_the_tables_have_what_varies(tmp_path):
    journal = journal_of(
        tmp_path,
        (KEPT, 1, measured(25.0, power_w=4.567, temperature_c=40.0)),
        (KEPT, 2, measured(25.0, power_w=4.567, memory_mb=210.0, latency_ms={"p50": 26.0, "p95": 30.0})),
        (DELAYED, 1, measured(15.0, dropped=5, captured=50, stages={"infer": 12.345})),
    )
    settings, costs, stages = (
        [dict(zip(shown.header, line)) for line in shown.rows] for shown in tables(rows(journal))
    )
    assert [line["pacing"] for line in settings] == ["deadline", "delay"]
    assert [line["formula"] for line in settings] == ["", "15.1"]
    assert [line["dropped %"] for line in costs] == ["", "10.0"]
    assert [line["W"] for line in costs] == ["4.57", ""]
    assert [line["C"] for line in costs] == ["40.0", ""]
    assert [line["MB"] for line in costs] == ["205 (200 to 210)", "200"]
    assert [line["p50 ms"] for line in costs] == ["23.0 (20.0 to 26.0)", "20.0"]
    assert [line["infer"] for line in stages] == ["10.00", "12.35"]
    assert [line["capture"] for line in stages] == ["1.00", "1.00"]


def test_for_a_spreadsheet_figures_are_numbers(tmp_path):
    journal = journal_of(
        tmp_path,
        (KEPT, 1, measured(25.0, memory_mb=190.0)),
        (KEPT, 2, measured(24.0)),
        (FREE, 1, measured(90.125, latency_ms={"p50": 11.0, "p95": 30.0})),
    )
    kept, free = {}, {}
    for shown in tables(rows(journal)):
        for line, found in zip(csv.DictReader(io.StringIO(shown.as_csv(), newline="")), (kept, free)):
            found.update(line)
    settings = {"capture": "320x240", "size": "160", "FPS set": "25", "backend": "onnx", "pacing": "deadline"}
    assert {name: kept.pop(name) for name in settings} == settings
    assert [kept["real FPS, " + key] for key in ("median", "least", "most")] == ["24.5", "24", "25"]
    assert [free["real FPS, " + key] for key in ("median", "least", "most")] == ["90.125"] * 3
    assert [kept["memory MB, " + key] for key in ("median", "least", "most")] == ["195", "190", "200"]
    assert free["latency p50 ms, median"] == "11"
    assert kept["infer ms, median"] == "10"
    assert all(map(float, kept.values()))


@pytest.mark.parametrize(
    "figures, expected",
    [
        ({"median": 24.0, "least": 24.0, "most": 24.0}, "24.0"),
        ({"median": 24.04, "least": 24.01, "most": 24.0}, "24.0"),
        ({"median": 24.0, "least": 23.9, "most": 24.1}, "24.0 (23.9 to 24.1)"),
    ],
)
def test_spread_text(figures, expected):
    assert spread_text(figures, 1) == expected
