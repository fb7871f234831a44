"""A plot of loss and accuracy over the epochs."""

import io
from typing import Any, Sequence

from app.files import write_file

NAMES = {"loss": "loss", "top1": "top-1", "top5": "top-5"}  # of the log, as people write them


def draw_curves(epochs: Sequence[dict[str, Any]], path: str, title: str) -> None:
    """Write a PNG with the curves of training and, if there is one, validation. Raises OutputError."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(10, 4), layout="constrained", dpi=120)
    figure.suptitle(title)
    panels = figure.subplots(1, 2)
    numbers = [line["epoch"] for line in epochs]
    accuracy = (panels[1], ("top1", "top5"), "accuracy in %", 100)
    for axes, names, label, factor in ((panels[0], ("loss",), "loss", 1), accuracy):
        for colour, name in zip(("tab:blue", "tab:orange"), names):
            for prefix, style, what in (("", "--", "training"), ("val_", "-", "validation")):
                if all(prefix + name in line for line in epochs):
                    values = [line[prefix + name] * factor for line in epochs]
                    axes.plot(numbers, values, style, color=colour, marker=".", label=f"{NAMES[name]}, {what}")
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
        axes.legend()
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    write_file(path, picture.getvalue())
