import json
import re

import pytest
from support import reports

from app.errors import SourceError
from tools.report.files import sections, title


def read(folder, report, name="some.json"):
    """What a report says, and everything that stands in its tables and facts."""
    path = folder / name
    path.write_text(report if isinstance(report, str) else json.dumps(report))
    found = sections(str(path))
    for section in found:
        for table in section.tables:
            assert table.rows
            assert all(len(row) == len(table.header) for row in table.rows)
    return found


@pytest.mark.parametrize("name", (None, 7, ["boy"]))
def test_a_name_that_is_no_text(tmp_path, name):
    report = dict(reports.evaluate(), worst_classes=[{"label": name, "accuracy": 0.25}])
    with pytest.raises(SourceError, match="some.json: not a report of this project, or damaged"):
        read(tmp_path, report)


def cells(section, index=0):
    """A table as a dict, by its first column."""
    return {row[0]: row[1:] for row in section.tables[index].rows}


def test_score(tmp_path):
    (section,) = read(tmp_path, reports.score(reports.EVIL))
    assert section.title == "Accuracy: some"
    figures, mistakes, classes = section.tables
    name = "yolov3-tiny, size 320, rectangular"
    assert figures.rows == [[name, "0.500", "0.700", "", "", "", "0.800", "0.310", "0.750", "0.900"]]
    assert mistakes.rows == [[name, "2", "0", "0", "1", "1", "0", "0", "4"]]
    assert classes.rows[0] == [reports.EVIL, "3", "0.500", "0.700", "0.800", "0.310"]
    assert classes.rows[1] == ["never found", "3", "0.000", "0.000", "", ""]
    assert len(section.plots) == 2
    assert ("objects", "3") in section.facts


def test_score_says_which_classes_were_confused(tmp_path):
    report = reports.score()
    report["mistakes"]["confusions"] = [{"object": "dog", "taken_for": reports.EVIL, "count": 7}]
    (section,) = read(tmp_path, report)
    (table,) = (table for table in section.tables if table.title.endswith(", confusions"))
    assert table.rows == [["dog", reports.EVIL, "7"]]
    assert "of 0.310 or more" in table.note


def test_score_says_what_was_scored_and_on_what(tmp_path):
    paths = {"images": "/home/somebody/val/pictures", "labels": "val/instances.json"}
    what = {"source": paths, "machine": reports.MACHINE}
    facts = dict(read(tmp_path, {**reports.score(), **what})[0].facts)
    assert (facts["images"], facts["images from"], facts["labels from"]) == ("2", "val/pictures", "instances.json")
    assert facts["processor"] == "A processor, 2 cores"
    assert facts["versions"] == "python 3.11, numpy 2"
    assert not {"images from", "labels from", "processor"} & set(dict(read(tmp_path, reports.score())[0].facts))


def test_score_against_others_is_said(tmp_path):
    compared = {"detections": "a.json", "difference": 0.05, "deviation": 0.02, "low": -0.01, "high": 0.1, "images": 64}
    (section,) = read(tmp_path, {**reports.score(), "against": compared})
    assert section.sentences == [
        "AP50 against a.json: +0.050, which may be chance. With resampled images: -0.010 to +0.100 in 95 %, standard "
        "deviation 0.020."
    ]


def test_score_of_a_file_of_detections_names_the_file_alone(tmp_path):
    report = reports.score()
    report["detections"] = "/home/somebody/found.json"
    del report["model"], report["size"], report["shape"], report["backend"]
    (section,) = read(tmp_path, report, "score.json")
    assert section.title == "Accuracy of found.json"
    assert section.tables[0].rows[0][0] == "found.json"


def test_score_of_nothing_labelled_has_no_empty_plots(tmp_path):
    report = dict(reports.score(), ap=None, ap50=None, best_f1=None, per_class={}, objects=0)
    report["curve"] = {"recall": [0, 1], "precision": None}
    (section,) = read(tmp_path, report)
    assert not section.plots
    assert len(section.tables) == 2
    assert section.tables[0].rows[0][1:3] == ["", ""]


