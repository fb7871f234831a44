import json
import os

import pytest

from app import __version__
from app.errors import OutputError, SourceError, UsageError
from tools.sweep.grid import ACCURACY, Combination, Task, as_json
from tools.sweep.journal import Journal

GRID = [Combination((320, 240), 160, 24.0, "onnx", "deadline"), Combination(None, 160, None, "openvino:bf16", "delay")]
OPTIONS = {"sizes": [160], "cam": "street.mp4", "captures": [[320, 240], None]}
MACHINE = {"processor": "Cortex-A57"}
TRUTH = {"images": [{"id": 1, "file_name": "a.png"}], "categories": [], "annotations": []}


def start(folder, options=OPTIONS, machine=MACHINE, dataset=None):
    return Journal.start(str(folder), options, GRID, machine, dataset or {})


@pytest.fixture
def begun(tmp_path):
    """A folder in which two tasks were measured."""
    folder = tmp_path / "a" / "b"
    with start(folder) as journal:
        for turn in (1, 2):
            journal.add(Task(GRID[0], turn), {"frames": turn})
    return folder


def test_a_new_one(tmp_path):
    with start(tmp_path / "new", dataset=TRUTH) as journal:
        assert journal.plan["grid"] == GRID  # as it will be when it is read
        assert journal.measurements == []
        assert journal.done() == set()
    plan = json.loads((tmp_path / "new" / "sweep.json").read_text())
    assert (plan["kind"], plan["version"]) == ("sweep", __version__)
    assert json.loads((tmp_path / "new" / "truth.json").read_text()) == TRUTH


def test_it_goes_on(begun):
    with start(begun) as journal:
        assert journal.plan["grid"] == GRID
        assert journal.done() == {Task(GRID[0], 1).key, Task(GRID[0], 2).key}
        journal.add(Task(GRID[1], 1), {"frames": 3})
    read = Journal.read(str(begun))
    assert read.measurements == journal.measurements
    assert [m["frames"] for m in read.measurements] == [1, 2, 3]
    assert [m["combination"] for m in read.measurements] == [GRID[0], GRID[0], GRID[1]]


def test_accuracy_without_its_detections_is_not_done(tmp_path):
    task = Task(GRID[0], ACCURACY)
    with start(tmp_path, dataset=TRUTH) as journal:
        journal.add(task, {})
        for path in (journal.detections_path(GRID[0]), journal.shown_path(GRID[0])):
            assert task.key not in journal.done()
            with open(path, "w") as file:
                file.write("[]")
        assert task.key in journal.done()


def test_another_sweep_is_refused_and_the_difference_named(begun):
    before = (begun / "sweep.json").read_bytes()
    with pytest.raises(UsageError) as caught:
        start(begun, {"sizes": [320], "cam": "street.mp4", "captures": [[320, 240], None], "square": True})
    assert "it differs in: sizes, square)" in str(caught.value)
    assert (begun / "sweep.json").read_bytes() == before
    assert len(Journal.read(str(begun)).measurements) == 2


def test_where_nothing_was_measured_another_may_begin(tmp_path):
    start(tmp_path, {"backends": ["tensorrt"]}, dataset=TRUTH).close()
    (tmp_path / "measurements.jsonl").write_text('{"key": "the first')
    with start(tmp_path) as journal:
        journal.add(Task(GRID[0], 1), {})
    assert Journal.read(str(tmp_path)).plan["options"] == OPTIONS
    assert not (tmp_path / "truth.json").exists()


def test_other_labels_are_refused(tmp_path):
    with start(tmp_path, dataset=TRUTH) as journal:
        journal.add(Task(GRID[0], 1), {})
    start(tmp_path, dataset=TRUTH).close()
    with pytest.raises(UsageError) as caught:
        start(tmp_path, dataset=dict(TRUTH, images=[{"id": 2, "file_name": "a.png"}]))
    assert "labels have changed" in str(caught.value)


def test_another_machine_is_a_warning(begun, capsys):
    start(begun, machine={"processor": "Xeon"}).close()
    assert "another machine" in capsys.readouterr().err
    start(begun).close()
    assert capsys.readouterr().err == ""


ONNX, OPENVINO = "onnxruntime 1.19.2 CPUExecutionProvider, 2 threads", "openvino 2024.6 CPU fp32"


@pytest.mark.parametrize("size, now", [(160, OPENVINO), (160, ONNX.replace("1.19.2", "1.20.0"))])
def test_another_backend_than_was_measured_with_is_refused(tmp_path, size, now):
    with start(tmp_path) as journal:
        journal.add(Task(GRID[0], 1), {"backend": ONNX})
        journal.add(Task(GRID[1], 1), {"backend": OPENVINO})  # which another combination is of
    with start(tmp_path) as journal:
        journal.add(Task(GRID[0], 2), {"backend": ONNX})
        for refused in (
            lambda: journal.add(Task(GRID[0], 3), {"backend": now}),
            lambda: journal.check_backend("onnx", now),
        ):
            with pytest.raises(UsageError) as caught:
                refused()
            assert "was started with {}".format(ONNX) in str(caught.value)
            assert now in str(caught.value)
            assert len(str(caught.value).splitlines()) == 1
    assert len(Journal.read(str(tmp_path)).measurements) == 3


