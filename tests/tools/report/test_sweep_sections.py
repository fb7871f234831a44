import json
import re

import pytest
from support import reports

from app.errors import SourceError
from tools.report import sweeps


def colours(plot):
    """Colours of what is drawn in a plot, from the palette of the combinations."""
    return set(re.findall(r"(?:fill|stroke): (#0072b2|#d55e00|#009e73|#cc79a7)", plot.svg))


def change_measurements(folder, change=lambda number, line: {}, without=None):
    """change: a measurement's new fields, given its number and itself. without: a field that none has."""
    path = folder / "measurements.jsonl"
    changed = [{**line, **change(n, line)} for n, line in enumerate(map(json.loads, path.read_text().splitlines()))]
    for line in changed:
        line.pop(without, None)
    path.write_text("".join(json.dumps(line) + "\n" for line in changed))


def change_plan(folder, change):
    plan = json.loads((folder / "sweep.json").read_text())
    (folder / "sweep.json").write_text(json.dumps({**plan, **change(plan)}))


def test_without_labels(tmp_path):
    reports.make_sweep(tmp_path)
    (section,), model = sweeps.read(str(tmp_path))
    assert section.title == "Settings, on street.mp4"
    assert [plot.caption[:10] for plot in section.plots] == ["Accuracy a", "Real again", "Work per f", "Latency: t"]
    assert "Mean confidence is not accuracy" in section.plots[0].caption
    assert [table.title for table in section.tables] == [
        "Settings, on street.mp4", "Latency and memory, on street.mp4", "Stages, on street.mp4",
    ]  # fmt: skip
    assert [len(table.rows) for table in section.tables] == [8, 8, 8]
    assert [picture.data for picture in section.pictures] == [reports.picture()] * 4
    assert [picture.caption for picture in section.pictures][::2] == [
        "Captured at 64x48, size 160, auto",
        "Captured at its own resolution, size 160, auto",
    ]
    assert dict(section.facts)["backend"] == "auto: auto 1.2"
    assert model[:1] + model[2:] == ("there-is-none", [160, 320], False, (64, 48))


def test_with_labels(tmp_path):
    pytest.importorskip("pycocotools")
    reports.make_sweep(tmp_path, labels=reports.truth())
    (section, accuracy), _ = sweeps.read(str(tmp_path))
    assert "AP50 against the labels" in section.plots[0].svg
    assert accuracy.title == "Accuracy, on street.mp4"
    figures, mistakes = accuracy.tables
    assert [row[0] for row in figures.rows] == ["64x48 160", "64x48 320", "own 160", "own 320"], "not by rate"
    assert [row[1] for row in mistakes.rows] == ["1", "2", "1", "2"]
    recall, lost = accuracy.plots
    for plot in (*section.plots[:2], section.plots[3], recall):
        assert colours(plot) == {"#0072b2", "#d55e00"}, "one for each size, in all plots"
    assert "missed" in lost.svg


def test_labels_without_objects(tmp_path):
    pytest.importorskip("pycocotools")
    reports.make_sweep(tmp_path, labels=dict(reports.truth(), annotations=[]))
    (section, accuracy), _ = sweeps.read(str(tmp_path))
    assert "mean confidence" in section.plots[0].svg
    assert not accuracy.plots


def test_labels_where_accuracy_cannot_be_computed(tmp_path, monkeypatch):
    reports.make_sweep(tmp_path, labels=reports.truth())
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    (section,), _ = sweeps.read(str(tmp_path))
    assert any("accuracy needs pycocotools" in sentence for sentence in section.sentences)


def test_a_single_combination(tmp_path):
    reports.make_sweep(tmp_path, captures=[None], sizes=[160], fps=[None])
    (section,), _ = sweeps.read(str(tmp_path))
    assert len(section.plots) == 2, "there are no configured rates, and nothing to compare with"
    assert len(section.tables[0].rows) == 1
    assert len(section.pictures) == 1


def test_many_combinations(tmp_path):
    reports.make_sweep(
        tmp_path,
        captures=[(320, 240), (640, 480), (1280, 720), None],
        sizes=[160, 224, 320, 416],
        backends=["onnx", "openvino:bf16"],
        pacing=["deadline", "delay"],
    )
    (section,), _ = sweeps.read(str(tmp_path))
    assert len(section.tables[0].rows) == 4 * 4 * 2 * 3
    assert len(section.pictures) == sweeps.MOST
    for plot in section.plots[2:]:
        assert plot.caption.endswith("The first 24 of 32 are shown.")
    assert "with a delay" in section.plots[1].svg


def test_medians_over_rates(tmp_path):
    """Speed does not depend on the configured rate, so the plots take all of them."""
    grid = reports.make_sweep(tmp_path, captures=[None], sizes=[160], fps=[10, 20, 30])
    stages = [
        dict(reports.measurement(grid[0])["stages_ms"], infer=reports.percentiles(ms)) for ms in (8.7, 58.7, 18.7)
    ]
    change_measurements(tmp_path, lambda n, line: {"stages_ms": stages[n]})
    (section,), _ = sweeps.read(str(tmp_path))
    assert ">19.9<" in section.plots[1].svg, "the median of infer, with 1.2 for the rest"