def test_bench_of_the_loop(tmp_path):
    report = reports.bench(s160=reports.loop_figures(), s320=dict(reports.loop_figures(), more=reports.spread(1)))
    (section,) = read(tmp_path, report)
    assert section.sentences == ["While this was measured: the cores have been busy."]
    assert section.tables[0].header == ["figure", "size 160", "size 320"]
    found = cells(section)
    assert found["FPS: bare"] == ["65.9 (59.3 to 72.5)"] * 2
    assert found["loop/bare"] == ["0.852 (0.767 to 0.938)"] * 2
    assert found["ms: infer"] == ["12.00 (10.80 to 13.20)"] * 2
    assert found["warm-up, ms: onnx"] == ["174"] * 2
    assert found["more"] == ["", "1.000 (0.900 to 1.100)"], "a size may have what others have not"
    assert not {"input", "frames"} & set(found)
    assert len(section.plots) == 2
    assert dict(section.facts)["source"] == "street.mp4"


def test_bench_of_backends(tmp_path):
    figures = reports.loop_figures()
    figures.update(what={"onnx": "onnx 1.2, 2 threads"}, absent={"tensorrt": "there is no GPU"}, frames={"bare": 30})
    figures["stages_ms"] = {"onnx": figures["stages_ms"]}
    (section,) = read(tmp_path, dict(reports.bench(s160=figures), source=None))
    assert cells(section)["ms: onnx, infer"] == ["12.00 (10.80 to 13.20)"]
    facts = dict(section.facts)
    assert facts["onnx"] == "onnx 1.2, 2 threads"
    assert facts["tensorrt"] == "not available: there is no GPU"
    assert facts["source"] == "one tensor, repeated"
    assert any("160 onnx" in plot.svg for plot in section.plots)


def test_bench_of_pacing(tmp_path):
    paced = {"work_ms": 7.82, "formula": 20.21, "delay": reports.spread(20.1), "deadline": reports.spread(23.9)}
    (section,) = read(tmp_path, reports.bench(s160={"24": paced, "12.5": paced}))
    found = cells(section)
    assert found["at 24 FPS: work, ms"] == ["7.82"]
    assert found["at 12.5 FPS: 1 / (work + delay)"] == ["20.2"]
    assert found["at 24 FPS: real FPS with deadlines"] == ["23.9 (21.5 to 26.3)"]
    (plot,) = section.plots
    assert "formula" in plot.svg


def test_bench_of_overlap(tmp_path):
    (section,) = read(tmp_path, reports.bench(s160={"input": [1, 2], "share": {"25 ms": reports.spread(0.98)}}))
    assert list(cells(section).values()) == [["0.980 (0.882 to 1.078)"]]
    assert not section.plots


def test_bench_of_cameras(tmp_path):
    figures = {"input": [1, 2], "cameras": 4, "camera_fps": 10.0, "jain": reports.spread(1)}
    figures.update(what={"auto": "2: too slow"}, latency_ms={"p95": {"auto": reports.spread(50)}})
    figures["fault"] = {"lost": reports.spread(0)}
    (section,) = read(tmp_path, reports.bench(s160=figures))
    found = cells(section)
    assert found["latency, ms: p95, auto"] == ["50.0 (45.0 to 55.0)"]
    assert found["FPS of each camera"] == ["10.0"]
    assert "cameras" not in found
    assert dict(section.facts)["auto"] == "2: too slow"


def test_detect(tmp_path):
    (section,) = read(tmp_path, reports.detect())
    found = cells(section)
    assert found["real FPS"] == ["21.3"]
    assert found["mean confidence"] == ["0.653"]
    assert "configured FPS" not in found, "there was none"
    assert cells(section, 1)["infer"] == ["12.00", "12.00", "24.00", "36.00"]
    assert "sink" not in cells(section, 1)
    assert cells(section, 2) == {"person": ["3"], "car": ["2"]}
    assert dict(section.facts)["source"] == "rtsp://***@10.0.0.7/live"
    assert len(section.plots) == 1


def test_detect_where_nothing_was_done(tmp_path):
    report = reports.detect()
    nothing = dict.fromkeys(("mean", "p50", "p95", "p99"))
    report.update(frames=0, input=None, stages_ms={"infer": nothing}, latency_ms=nothing)
    report["fps"] = {"configured": 24.0, "real": None}
    report["detections"] = {"count": 0, "mean_score": None, "by_label": {}}
    (section,) = read(tmp_path, report)
    assert cells(section)["configured FPS"] == ["24.0"]
    assert not section.plots
    assert len(section.tables) == 1


