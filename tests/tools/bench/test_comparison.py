import json

import pytest

from app.errors import UsageError
from tools.bench.comparison import changes, differences, read_report, unmatched
from tools.bench.results import change_lines


def figure(median, off=0.0):
    return {"median": median, "least": median - off, "most": median + off}


def report(sizes, **fields):
    machine = {
        "processor": "one",
        "cores": 2,
        "board": {"governor": "performance", "temperature_c": 40.0},
        "versions": {"numpy": "1.0"},
    }
    model = {"name": "m", "sha256": "0"}
    return {
        "kind": "bench",
        "source": "a.avi",
        "model": model,
        "threads": 2,
        "machine": machine,
        "sizes": sizes,
        **fields,
    }


@pytest.mark.parametrize(
    "part, then, now, verdict",
    [
        pytest.param("fps", figure(100, 1), figure(90, 1), "slower", id="lower rate"),
        pytest.param("fps", figure(100, 1), figure(110, 1), "faster", id="higher rate"),
        pytest.param("fps", figure(100, 6), figure(90, 6), "same", id="spreads overlap"),
        pytest.param("fps", figure(100, 5), figure(90, 5), "same", id="spreads touch"),
        pytest.param("fps", figure(100, 1), figure(95, 1), "same", id="5 % is nothing"),
        pytest.param("fps", figure(100, 1), figure(94.9, 1), "slower", id="more than 5 %"),
        pytest.param("stages_ms", figure(10, 0.1), figure(12, 0.1), "slower", id="longer stage"),
        pytest.param("stages_ms", figure(10, 0.1), figure(8, 0.1), "faster", id="shorter stage"),
        pytest.param("stages_ms", figure(0.01), figure(0.02), "same", id="too short to matter"),
        pytest.param("stages_ms", figure(0.0), figure(1.0), "slower", id="from nothing"),
        pytest.param("stages_ms", figure(0.0), figure(0.0), "same", id="nothing at all"),
        pytest.param("latency_ms", figure(50, 1), figure(60, 1), "slower", id="higher latency"),
        pytest.param("memory_mb", figure(250, 1), figure(200, 1), "faster", id="less memory"),
        pytest.param("jain", figure(1.0), figure(0.9), "slower", id="less fair"),
    ],
)
def test_verdicts(part, then, now, verdict):
    (change,) = changes(report({"160": {part: {"x": then}}}), report({"160": {part: {"x": now}}}))
    assert change.path == ("160", part, "x")
    assert change.verdict == verdict


@pytest.mark.parametrize(
    "then, now, verdict",
    [
        pytest.param((100, 80), (100, 120), "reference", id="the reference became faster"),
        pytest.param((100, 80), (110, 120), "reference", id="both did, the reference more"),
        pytest.param((100, 120), (100, 80), "reference", id="the reference became slower"),
        pytest.param((100, 80), (80, 80), "slower", id="the loop became slower"),
        pytest.param((100, 80), (80, 100), "slower", id="the loop slower, the reference faster"),
        pytest.param((100, 80), (120, 80), "faster", id="the loop became faster"),
        pytest.param((100, 80), (96, 84), "slower", id="neither alone has changed"),
        pytest.param((100, 80), (120, 96), "same", id="both as much"),
    ],
)
def test_verdicts_on_a_ratio(then, now, verdict):
    """It is marked if it changed because of its reference."""
    reports = [
        report({"160": {"fps": {"loop": figure(loop), "naive": figure(naive)}, "loop/naive": figure(loop / naive)}})
        for loop, naive in (then, now)
    ]
    assert changes(*reports)[-1].path == ("160", "loop/naive")
    assert changes(*reports)[-1].verdict == verdict


def test_losing_more_is_worse():
    (change,) = changes(
        report({"160": {"fault": {"lost": figure(0.01)}}}), report({"160": {"fault": {"lost": figure(0.1)}}})
    )
    assert change.verdict == "slower"


def test_a_ratio_whose_rates_are_not_in_both_reports_counts():
    then, now = report({"160": {"a/b": figure(2)}}), report({"160": {"fps": {"b": figure(1)}, "a/b": figure(1)}})
    assert [change.verdict for change in changes(then, now)] == ["slower"]


