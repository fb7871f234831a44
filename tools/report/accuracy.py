"""Figures of `tools.score` as tables and plots, for a sweep and for a score."""

from typing import Sequence

from tools.json_file import Json
from tools.report import plots
from tools.report.looks import Look
from tools.report.measured import data_name, file_name, machine_facts
from tools.report.section import MOST, Plot, Section, number, of_how_many
from tools.score.chance import in_words
from tools.tables import Table

Scored = Sequence[tuple[Look, Json]]  # what was scored, and its figures with its `mistakes`


def of_score(report: Json, name: str) -> list[Section]:
    """A report of `tools.score`, from a file of that name."""
    detections = report.get("detections")
    what = file_name(detections) if detections else f"{report['model']}, size {report['size']}, {report['shape']}"
    title = f"Accuracy of {what}" if name == "score" else f"Accuracy: {name}"
    classes = sorted(report["per_class"].items(), key=lambda item: -(item[1]["ap50"] or 0))
    table = Table(
        f"{title}, by class",
        ["class", "objects", "AP", "AP50", "best F1", "at score"],
        [
            [label, str(row["objects"]), number(row["ap"], 3), number(row["ap50"], 3), *_best(row["best_f1"])]
            for label, row in classes
        ],
    )
    facts = [("images", str(report["images"])), ("objects", str(report["objects"])), ("scored", what)]
    facts += [("backend", report["backend"])] if "backend" in report else []
    # Missing in older files.
    facts += [(f"{key} from", data_name(path)) for key, path in report.get("source", {}).items()]
    facts += machine_facts(report["machine"]) if "machine" in report else []
    scored = [(Look(what, what), report)]
    tables = [*accuracy_tables(title, scored), _confusions(title, report["mistakes"]), table]
    compared = [" ".join(in_words(report["against"]))] if "against" in report else []
    return [Section(title, compared, [table for table in tables if table.rows], accuracy_plots(scored), facts=facts)]


def _confusions(title: str, mistakes: Json) -> Table:
    """Which class was detected as which, the most frequent first."""
    return Table(
        f"{title}, confusions",
        ["object", "detected as", "times"],
        [[pair["object"], pair["taken_for"], str(pair["count"])] for pair in mistakes["confusions"]],
        f"The {len(mistakes['confusions'])} most frequent ones: detections on an object of another class, with a score "
        f"of {mistakes['threshold']:.3f} or more.",
    )


def accuracy_plots(scored: Scored) -> list[Plot]:
    """Precision over recall, and how many objects were found; none without labelled objects."""
    known = [(look, score) for look, score in scored if score["curve"]["precision"] is not None]
    if not known:
        return []
    curves = [(look, score["curve"]["recall"], score["curve"]["precision"]) for look, score in known[:MOST]]
    svg = plots.lines(curves, "recall", "precision, mean over classes", (1.0, 1.02))
    recall = Plot(svg, "Precision and recall at IoU 0.5, over all confidence thresholds." + of_how_many(known))
    bars = [(look.name, {"found": score["mistakes"]["found"], **score["mistakes"]["lost"]}) for look, score in known]
    caption = "Labelled objects that were found or lost, at the score threshold of the table."
    return [recall, *plots.bars(bars, "labelled objects", caption)]


def accuracy_tables(title: str, scored: Scored) -> list[Table]:
    """COCO's figures and the mistakes, one line for each that was scored."""
    figures = Table(
        title,
        ["scored", "AP", "AP50", "AP small", "AP medium", "AP large", "best F1", "at score", "precision", "recall"],
        [[look.name, *_figures(score)] for look, score in scored],
        "AP small, medium, large: objects below 32x32 pixels, up to 96x96, and above. Best F1: over all classes at IoU "
        "0.5, with its score threshold, precision and recall.",
    )
    kinds = scored[0][1]["mistakes"]
    words = [*(f"lost: {kind}" for kind in kinds["lost"]), *(f"false: {kind}" for kind in kinds["false"])]
    mistakes = Table(
        f"{title}, mistakes",
        ["scored", "found", *words],
        [[look.name, *_counts(score["mistakes"])] for look, score in scored],
        f"Labelled objects found and lost, and false detections, at a score of {kinds['threshold']:.3f} or more.",
    )
    return [figures, mistakes]


def _figures(score: Json) -> list[str]:
    best = score["best_f1"] or {}
    numbers = [score["ap"], score["ap50"], *(score["by_size"][size]["ap"] for size in ("small", "medium", "large"))]
    return [
        number(value, 3) for value in (*numbers, *(best.get(k) for k in ("f1", "threshold", "precision", "recall")))
    ]


def _counts(mistakes: Json) -> list[str]:
    return [str(n) for n in (mistakes["found"], *mistakes["lost"].values(), *mistakes["false"].values())]


def _best(best: Json | None) -> list[str]:
    return [number(best["f1"], 3), number(best["threshold"], 3)] if best else ["", ""]
