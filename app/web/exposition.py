"""Prometheus' text format, 0.0.4: families of samples, each with its help and type."""

from typing import Dict, List, Sequence, Tuple

from app.timing.histogram import Histogram

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)  # seconds
FOREVER = 1e6  # seconds

Labels = Dict[str, str]


class Exposition:
    """Collects families of samples, each with its help and type, as the format wants them."""

    def __init__(self) -> None:
        self._lines: List[str] = []

    def family(self, name: str, kind: str, about: str, samples: Sequence[Tuple[Labels, float]]) -> None:
        """Add a gauge or a counter, unless there are no samples."""
        if samples:
            self._lines += [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]
            self._lines += [_sample(name, labels, value) for labels, value in samples]

    def histograms(self, name: str, about: str, found: Sequence[Tuple[Labels, Histogram]]) -> None:
        """Add distributions of durations."""
        if not found:
            return
        self._lines += [f"# HELP {name} {about}", f"# TYPE {name} histogram"]
        for labels, histogram in found:
            *counts, total = histogram.at_most((*BUCKETS, FOREVER))
            for bound, count in zip(map("{:g}".format, BUCKETS), counts):
                self._lines.append(_sample(name + "_bucket", {**labels, "le": bound}, count))
            self._lines.append(_sample(name + "_bucket", {**labels, "le": "+Inf"}, total))
            self._lines.append(_sample(name + "_sum", labels, histogram.total))
            self._lines.append(_sample(name + "_count", labels, total))

    def text(self) -> str:
        """All of it."""
        return "\n".join([*self._lines, ""])


def _sample(name: str, labels: Labels, value: float) -> str:
    parts = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    return f"{name}{{{parts}}} {float(value):.12g}" if parts else f"{name} {float(value):.12g}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