def test_figures_lie_at_any_depth_and_other_fields_are_none():
    sizes = {
        "160": {"input": [96, 160], "frames": 30, "loop/bare": figure(1), "stages_ms": {"onnx": {"infer": figure(2)}}}
    }
    paths = [change.path for change in changes(report(sizes), report(sizes))]
    assert paths == [("160", "loop/bare"), ("160", "stages_ms", "onnx", "infer")]


def test_what_only_one_report_has_is_noted():
    then = report({"160": {"fps": {"a": figure(1), "b": figure(1)}}, "320": {"fps": {"a": figure(1)}}})
    now = report({"160": {"fps": {"a": figure(1), "c": figure(1)}}, "416": {"fps": {"a": figure(1)}}})
    assert [change.path for change in changes(then, now)] == [("160", "fps", "a")]
    notes = " ".join(unmatched(then, now))
    assert "320 is in the saved report only" in notes
    assert "416 is not in the saved report" in notes
    assert "2 figures" in notes


def test_lines_for_people():
    then = report({"160": {"fps": {"a": figure(100), "b": figure(100), "c": figure(100)}, "a/b": figure(1)}})
    now = report({"160": {"fps": {"a": figure(120), "b": figure(50), "c": figure(90)}, "a/b": figure(1)}})
    _, *lines = change_lines(changes(then, now), ["a note"]).splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["slower", "slower", "faster"]
    assert lines[0].split() == "slower 160 b 100.0 FPS 50.0 FPS -50.0 %".split()
    assert lines[3].strip().startswith("1 figures unchanged")
    assert lines[4].strip() == "a note"


def test_a_faster_reference_and_its_ratio_are_one_event():
    then = report({"160": {"fps": {"loop": figure(99), "naive": figure(80)}, "loop/naive": figure(1.235)}})
    now = report({"160": {"fps": {"loop": figure(99), "naive": figure(120)}, "loop/naive": figure(0.825)}})
    _, faster, caused, rest = change_lines(changes(then, now), []).splitlines()
    assert faster.split() == "faster 160 naive 80.0 FPS 120.0 FPS +50.0 %".split()
    assert caused.split() == "so 160 loop/naive 1.235 0.825".split()
    assert rest.startswith("  1 figures unchanged")


@pytest.mark.parametrize(
    "changed, name",
    [
        ({"source": "b.avi"}, "source"),
        ({"model": {"name": "m", "sha256": "1"}}, "model"),
        ({"machine": {"processor": "two"}}, "processor"),
        ({"machine": {"board": {"governor": "powersave"}}}, "governor"),
        ({"machine": {"versions": {"numpy": "2.0"}}}, "numpy"),
        ({"machine": {"versions": {"numpy": "1.0", "openvino": "1"}}}, "openvino"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_differences(changed, name):
    now = report({})
    for key, value in changed.items():
        if key == "machine":
            value = {**now["machine"], **value}
        now[key] = value
    (difference,) = differences(report({}), now)
    assert name in difference


def test_what_changes_from_minute_to_minute_is_no_difference():
    now = report({})
    now["machine"]["board"] = {"governor": "performance", "temperature_c": 60.0}
    assert differences(report({}), now) == []


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"[]", id="list"),
        pytest.param(b"{}", id="no kind"),
        pytest.param(b'{"kind": "soak", "sizes": {}}', id="another kind"),
        pytest.param(b'{"kind": "bench", "sizes": []}', id="no sizes"),
        pytest.param(b"\xff\xfe", id="not UTF-8"),
    ],
)
def test_no_report(tmp_path, content):
    file = tmp_path / "saved.json"
    file.write_bytes(content)
    with pytest.raises(UsageError, match="not a report of"):
        read_report(str(file))


def test_a_report_is_read_as_it_was_written(tmp_path):
    file = tmp_path / "saved.json"
    with pytest.raises(UsageError, match="No such file"):
        read_report(str(file))
    file.write_text(json.dumps(report({"160": {}})))
    assert read_report(str(file)) == report({"160": {}})


def test_a_report_that_lacks_its_machine_is_still_compared():
    bare = {"kind": "bench", "sizes": {"160": {"fps": {"a": figure(1)}}}}
    now = report({"160": {"fps": {"a": figure(1)}}})
    assert len(changes(bare, now)) == 1
    assert differences(bare, now)