def test_evaluate(tmp_path):
    (section,) = read(tmp_path, reports.evaluate())
    assert section.sentences == [
        "The model's card states 71.52 % top-1 and 94.00 % top-5, which agrees with this evaluation."
    ]
    found = cells(section)
    assert found["top-1"] == ["71.52 %"]
    assert found["superclass top-1"] == ["82.00 %"]
    assert found["loss"] == ["1.0042"]
    assert found["ms per image, p95"] == ["5.283"]
    assert found["peak memory, MB"] == ["141"]
    assert cells(section, 1) == {"boy": ["25.00 %"]}
    assert section.tables[2].rows == [["apple", "pear", "7"]]
    assert dict(section.facts)["data"] == "10000 images of the test set of cifar-100-binary"


def test_evaluate_of_several_models_and_views_of_characters(tmp_path):
    report = dict(reports.evaluate(), models=[{"model": "a", "top1": 0.5}, {"model": "b", "top1": 0.25}], views=3)
    del report["superclass_top1"]
    found = cells(read(tmp_path, report)[0])
    assert (found["top-1 of a alone"], found["top-1 of b alone"]) == (["50.00 %"], ["25.00 %"])
    assert found["views of each image"] == ["3"]
    assert "superclass top-1" not in found


def test_evaluate_that_was_stopped_before_the_first_image(tmp_path):
    report = dict(reports.evaluate(), images=0, complete=False, card=None, worst_classes=[], most_confused=[])
    report.update(dict.fromkeys(("top1", "top5", "superclass_top1", "loss", "images_per_s")))
    report["ms_per_image"] = dict.fromkeys(("mean", "p50", "p95"))
    (section,) = read(tmp_path, report)
    assert section.sentences == ["The evaluation was stopped early; these are the figures up to then."]
    assert set(cells(section)) == {"seconds in total", "seconds of warm-up", "peak memory, MB"}


BAD = {
    "nothing": "",
    "no object": "[1, 2]",
    "something else": '{"kind": "package", "version": 2}',
    "of a run only the kind": '{"kind": "detect"}',
    "a list for a kind": '{"kind": [1]}',
    "words for figures": json.dumps(dict(reports.score(), ap="very good")),
    "a list for figures": json.dumps(dict(reports.detect(), fps=[])),
    "nothing for figures": json.dumps(dict(reports.bench(), sizes=None)),
    "one figure for all sizes": json.dumps(reports.bench(s160=3)),
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
def test_what_is_no_report_is_named_in_one_line(tmp_path, text):
    with pytest.raises(SourceError, match=re.escape(str(tmp_path / "some.json"))) as caught:
        read(tmp_path, text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", (b"\xff\xd8\xff" * 50_000, b'{"kind": ' + b"x" * 100_000), ids=("no text", "no JSON"))
def test_what_is_no_json_is_not_repeated(tmp_path, data):
    (tmp_path / "a.json").write_bytes(data)
    with pytest.raises(SourceError, match="not a report of this project") as caught:
        sections(str(tmp_path / "a.json"))
    assert len(str(caught.value)) < 200 + len(str(tmp_path))


@pytest.mark.parametrize("report, command", [(reports.detect(), "app.detect"), (reports.evaluate(), "app.evaluate")])
def test_a_report_from_before_there_were_kinds(tmp_path, report, command):
    del report["kind"]
    with pytest.raises(SourceError, match=f"older version; recreate it: python -m {command} --report"):
        read(tmp_path, report)


def test_the_plan_of_a_sweep_names_its_folder(tmp_path):
    with pytest.raises(SourceError, match=f"part of a sweep; type: python -m tools.report {tmp_path}$"):
        read(tmp_path, {"kind": "sweep"})


TITLES = {
    "alone": ("runs/a/report.json", [], "report"),
    "the same file twice": ("runs/a/report.json", ["runs/a/report.json", "./runs/a/report.json"], "report"),
    "another name": ("runs/a/report.json", ["runs/b/score.json"], "report"),
    "another folder": ("runs/a/report.json", ["runs/a/report.json", "runs/b/report.json"], "a/report"),
    "folders of one name": ("a/runs/report.json", ["b/runs/report.json", "c.json"], "a/runs/report"),
}


@pytest.mark.parametrize("path, among, expected", TITLES.values(), ids=TITLES.keys())
def test_files_of_one_name_are_told_apart_by_their_folders(path, among, expected):
    assert title(path, among) == expected


def test_what_is_not_there(tmp_path):
    with pytest.raises(SourceError, match="No such file"):
        sections(str(tmp_path / "a.json"))
