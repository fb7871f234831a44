"""TensorRT engines on disk: their names, their sidecars, and the choice of one that fits.

weights/yolov3-tiny.416x320.fp16.tensorrt8.2.1.8.sm53.ddb301c9.engine         and .json, its sidecar

An engine fits one release of TensorRT, one GPU architecture, one ONNX file, one input shape. This module only
handles files, and imports neither TensorRT nor CUDA.
"""

import glob
import os
import re
import shlex
from typing import List, NamedTuple, Sequence, Tuple

from app.artefact import Fields, read_artefact, read_sidecar, sidecar_path, write_artefact
from app.errors import ModelError, warn
from app.modelcard import stem

SIZE = re.compile(r"\.[0-9]+x[0-9]+\.")


class EngineTarget(NamedTuple):
    """Where an engine can run.

    runtime: e.g. `tensorrt 8.2.1.8`. gpu: the architecture, as `sm53` for compute capability 5.3.
    """

    runtime: str
    gpu: str


class EngineSource(NamedTuple):
    """What an engine is built from: the model's path and SHA-256, the shape of its one input, and the precision."""

    model: str
    model_hash: str
    shape: Tuple[int, ...]
    precision: str


def build_command(model: str, shape: Sequence[int], precision: str = "auto") -> str:
    """The command that builds the engine for an input of this shape, (n, c, h, w) or (n, h, w, c)."""
    fp16 = "" if precision == "fp32" else " --fp16"
    return f"python -m tools.build_engine {shlex.quote(model)} --size {size_text(shape)}{fp16}"


def size_axes(shape: Sequence[int]) -> Tuple[int, int]:
    """The axes of height and width in an input's shape: 2 and 3, or 1 and 2 where the channels come last."""
    return (1, 2) if shape[3] in (1, 3) and shape[1] not in (1, 3) else (2, 3)


def size_text(shape: Sequence[int]) -> str:
    """Width and height of an input's shape, as `416x320`."""
    height, width = size_axes(shape)
    return f"{shape[width]}x{shape[height]}"


def engine_path(source: EngineSource, target: EngineTarget) -> str:
    """The file name of an engine, beside its model."""
    return "{}.{}.{}.{}.{}.{}.engine".format(
        stem(source.model),
        size_text(source.shape),
        source.precision,
        target.runtime.replace(" ", ""),
        target.gpu,
        source.model_hash[:8],
    )


def write_engine(data: bytes, source: EngineSource, target: EngineTarget, gpu_name: str, outputs: Sequence[str]) -> str:
    """Write an engine and its sidecar; its path. `outputs`: names in the model's order. Raises OutputError."""
    path = engine_path(source, target)
    fields: Fields = {
        "runtime": target.runtime,
        "gpu": {"architecture": target.gpu, "name": gpu_name},
        "input": list(source.shape),
        "outputs": list(outputs),
        "precision": source.precision,
    }
    write_artefact(path, data, source.model, source.model_hash, fields)
    return path


def engines(model: str) -> List[str]:
    """Paths of all engines built from a model of this name, whether they fit or not."""
    start = stem(model)
    found = [path for path in glob.glob(glob.escape(start) + ".*.engine") if os.path.isfile(sidecar_path(path))]
    # The input's size comes next: what is `v1.2.416x320...` was built from `v1.2`, and not from `v1`.
    return sorted(path for path in found if SIZE.match(path, len(start)))


def find_engine(source: EngineSource, target: EngineTarget) -> Tuple[str, bytes, Fields]:
    """Path, bytes and sidecar of the engine that fits a source and a target. Precision `auto` prefers FP16.

    Raises ModelError with the command that builds one; it says how the closest engine differs, where there is any.
    """
    command = build_command(source.model, source.shape, source.precision)
    found: List[Tuple[List[str], Fields, str]] = []
    unreadable: List[ModelError] = []
    for path in engines(source.model):
        try:
            fields = read_sidecar(path)
            found.append((_differences(path, fields, source, target), fields, path))
        except ModelError as error:
            unreadable.append(error)
    if not found and unreadable:
        raise unreadable[0]
    for failure in unreadable:
        warn(f"an engine is ignored: {failure}")
    if not found:
        raise ModelError(f"{source.model} has no engine for {size_text(source.shape)}; build it with: {command}")
    differences, fields, path = min(found, key=lambda one: (len(one[0]), one[1]["precision"] != "fp16", one[2]))
    command = build_command(
        source.model, source.shape, fields["precision"] if source.precision == "auto" else source.precision
    )
    if differences:
        raise ModelError("{} is {}; build one that fits with: {}".format(path, ", and ".join(differences), command))
    return path, read_artefact(path, command), fields


def has_engine(source: EngineSource, target: EngineTarget) -> bool:
    """Whether there is an engine for this model, precision and target, for an input of any shape."""
    for path in engines(source.model):
        try:
            fields = read_sidecar(path)
            if not _differences(path, fields, source._replace(shape=tuple(fields["input"])), target):
                return True
        except (ModelError, KeyError, TypeError):
            pass  # reported when an engine is loaded
    return False


def _differences(path: str, fields: Fields, source: EngineSource, target: EngineTarget) -> List[str]:
    """The reasons why an engine does not fit; empty where it fits."""
    try:
        if not all(isinstance(name, str) for name in fields["outputs"]):
            raise TypeError("names should be texts")
        pairs = (
            ("for an input of {}, not {}", size_text(fields["input"]), size_text(source.shape)),
            ("for a batch of {}, not {}", fields["input"][0], source.shape[0]),
            ("for {}, not {}", fields["runtime"], target.runtime),
            ("for a GPU of architecture {}, not {}", fields["gpu"]["architecture"], target.gpu),
            (
                "in {}, not {}",
                fields["precision"],
                fields["precision"] if source.precision == "auto" else source.precision,
            ),
            ("for another ONNX file ({:.8}..., not {:.8}...)", fields["model"]["sha256"], source.model_hash),
        )
    except (KeyError, TypeError, IndexError) as error:
        raise ModelError(
            f"{sidecar_path(path)}: not the sidecar of an engine; delete the engine and its sidecar"
        ) from error
    return [text.format(its, ours) for text, its, ours in pairs if its != ours]
