"""The model, its card, and its engines."""

import os
from typing import Tuple

from app.artefact import read_sidecar
from app.checks import Result, advised, failed, passed, skipped, warned
from app.checks.machine import DEFAULT_MODEL, Machine
from app.checks.process import Failure
from app.checks.software import after_numpy
from app.classification.card import read_classifier_card
from app.engine import EngineSource, EngineTarget, build_command, engines, find_engine, size_text
from app.errors import ModelError
from app.inputsize import input_sides
from app.modelcard import CLASSIFICATION, card_path, hash_model, read_card, read_fields

PLACE = """
import json
from app.backends import tensorrt_releases as releases
from app.backends.cuda import Gpu
gpu = Gpu()
print(json.dumps([releases.RUNTIME, gpu.architecture, gpu.name]))
"""
FETCH = f"python3 -m tools.fetch {DEFAULT_MODEL} && python3 -m tools.convert"


def model(machine: Machine) -> Result:
    """Whether the model and its card exist and belong together."""
    path = machine.model_path
    if not (os.path.exists(path) and os.path.exists(card_path(path))) and machine.model_name == DEFAULT_MODEL:
        return warned(f"{path}: not downloaded yet; app.detect fetches it (35 MB), unless --offline", FETCH)
    try:
        fields = read_fields(path)
        classifier = fields.get("task") == CLASSIFICATION
        card = read_classifier_card(path) if classifier else read_card(path)
    except ModelError as error:
        is_default = machine.model_name == DEFAULT_MODEL
        return failed(*advised(str(error), FETCH if is_default else "ls -l {}".format(os.path.dirname(path) or ".")))
    kind = "classifier" if classifier else "detector"
    return passed(
        f"{path}, a {kind} of {len(card.labels)} label{'s' * (len(card.labels) != 1)}, which matches its card"
    )


@after_numpy
def engine(machine: Machine) -> Result:
    """Which engines fit the model, this TensorRT and this GPU."""
    path = machine.model_path
    if not os.path.exists(path):
        return skipped("unknown while there is no model")
    try:
        runtime, architecture, gpu = machine.ask(PLACE)
    except Failure as failure:
        return skipped("no TensorRT to load one ({})".format(advised(str(failure), "")[0]))
    target = EngineTarget(runtime, architecture)
    source = EngineSource(path, hash_model(path), (), "auto")
    found = [_fit(engine_path, source, target) for engine_path in engines(path)]
    fitting = [text for fits, text in found if fits]
    if fitting:
        return passed("{} for {} on {}".format(", ".join(fitting), runtime, gpu))
    build = build_command(path, _input_shape(path), "fp16")
    if found:
        return warned(f"none fits: {advised(found[0][1], build)[0]}", build)
    return warned(f"none for {runtime} on {gpu}: its GPU is not used", build)


def _input_shape(model: str) -> Tuple[int, ...]:
    """Of a model's input: for the pictures of a 640x480 camera, at the model's own size."""
    try:
        if read_fields(model).get("task") == CLASSIFICATION:
            card = read_classifier_card(model)
            return 1, card.channels, card.height, card.width
        width, height = input_sides(read_card(model))
        return 1, 3, height, width
    except ModelError:
        return 1, 3, 320, 416  # another check says what is wrong with the card; most models would take this


def _fit(path: str, source: EngineSource, target: EngineTarget) -> Tuple[bool, str]:
    """Whether an engine fits, and its size and precision, or how it differs."""
    try:
        fields = read_sidecar(path)
        source = source._replace(shape=tuple(fields["input"]), precision=fields["precision"])
        find_engine(source, target)
        return True, "{} {}".format(size_text(fields["input"]), fields["precision"])
    except ModelError as error:
        return False, str(error)
    except (KeyError, TypeError, IndexError):
        return False, f"{path}: its sidecar is not an engine's"