def test_before_it_has_run_a_backend_says_less(tmp_path):
    """TensorRT's has no precision until it has chosen an engine, and may choose another for another size."""
    with start(tmp_path) as journal:
        journal.add(Task(GRID[0], 1), {"backend": "tensorrt 8.2.1 Tegra X1 fp16"})
        journal.check_backend("onnx", "tensorrt 8.2.1 Tegra X1")
        journal.add(Task(GRID[0]._replace(size=320), 1), {"backend": "tensorrt 8.2.1 Tegra X1 fp32"})
    assert len(journal.measurements) == 2


@pytest.mark.parametrize("rest", ["{", '{"key": "x", "round": 3', '{"key": "x"}'])
def test_a_line_that_was_not_written_to_its_end_is_dropped(begun, rest):
    path = begun / "measurements.jsonl"
    whole = path.read_text()
    path.write_text(whole + rest)
    assert len(Journal.read(str(begun)).measurements) == 2  # who only reads leaves it alone
    assert path.read_text() == whole + rest
    with start(begun) as journal:
        assert len(journal.measurements) == 2
        journal.add(Task(GRID[1], 1), {"frames": 3})
    assert path.read_text().startswith(whole)
    assert [json.loads(line)["round"] for line in path.read_text().splitlines()] == [1, 2, 1]
    assert [m["round"] for m in Journal.read(str(begun)).measurements] == [1, 2, 1]


COMBINATION = {"combination": as_json(GRID[0])}


@pytest.mark.parametrize(
    "name, content",
    [
        ("sweep.json", b""),
        ("sweep.json", b"[]"),
        ("sweep.json", b"{}"),
        ("sweep.json", b'{"kind": "bench", "format": 1}'),
        ("sweep.json", b'{"kind": "sweep", "format": 2}'),
        ("sweep.json", b'{"kind": "sweep", "format": 1, "grid": []}'),
        ("sweep.json", b'{"kind": "sweep", "format": 1, "grid": [], "options": [], "machine": {}}'),
        ("sweep.json", b'{"kind": "sweep", "format": 1, "grid": [{"size": 3}], "options": {}, "machine": {}}'),
        ("sweep.json", b"[" * 100000),
        ("sweep.json", b"\xff\xfe"),
        ("measurements.jsonl", b"rubbish\n"),
        ("measurements.jsonl", b"{}\n"),
        ("measurements.jsonl", json.dumps(dict(COMBINATION, round=1, backend=5)).encode() + b"\n"),
        ("measurements.jsonl", json.dumps(COMBINATION).encode() + b"\n"),  # without its round
        ("measurements.jsonl", b'{"key": "x", "round": 1, "combination": {"capture": 3}}\n'),
        ("measurements.jsonl", b"\xff\n"),
        ("measurements.jsonl", b'{"round": 1, "combination": {"capture": null, "fps": null, "size": 1e999}}\n'),
    ],
)
def test_damage_is_one_line_that_names_the_file(begun, name, content):
    (begun / name).write_bytes(content)
    for attempt in (lambda: start(begun), lambda: Journal.read(str(begun))):
        with pytest.raises(SourceError) as caught:
            attempt()
        assert str(begun / name) in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1


def test_no_sweep_there(tmp_path):
    with pytest.raises(SourceError) as caught:
        Journal.read(str(tmp_path / "none"))
    assert "sweep.json" in str(caught.value)


def test_measurements_of_an_unknown_sweep_are_not_added_to(begun):
    os.remove(str(begun / "sweep.json"))
    with pytest.raises(UsageError) as caught:
        start(begun)
    assert "no sweep.json" in str(caught.value)


def test_one_sweep_at_a_time(begun):
    with start(begun):
        with pytest.raises(OutputError, match="another program is writing to it; name another --run"):
            start(begun)
        Journal.read(str(begun))  # the report may look
    start(begun).close()


def test_where_it_cannot_be_written(begun, tmp_path):
    file = tmp_path / "file"
    file.write_text("precious")
    for folder in (file, file / "below"):
        with pytest.raises(OutputError) as caught:
            start(folder)
        assert len(str(caught.value).splitlines()) == 1
    assert file.read_text() == "precious"
    with start(begun) as journal:
        os.rename(str(begun), str(begun) + "-moved")
        with pytest.raises(OutputError) as caught:
            journal.add(Task(GRID[1], 1), {})
        assert "measurements.jsonl" in str(caught.value)


def test_a_folder_whose_name_is_not_ascii(tmp_path):
    with start(tmp_path / "Straße mit Leerzeichen") as journal:
        journal.add(Task(GRID[0], 1), {})
    assert journal.picture_path(GRID[0]).endswith("320x240-160-24-onnx-deadline.jpg")
    assert "own-160-max-openvino_bf16-delay" in journal.detections_path(GRID[1])
