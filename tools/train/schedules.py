"""Learning-rate schedules: a rate for every moment of a run, whose progress goes from 0 to 1.

They are Keras' own, evaluated at the step that corresponds to the progress. With a time budget progress is time, so
that a run ends annealed however fast the machine is.
"""

from typing import Any, Callable, Sequence

STEPS = 10000  # of a run whose number of steps is not known in advance

RateAt = Callable[[float], float]

SCHEDULES = ("one-cycle", "cosine", "constant", "piecewise", "step", "exponential", "1/t")
ONE_CYCLE_PEAK = 0.2  # of the run; Smith 2018 has it nearer the middle, but short runs need more time to anneal
ONE_CYCLE_START = 0.04  # of the peak rate
ANNEALED = 0.1  # the last share of a run with a time budget, in which any schedule goes down to 0


def make_schedule(
    name: str,
    lr: float,
    *,
    steps: int = STEPS,
    decay_rate: float = 0.1,
    boundaries: Sequence[int] = (),
    step_share: float = 0.25,
    warm_up: float = 0.0,
    anneal: bool = False,
    cycles: int = 1,
) -> RateAt:
    """The learning rate as a function of progress, 0 to 1.

    steps: of the run, the unit of `boundaries`. decay_rate: factor over the run (exponential) or over each `step_share`
    of it (step); for 1/t the rate is lr / (1 + progress / decay_rate). warm_up: the share of the run in which the rate
    rises from 0. anneal: whether to go down to 0 in the last tenth, whatever the schedule. cycles: of cosine, of equal
    length, each from the peak to 0 (Huang et al. 2017, equation 2).
    """
    from keras.optimizers import schedules

    length = steps / cycles

    if name == "constant":
        at: Callable[[float], object] = lambda step: lr  # noqa: E731
    elif name == "one-cycle":
        peak = ONE_CYCLE_PEAK * steps
        rise = schedules.PolynomialDecay(lr * ONE_CYCLE_START, peak, lr)
        fall = schedules.PolynomialDecay(lr, steps - peak, 0.0)
        at = lambda step: rise(step) if step < peak else fall(step - peak)  # noqa: E731
    else:
        at = {
            "cosine": lambda: _repeated(schedules.CosineDecay(lr, length), length, cycles),
            "piecewise": lambda: schedules.PiecewiseConstantDecay(
                list(boundaries), [lr * 0.1**power for power in range(len(boundaries) + 1)]
            ),
            "step": lambda: schedules.ExponentialDecay(lr, step_share * steps, decay_rate, staircase=True),
            "exponential": lambda: schedules.ExponentialDecay(lr, steps, decay_rate),
            "1/t": lambda: schedules.InverseTimeDecay(lr, decay_rate * steps, 1.0),
        }[name]()

    def rate(progress: float) -> float:
        progress = min(1.0, max(0.0, progress))
        value = float(at(progress * steps))  # type: ignore[arg-type]
        if warm_up:
            value *= min(1.0, progress / warm_up)
        if anneal:
            value *= min(1.0, (1 - progress) / ANNEALED)
        return value

    return rate


def _repeated(cycle: Any, length: float, cycles: int) -> Any:
    """Every cycle starts at its first step, and the last one keeps its end."""

    def at(step: float) -> object:
        complete = min(cycles - 1, int(round(step / length, 9)))  # rounded, or a first step could be a last one
        return cycle(max(0.0, step - complete * length))

    return at
