"""What `tools.bench_training` measures: one configuration is one way to compute a training step."""

import importlib.util
import itertools
import os
from typing import Any, NamedTuple, Sequence

from app.errors import ModelError

BACKENDS = ("tensorflow", "torch", "jax")
VARIED = ("onednn", "precision", "channels", "steps", "jit")
USUAL = ("onednn", "precision", "channels", "steps")  # what varies by default: compiling takes minutes
STEPS_PER_EXECUTION = 4
# Without AVX-512: oneDNN's, ATen's, MKL's and OpenBLAS's own switches.
AVX2_ONLY = {
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
}


class Configuration(NamedTuple):
    """One way to compute a training step.

    onednn: of TensorFlow. channels: `last` or `first`. steps: per execution. jit: XLA, or torch.compile.
    """

    backend: str
    precision: str = "float32"
    onednn: bool = True
    channels: str = "last"
    steps: int = 1
    jit: bool = False

    @property
    def label(self) -> str:
        """Its name in the table."""
        parts = [self.backend, self.precision]
        if self.backend == "tensorflow":
            parts.append("oneDNN" if self.onednn else "no oneDNN")
        if self.channels == "first":
            parts.append("channels first")
        if self.steps > 1:
            parts.append(f"{self.steps} steps per execution")
        if self.jit:
            parts.append("XLA" if self.backend != "torch" else "torch.compile")
        return ", ".join(parts)

    def environment(self, avx2: bool) -> dict[str, str]:
        """The environment of its process; these are read when the backend is imported. avx2: without AVX-512."""
        return environment(self.backend, self.onednn, avx2)


FORMER = Configuration("tensorflow", onednn=False)  # what TensorFlow does of its own accord on a CPU with AVX2
PRESENT = Configuration("tensorflow")


def environment(backend: str, onednn: bool = True, avx2: bool = False) -> dict[str, str]:
    """The environment of this process, with the backend and the instructions that it may use."""
    own = {"KERAS_BACKEND": backend, "TF_ENABLE_ONEDNN_OPTS": str(int(onednn))}
    return {**os.environ, **own, **(AVX2_ONLY if avx2 else {})}


def installed(backends: Sequence[str]) -> tuple[list[str], list[str]]:
    """Those that are installed, and a line for each that is not. Raises ModelError if none is."""
    there = [name for name in backends if importlib.util.find_spec(name) is not None]
    if not there:
        raise ModelError(f"{' and '.join(backends)}: not installed; type: python3 -m pip install -e '.[train]'")
    return there, [f"{name}: not installed, skipped" for name in backends if name not in there]


def plan(backends: Sequence[str], varied: Sequence[str], combine: bool, bfloat16: bool) -> list[Configuration]:
    """Per backend the plain configuration and those that differ from it in one thing, or, with `combine`, in any.

    bfloat16: whether the processor has instructions for it.
    """
    found = []
    for backend in backends:
        choices: dict[str, list[Any]] = {
            "precision": ["float32", *(["bfloat16"] if bfloat16 else [])],
            "onednn": [True, *([False] if backend == "tensorflow" else [])],
            "channels": ["last", *(["first"] if backend == "torch" else [])],
            "steps": [1, *([STEPS_PER_EXECUTION] if backend != "torch" else [])],
            "jit": [True] if backend == "jax" else [False, True],
        }
        choices = {name: values if name in varied else values[:1] for name, values in choices.items()}
        for values in itertools.product(*choices.values()):
            differing = sum(value != own[0] for value, own in zip(values, choices.values()))
            if combine or differing <= 1:
                found.append(Configuration(backend, **dict(zip(choices, values))))
    return found


def limits(backends: Sequence[str], varied: Sequence[str], bfloat16: bool) -> list[str]:
    """Lines about what is not measured, and why."""
    lines = []
    if "precision" in varied and not bfloat16:
        lines.append("bfloat16: not measured, the processor has no instructions that multiply in it")
    if "channels" in varied:
        reasons = {"tensorflow": "its convolutions take nothing else on a CPU", "jax": "XLA chooses its own order"}
        lines += [f"{name}: channels last only, {reasons[name]}" for name in backends if name in reasons]
    if "steps" in varied and "torch" in backends:
        lines.append("torch: one step per execution only, Keras takes no more with it")
    return lines
