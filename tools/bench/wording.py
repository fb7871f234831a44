"""The figures of `tools.bench` for people: lines of text."""

from typing import Any, Callable, Dict, List

from tools.bench.comparison import RATES, STAGES, THRESHOLD, Change, rate_paths
from tools.bench.turns import Json

SEEN_MS = 0.005  # a stage that takes less is not shown

Wording = Callable[[int, Json], str]


def machine_line(machine: Json) -> str:
    """Machine and versions."""
    board = machine["board"]
    facts = [f"{machine['processor']}, {machine['cores']} cores"]
    facts += [str(board[key]) for key in ("model",) if key in board]
    facts += [
        f"{name} {board[key]}" for name, key in (("mode", "power_mode"), ("governor", "governor")) if key in board
    ]
    if "cpu_clock_khz" in board:
        facts.append("{:.0f} of {:.0f} MHz".format(*(khz / 1000 for khz in board["cpu_clock_khz"])))
    return f"{'; '.join(facts)}; {', '.join(f'{name} {version}' for name, version in machine['versions'].items())}"


def loop_line(size: int, figures: Json) -> str:
    """The loop beside bare session and naive loop, at one size: ratios, rates, and where the time goes."""
    ratios = [f"{name} {_range(figures[name], 3)}" for name in ("loop/bare", "loop/naive", "recording/bare")]
    rates = [f"{name} {_range(fps, 1)}" for name, fps in figures["fps"].items()]
    return (
        f"size {size}: {', '.join(ratios)}\n  FPS: {', '.join(rates)}\n  loop, ms: {_stages(figures[STAGES])}; "
        f"warm-up {figures['warm_up_ms']['onnx']:.0f} ms"
    )


def backend_lines(size: int, figures: Json) -> str:
    """The loop on each backend at one size: three lines for each, rates, ratios and the times of its stages."""
    height, width = figures["input"]
    lines = [f"size {size}, input {width}x{height}"]
    lines += [f"  {name:<14}{_range(figures['fps'][name], 1)} FPS" for name in ("bare", "naive")]
    for name, stages in figures[STAGES].items():
        ratios = [f"{_range(figures[f'{name}/{base}'], 2)} x {base}" for base in ("naive", "bare", f"{name} alone")]
        warm_up = f"warm-up {figures['warm_up_ms'][name]:.0f} ms"
        lines.append(f"  {name:<14}{_range(figures['fps'][name], 1)} FPS; {warm_up}")
        lines.append(f"  {'':<14}{', '.join(ratios)}")
        lines.append(f"  {'':<14}{figures['what'][name]}; ms: {_stages(stages)}")
    return "\n".join(lines + _absent(figures["absent"]))


def network_lines(size: int, figures: Json) -> str:
    """The networks alone at one size: a line for each."""
    lines = [f"size {size}"]
    for name, fps in figures["fps"].items():
        ratios = [
            f"{figures[key]['median']:.2f} x {key.split('/')[1]}" for key in figures if key.startswith(name + "/")
        ]
        rate, warm_up = (
            f"{fps['median']:7.1f} FPS ({fps['least']:.1f} to {fps['most']:.1f})",
            figures["warm_up_ms"][name],
        )
        lines.append(f"  {name:<14}{rate:<36}{', '.join(ratios):<30}warm-up {warm_up:.0f} ms, {figures['what'][name]}")
    return "\n".join(lines + _absent(figures["absent"]))


def overlap_line(size: int, figures: Json) -> str:
    """What was reached beside a network that waits, at one size."""
    shares = [f"{name}: {_range(share, 3)}" for name, share in figures["share"].items()]
    return f"size {size}: share of the network's own rate, with overlay and recording: {', '.join(shares)}"


def pacing_lines(size: int, figures: Json) -> str:
    """The paced rates at one size: a line for each configured one."""
    return "\n".join(
        f"size {size}, {fps} FPS configured, {row['work_ms']} ms of work: by a delay {_range(row['delay'], 2)}, "
        f"by the formula {row['formula']:.2f}, by deadlines {_range(row['deadline'], 2)}"
        for fps, row in figures.items()
    )


def change_lines(found: List[Change], notes: List[str]) -> str:
    """What got slower, what faster, and how much did neither: a line for each, the worst first.

    Below a rate are the ratios that changed because of it.
    """
    followed = [change for change in found if change.verdict == "reference"]
    changed = sorted((change for change in found if change.verdict in ("slower", "faster")), key=_badness)
    lines = []
    for change in changed:
        lines.append(f"  {change.verdict}: size {change.path[0]}, {_then_and_now(change)}, {change.percent:+.1f} %")
        lines += [
            f"    and so {_then_and_now(ratio)}" for ratio in followed if rate_paths(ratio.path)[1] == change.path
        ]
    same = len(found) - len(changed) - len(followed)
    return "\n".join([*lines, f"  {same} figures within their spreads, or {THRESHOLD:g} %", *(f"  {n}" for n in notes)])


def _then_and_now(change: Change) -> str:
    _, *rest = change.path
    unit, digits = (" ms", 2) if STAGES in rest else (" FPS", 1) if RATES in rest else ("", 3)
    name = " ".join(part for part in rest if part not in (STAGES, RATES))
    then, now = (f"{figure['median']:.{digits}f}{unit}" for figure in (change.then, change.now))
    return f"{name}: {then} then, {now} now"


def _badness(change: Change) -> Any:
    return change.verdict == "faster", -abs(change.percent)


def _range(figure: Json, digits: int) -> str:
    return f"{figure['median']:.{digits}f} ({figure['least']:.{digits}f} to {figure['most']:.{digits}f})"


def _stages(stages: Dict[str, Json]) -> str:
    return ", ".join(f"{name} {_range(figure, 2)}" for name, figure in stages.items() if figure["median"] >= SEEN_MS)


def _absent(reasons: Dict[str, str]) -> List[str]:
    return [f"  {name:<14}- {reason}" for name, reason in reasons.items()]
