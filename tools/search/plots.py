"""Plots of a search, as Optuna draws them: the values over time, every trial as a line, and what mattered."""

import io
import os
from typing import Any

import optuna

from app.files import write_file

FEWEST = 2  # trials of which something can be seen


def draw_plots(study: optuna.Study, folder: str) -> list[str]:
    """Write history.png, parallel.png and importances.png; the names of those written. Raises OutputError.

    One is left out where there is nothing to show: fewer than two trials, or no option that is searched.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from optuna.visualization import matplotlib as draw

    done = [trial for trial in study.get_trials(deepcopy=False) if trial.state == optuna.trial.TrialState.COMPLETE]
    searched = any(trial.params for trial in done)
    kinds: dict[str, Any] = {"history": draw.plot_optimization_history}
    if searched:
        kinds["parallel"] = draw.plot_parallel_coordinate
        if len({trial.value for trial in done}) > 1:
            kinds["importances"] = draw.plot_param_importances
    written = []
    for name, plot in kinds.items() if len(done) >= FEWEST else ():
        axes = plot(study, target_name="validation top-1")
        picture = io.BytesIO()
        axes.figure.savefig(picture, format="png", dpi=120, bbox_inches="tight")
        pyplot.close(axes.figure)
        written.append(name + ".png")
        write_file(os.path.join(folder, written[-1]), picture.getvalue())
    return written
