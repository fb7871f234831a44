"""Figures of `tools.scoring` as tables and plots, for a sweep and for a score."""

from typing import Any, Sequence

from tools.reporting import plots
from tools.reporting.section import Plot
from tools.tables import Table

Json = dict[str, Any]
Named = Sequence[tuple[str, Json]]  # what was scored, and its figures with its `mistakes`

MOST_CURVES = 8  # in one plot


def recall_plot(named: Named) -> Plot:
    """Precision over recall of each; nothing of one without labelled objects."""
    curves = [
        (name, score["curve"]["recall"], score["curve"]["precision"])
        for name, score in named[:MOST_CURVES]
        if score["curve"]["precision"] is not None
    ]
    svg = plots.lines(curves, "recall", "precision, mean over classes", (1.0, 1.02))
    return Plot(svg, "Precision and recall at IoU 0.5, over all thresholds.")


def mistakes_plot(named: Named) -> Plot:
    """What became of the objects, a bar for each."""
    bars = [(name, {"found": score["mistakes"]["found"], **score["mistakes"]["lost"]}) for name, score in named]
    svg = plots.stacked_bars(bars, "labelled objects")
    return Plot(svg, "What became of the labelled objects, at the threshold of the table.")


def accuracy_table(title: str, named: Named) -> Table:
    """COCO's figures and the mistakes, one line for each."""
    kinds = named[0][1]["mistakes"]
    header = ["", "AP", "AP50", "AP small", "AP medium", "AP large", "best F1", "at score", "precision", "recall"]
    header += ["found", *(f"lost: {kind}" for kind in kinds["lost"]), *(f"false: {kind}" for kind in kinds["false"])]
    return Table(
        title,
        header,
        [_row(name, score) for name, score in named],
        "AP by the object's size: below 32x32 pixels, up to 96x96, above. Best F1: over all classes, at IoU 0.5. Lost "
        f"objects and false detections are counted at a score of {kinds['threshold']:.3f}.",
    )


def _row(name: str, score: Json) -> list[str]:
    best = score["best_f1"] or dict.fromkeys(("f1", "threshold", "precision", "recall"))
    numbers = [score["ap"], score["ap50"], *(score["by_size"][size]["ap"] for size in ("small", "medium", "large"))]
    numbers += [best[key] for key in ("f1", "threshold", "precision", "recall")]
    kinds = score["mistakes"]
    counts = [kinds["found"], *kinds["lost"].values(), *kinds["false"].values()]
    return [name, *("" if n is None else f"{n:.3f}" for n in numbers), *(str(count) for count in counts)]
