"""Reports of the other commands, each a JSON file, as sections."""

import json
import os
from typing import Any, Callable, Sequence

from app.errors import SourceError
from tools.reporting import plots
from tools.reporting.accuracy import accuracy_table, mistakes_plot, recall_plot
from tools.reporting.costs import from_report
from tools.reporting.measured import machine_facts
from tools.reporting.section import Plot, Section
from tools.tables import Table

Json = dict[str, Any]


def sections(path: str) -> list[Section]:
    """What a JSON report says. Raises SourceError for a file that is none of this project's reports."""
    try:
        with open(path, encoding="utf-8") as file:
            report = json.load(file)
        for fits, make in KINDS:
            if isinstance(report, dict) and fits(report):
                return make(report, os.path.splitext(os.path.basename(path))[0])
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SourceError(f"{path}: not a report of this project, or a damaged one ({error!r})") from error
    raise SourceError(f"{path}: neither a sweep's folder nor a report of app.detect, tools.score, bench or cost")


def _score(report: Json, name: str) -> list[Section]:
    what = report.get("detections") or f"{report['model']} at {report['size']}, {report['shape']}"
    title = f"Accuracy of {what}" if name == "score" else f"Accuracy: {name}"
    classes = sorted(report["per_class"].items(), key=lambda item: -(item[1]["ap50"] or 0))
    table = Table(
        f"{title}, by class",
        ["class", "objects", "AP", "AP50", "best F1", "at score"],
        [
            [label, str(row["objects"]), _three(row["ap"]), _three(row["ap50"]), *_best(row["best_f1"])]
            for label, row in classes
        ],
    )
    facts = [("images", str(report["images"])), ("objects", str(report["objects"])), ("scored", what)]
    facts += [("backend", report["backend"])] if "backend" in report else []
    named = [(what, report)]
    return [
        Section(
            title, [], [accuracy_table(title, named), table], [recall_plot(named), mistakes_plot(named)], facts=facts
        )
    ]


def _best(best: Json | None) -> list[str]:
    return [_three(best["f1"]), _three(best["threshold"])] if best else ["", ""]


def _three(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _bench(report: Json, name: str) -> list[Section]:
    tables, bars = [], []
    for size, figures in report["sizes"].items():
        for what, times in _stages(figures).items():
            bars.append(
                (
                    f"{size} {what}".strip(),
                    {stage: ms["median"] for stage, ms in times.items() if ms["median"] >= 0.005},
                )
            )
        rows = [[size, key, *_spread(value)] for key, value in _spreads(figures)]
        tables.append(Table(f"Speed: {name}, size {size}", ["size", "figure", "median", "least", "most"], rows))
    drawn = [Plot(plots.stacked_bars(bars, "ms per frame"), "Where the time of the loop goes.")] if bars else []
    sentences = [f"When this was measured: {warning}." for warning in report.get("warnings", [])]
    facts = [("source", report["source"] or "one tensor, again and again"), ("rounds", str(report["rounds"]))]
    return [Section(f"Speed: {name}", sentences, tables, drawn, facts=[*facts, *machine_facts(report["machine"])])]


def _stages(figures: Json) -> dict[str, Json]:
    """Stage times by backend; of the one loop, where there is one."""
    stages = figures.get("stages_ms", {})
    return {"": stages} if "infer" in stages else stages


def _spreads(figures: Json, prefix: str = "") -> list[tuple[str, Json]]:
    """Every spread in nested figures, with the way to it."""
    found = []
    for key, value in figures.items():
        if isinstance(value, dict) and "median" in value:
            found.append((prefix + key, value))
        elif isinstance(value, dict) and key not in ("frames", "what", "absent"):
            found += _spreads(value, f"{prefix}{key}: ")
    return found


def _spread(spread: Json) -> list[str]:
    return [f"{spread[key]:g}" for key in ("median", "least", "most")]


def _detect(report: Json, name: str) -> list[Section]:
    fps, latency, found = report["fps"], report["latency_ms"], report["detections"]
    figures = [
        ("frames", report["frames"]), ("configured FPS", fps["configured"]), ("real FPS", fps["real"]),
        ("capture FPS", fps["capture"]), ("dropped", report["dropped"]), ("reconnects", report["reconnects"]),
        ("latency p50, ms", latency["p50"]), ("latency p95, ms", latency["p95"]), ("latency p99, ms", latency["p99"]),
        ("detections", found["count"]), ("mean confidence", found["mean_score"]),
    ]  # fmt: skip
    stages = {stage: times["mean"] for stage, times in report["stages_ms"].items() if stage not in ("wait", "capture")}
    title = f"A run: {name}"
    height, width = report["input"] or (0, 0)
    return [
        Section(
            title,
            [],
            [
                Table(
                    title, ["figure", "value"], [[key, "" if value is None else str(value)] for key, value in figures]
                ),
                Table(
                    f"{title}, found", ["label", "count"], [[label, str(n)] for label, n in found["by_label"].items()]
                ),
            ],
            [Plot(plots.stacked_bars([(name, stages)], "ms per frame"), "Where the time goes.")],
            facts=[
                ("source", report["source"]),
                ("model", f"{report['model']} at {width}x{height} on {report['backend']}"),
                ("version", report["version"]),
            ],
        )
    ]


KINDS: Sequence[tuple[Callable[[Json], bool], Callable[[Json, str], list[Section]]]] = (
    (lambda report: report.get("kind") == "score", _score),
    (lambda report: report.get("kind") == "bench", _bench),
    (lambda report: report.get("kind") == "cost", lambda report, _: from_report(report)),
    (lambda report: "kind" not in report and "stages_ms" in report, _detect),
)
