"""A plot of loss and accuracy over the epochs."""

import io
from typing import Any, NamedTuple, Sequence

from app.files import write_file


class Panel(NamedTuple):
    """Axes of the plot: its label, the factor of its values, and its curves: their names in the log and in words."""

    label: str
    factor: float
    curves: dict[str, str]


LOSS = Panel("loss", 1, {"loss": "loss"})
ACCURACY = Panel("accuracy in %", 100, {"top1": "top-1", "top5": "top-5"})


def draw_curves(epochs: Sequence[dict[str, Any]], path: str, title: str, accuracy: Panel = ACCURACY) -> None:
    """Write a PNG with the curves of training and, if there is one, validation. Raises OutputError.

    accuracy: what is drawn beside the loss.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(10, 4), layout="constrained", dpi=120)
    figure.suptitle(title)
    panels = figure.subplots(1, 2)
    numbers = [line["epoch"] for line in epochs]
    for axes, (label, factor, curves) in zip(panels, (LOSS, accuracy)):
        for colour, name in zip(("tab:blue", "tab:orange"), curves):
            for prefix, style, what in (("", "--", "training"), ("val_", "-", "validation")):
                if all(prefix + name in line for line in epochs):
                    values = [line[prefix + name] * factor for line in epochs]
                    axes.plot(numbers, values, style, color=colour, marker=".", label=f"{curves[name]}, {what}")
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend()
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    write_file(path, picture.getvalue())
