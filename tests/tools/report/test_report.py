import csv
import importlib
import io
import json
import os
import re
import sys

import pytest
from support import reports

from tools.report import __main__ as report
from tools.report.section import Section
from tools.tables import Table


@pytest.fixture
def sweep(tmp_path):
    reports.make_sweep(tmp_path / "sweep")
    return tmp_path / "sweep"


def run(*args):
    return report.main([str(arg) for arg in args])


def write(path, content):
    path.write_text(json.dumps(content))
    return path


def test_page_markdown_and_csv(sweep, tmp_path, capsys):
    others = [write(tmp_path / "run.json", reports.detect()), write(tmp_path / "cifar.json", reports.evaluate())]
    out = tmp_path / "new" / "folder"
    assert run(sweep, *others, "--output", out, "--title", "For the gate") == 0
    assert (
        capsys.readouterr().out
        == f"{out / 'report.html'}; the same tables as Markdown and CSV are in the same folder\n"
    )
    page, markdown = (out / "report.html").read_text(), (out / "report.md").read_text()
    assert "<title>For the gate</title>" in page
    assert "made on" in page
    assert "from sweep, run.json, cifar.json." in page
    assert str(tmp_path) not in page + markdown, "folders differ from one machine to another"
    tables = [path for path in out.iterdir() if path.suffix == ".csv"]
    assert {"settings-on-street-mp4.csv", "a-run-run-found.csv", "a-classifier-cifar.csv"} <= {t.name for t in tables}
    assert page.count("<table>") == len(tables) == markdown.count("| --- |\n")
    for path in tables:
        rows = list(csv.reader(io.StringIO(path.read_text())))
        assert len(rows) > 1
        if path.name.endswith("-on-street-mp4.csv"):  # has cells with spreads, which are columns of numbers here
            assert not any(" to " in cell for row in rows for cell in row)
            continue
        for row in rows:
            assert "| {} |".format(" | ".join(row)) in markdown
            assert all(f">{cell}</t" in page for cell in row)
    assert len(list(out.iterdir())) == len(tables) + 2


def test_a_model_that_is_elsewhere_is_warned_of(sweep, tmp_path, capsys):
    assert run(sweep, "--output", tmp_path / "out") == 0
    assert "left out the estimate for a Nano" in capsys.readouterr().err


def test_two_sweeps_of_one_source_are_told_apart(tmp_path):
    for name in ("before", "after.1", "elsewhere"):
        reports.make_sweep(tmp_path / name, source="bikes.mp4" if name == "elsewhere" else "street.mp4")
    assert run(*(tmp_path / name for name in ("before", "after.1", "elsewhere")), "--output", tmp_path / "out") == 0
    titles = re.findall("^## (Settings.*)$", (tmp_path / "out" / "report.md").read_text(), re.MULTILINE)
    assert titles == [
        "Settings, on street.mp4 (before)", "Settings, on street.mp4 (after.1)", "Settings, on bikes.mp4"
    ]  # fmt: skip


def test_names_of_csv_files():
    tables = [Table(title, [], []) for title in ("A (b), c", "../../x", "日本", "", "x" * 300, "a b c")]
    names = list(report.csv_names([Section("A section", tables=tables)]))
    assert names == ["a-b-c.csv", "x.csv", "table.csv", "table-2.csv", "x" * 80 + ".csv", "a-b-c-2.csv"]


def test_what_is_no_text_does_not_stop_it(tmp_path):
    content = dict(reports.detect(), model="half a surrogate: \ud800")
    assert run(write(tmp_path / "run.json", content), "--output", tmp_path / "out") == 0
    assert "half a surrogate: ?" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize("name", ("no-sweep", "damaged.json", "none.json"))
def test_bad_input_is_one_line_and_writes_nothing(tmp_path, capsys, name):
    (tmp_path / "no-sweep").mkdir()
    (tmp_path / "damaged.json").write_text('{"kind": "score"')
    good = write(tmp_path / "run.json", reports.detect())
    assert run(good, tmp_path / name, "--output", tmp_path / "out") == 3
    assert re.fullmatch(rf"error: [^\n]*{re.escape(name)}[^\n]*\n", capsys.readouterr().err)
    assert not (tmp_path / "out").exists()


def test_a_folder_of_sweeps_is_none(tmp_path, capsys):
    for name in ("runs/street", "runs/bikes"):
        reports.make_sweep(tmp_path / name)
    (tmp_path / "runs" / "other").mkdir()
    assert run(tmp_path / "runs", "--output", tmp_path / "out") == 3
    err = capsys.readouterr().err
    assert "runs: has no sweep.json, so it is not the folder of a sweep" in err
    sweeps = [str(tmp_path / "runs" / name) for name in ("bikes", "street")]
    assert err.endswith("there are sweeps in {}\n".format(", ".join(sweeps)))


def test_models_of_sweeps():
    """A network costs less on wide frames than on square ones."""
    wide, other = (1280, 720), (640, 480)
    assert report.models_of([("a", "a.onnx", [320, 160], False, wide), ("a", "a.onnx", [416, 160], False, wide)]) == {
        "a": ("a.onnx", [160, 320, 416], False, wide)
    }
    swept = [("a", "a.onnx", [160], False, wide), ("a", "a.onnx", [320], False, other), ("b", "b", [32], True, other)]
    assert report.models_of(swept) == {
        "a, rectangular, 1280x720": ("a.onnx", [160], False, wide),
        "a, rectangular, 640x480": ("a.onnx", [320], False, other),
        "b": ("b", [32], True, other),
    }
    both = report.models_of([("a", "1/a.onnx", [160], True, other), ("a", "2/a.onnx", [160], True, other)])
    assert list(both) == ["a, square, 640x480", "a, square, 640x480, 2/a.onnx"]


@pytest.mark.parametrize("blocked", ("out", "out/report.html", "out/a-run-run.csv", "out/report.md"))
def test_where_it_cannot_be_written_nothing_is(tmp_path, capsys, blocked):
    """Checked before the first file is written: root may write anywhere, but no file where a folder is."""
    if blocked == "out":
        (tmp_path / blocked).write_text("a file")
    else:
        (tmp_path / blocked).mkdir(parents=True)
    assert run(write(tmp_path / "run.json", reports.detect()), "--output", tmp_path / "out") == 5
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    if blocked == "out":
        assert "out: is a file; --output needs a folder" in err
    else:
        assert os.listdir(tmp_path / "out") == [os.path.basename(blocked)]


def imported_without(monkeypatch, *modules):
    """The command, imported anew as where these are not installed."""
    import tools.report

    for name in [name for name in sys.modules if name.startswith("tools.report.")]:
        monkeypatch.delitem(sys.modules, name)
        monkeypatch.delattr(tools.report, name.rpartition(".")[2], raising=False)
    for name in modules:
        monkeypatch.setitem(sys.modules, name, None)
    return importlib.import_module("tools.report.__main__")


@pytest.mark.parametrize("module", ("matplotlib", "jinja2"))
def test_a_missing_package_is_named(tmp_path, monkeypatch, capsys, module):
    arguments = [str(write(tmp_path / "run.json", reports.detect())), "--output", str(tmp_path / "out")]
    assert imported_without(monkeypatch, module).main(arguments) == 4
    error = f"error: {module} is needed for reports: python -m pip install -e '.[report]'\n"
    assert capsys.readouterr().err == error
    assert not (tmp_path / "out").exists()


def test_help_needs_neither(monkeypatch, capsys):
    with pytest.raises(SystemExit):
        imported_without(monkeypatch, "matplotlib", "jinja2").main(["--help"])
    assert "examples:" in capsys.readouterr().out