def test_the_frame_is_the_largest_that_was_captured(tmp_path):
    reports.make_sweep(tmp_path)
    change_measurements(tmp_path, lambda n, line: {"captured_size": [(320, 180), (768, 576), (64, 48)][n % 3]})
    _, (*_, frame) = sweeps.read(str(tmp_path))
    assert frame == (768, 576)


def test_what_disturbed_it_is_told(tmp_path):
    reports.make_sweep(tmp_path)
    (section,), _ = sweeps.read(str(tmp_path))
    assert not any("While this was measured" in sentence for sentence in section.sentences)
    change_measurements(tmp_path, lambda n, line: {"faults": [], "others": 0.1 * n})
    (section,), _ = sweeps.read(str(tmp_path))
    expected = "While this was measured: other programs took up to 70% of the cores' time, in 7 of 8 measurements."
    assert section.sentences[0] == expected


def test_waiting_for_a_picture_is_in_the_table_and_in_no_other_figure(tmp_path):
    """A reader that is starved says nothing of the settings."""
    reports.make_sweep(tmp_path, captures=[None], sizes=[160], fps=[24])
    (before,), _ = sweeps.read(str(tmp_path))
    change_measurements(
        tmp_path, lambda n, line: {"stages_ms": dict(line["stages_ms"], capture=reports.percentiles(55.5))}
    )
    (after,), _ = sweeps.read(str(tmp_path))
    assert after.tables[0] == before.tables[0]
    assert [plot.svg for plot in after.plots][0] == [plot.svg for plot in before.plots][0]
    assert dict(zip(after.tables[2].header, after.tables[2].rows[0]))["capture"] == "55.50"


def test_nothing_measured_yet(tmp_path):
    reports.make_sweep(tmp_path, measured=0)
    (section,), (*_, frame) = sweeps.read(str(tmp_path))
    assert section.sentences == ["No combination has been measured yet."]
    assert frame == (640, 480)
    assert not section.tables
    assert not section.plots


def test_an_unfinished_sweep_says_so(tmp_path):
    grid = reports.make_sweep(tmp_path, measured=3)
    (section,), _ = sweeps.read(str(tmp_path))
    assert section.sentences[0] == f"The sweep is incomplete: {len(grid) - 3} of 8 combinations are not measured yet."
    assert len(section.tables[0].rows) == 3


def test_an_unfinished_round_says_so(tmp_path):
    reports.make_sweep(tmp_path, rounds=2)
    path = tmp_path / "measurements.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    (section,), _ = sweeps.read(str(tmp_path))
    assert "some combinations have only 1 of 2 rounds" in section.sentences[0]


def test_damaged_images_that_were_left_out_are_counted(tmp_path):
    reports.make_sweep(tmp_path)
    (section,), _ = sweeps.read(str(tmp_path))
    assert not any("amaged" in sentence for sentence in section.sentences), "none, where the sweep does not know"
    path = tmp_path / "measurements.jsonl"
    lines = [dict(json.loads(line), skipped=2) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    (section,), _ = sweeps.read(str(tmp_path))
    assert section.sentences[0] == "Damaged images, left out with their labels: 2."


def test_where_nothing_was_found(tmp_path):
    reports.make_sweep(tmp_path, found=0)
    (section,), _ = sweeps.read(str(tmp_path))
    assert len(section.plots) == 3, "without confidence there is no first one"


def test_a_damaged_picture_is_left_out(tmp_path, capsys):
    reports.make_sweep(tmp_path)
    damaged = sorted((tmp_path / "pictures").iterdir())
    for path in damaged:
        path.write_bytes(b"")
    (section,), _ = sweeps.read(str(tmp_path))
    assert not section.pictures
    assert "not a JPEG" in capsys.readouterr().err


DAMAGED = {
    "a rate of nothing": lambda folder: change_measurements(folder, lambda n, line: {"fps": {"real": 0}}),
    **{
        f"no {field}": lambda folder, field=field: change_measurements(folder, without=field)
        for field in ("stages_ms", "latency_percentiles_ms", "fps", "detections", "combination")
    },
    "no options": lambda folder: change_plan(folder, lambda plan: {"options": {}}),
    **{
        f"sizes {sizes}": lambda folder, sizes=sizes: change_plan(
            folder, lambda plan: {"options": dict(plan["options"], sizes=sizes)}
        )
        for sizes in (["a"], [[]], [1e999], 7)
    },
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED.keys())
def test_damage_is_one_line(tmp_path, damage):
    reports.make_sweep(tmp_path)
    damage(tmp_path)
    with pytest.raises(SourceError, match="not a sweep's folder") as caught:
        sweeps.read(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_plan_without_a_grid_or_a_machine(tmp_path):
    reports.make_sweep(tmp_path)
    change_plan(tmp_path, lambda plan: {"grid": [], "machine": {}})
    (section,), _ = sweeps.read(str(tmp_path))
    assert ("processor", "unknown, ? cores") in section.facts
    assert section.sentences == ["No combination has been measured yet."]
