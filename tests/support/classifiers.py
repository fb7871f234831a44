"""Small classifiers for CIFAR-100 and data of its form, made on the spot."""

import copy
import hashlib
import json
import os

import numpy as np
import onnx
from onnx import helper
from support.graphs import graph

from app.classification.cifar100 import COARSE, FINE, RECORD
from app.modelcard import card_path

LABELS = [f"fine{label}" for label in range(FINE)]
SUPERCLASSES = [f"coarse{label}" for label in range(COARSE)]
SUPERCLASS_OF = [7 * label % COARSE for label in range(FINE)]


def write_data(folder, test=60, train=25, seed=0):
    """A data set in a folder, `test` and `train` images of it; its path."""
    folder.mkdir()
    random = np.random.RandomState(seed)
    for split, count in (("test", test), ("train", train)):
        records = random.randint(0, 256, (count, RECORD)).astype(np.uint8)
        # A level of its own for every image and channel, or their means would all be alike.
        levels = random.randint(1, 200, (count, 3)).repeat(1024, 1)
        records[:, 2:] = levels + random.randint(0, 50, levels.shape)
        records[:, 1] = random.randint(0, 12, count)  # few of the classes, so that some are met often
        records[:, 0] = [SUPERCLASS_OF[label] for label in records[:, 1]]
        (folder / (split + ".bin")).write_bytes(records.tobytes())
    (folder / "fine_label_names.txt").write_text("\n".join(LABELS) + "\n")
    (folder / "coarse_label_names.txt").write_text("\n".join(SUPERCLASSES) + "\n")
    return str(folder)


def weights(outputs=FINE, seed=1):
    """Weights (3, outputs) and bias (outputs,) float32 of a classifier by mean colour; it prefers the first classes."""
    random = np.random.RandomState(seed)
    bias = np.where(np.arange(outputs) < 14, 4, 0)
    return random.normal(0, 0.01, (3, outputs)).astype(np.float32), bias.astype(np.float32)


def write_model(path, batch=None, outputs=FINE, side=32, twice=False, bias=None, seed=1, channels=3):
    """An ONNX classifier by mean colour at `path`. batch: None leaves it free. twice: give the logits two times.

    Its weights are those of `weights`, for fewer channels the first ones.
    """
    matrix, own_bias = weights(outputs, seed)
    bias = own_bias if bias is None else bias
    nodes = [
        helper.make_node("GlobalAveragePool", ["images"], ["means"]),
        helper.make_node("Flatten", ["means"], ["flat"], axis=1),
        helper.make_node("Gemm", ["flat", "matrix", "bias"], ["logits"], transB=1),
    ]
    if twice:
        nodes.append(helper.make_node("Relu", ["logits"], ["again"]))
    size = batch or "n"
    logits = dict.fromkeys(["logits", "again"] if twice else ["logits"], (size, outputs))
    constants = {"matrix": np.ascontiguousarray(matrix[:channels].T), "bias": bias}
    model = graph(nodes, {"images": (size, channels, side, side)}, logits, constants=constants)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return str(path)


def card_fields(model, **changes):
    """The fields of a good card for a model file."""
    with open(model, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    fields = {
        "name": os.path.splitext(os.path.basename(model))[0],
        "sha256": digest,
        "task": "classification",
        "source": {"data": "CIFAR-100"},
        "input": {"layout": "NCHW", "colour": "RGB", "scale": 1, "size": [32, 32]},
        "labels": LABELS,
        "superclasses": SUPERCLASSES,
        "superclass_of": SUPERCLASS_OF,
        "training": {},
        "versions": {},
    }
    return dict(fields, **changes)


def altered(fields, path, *value):
    """A copy of a card's fields with the one at `path` set to a value, or without it."""
    fields = copy.deepcopy(fields)
    inner = fields
    for key in path[:-1]:
        inner = inner[key]
    if value:
        (inner[path[-1]],) = value
    else:
        del inner[path[-1]]
    return fields


def write_fields(model, fields):
    """A card of these fields beside a model; the model's path."""
    with open(card_path(model), "w") as file:
        json.dump(fields, file)
    return model


def write_card(model, **changes):
    """A good card beside a model but for `changes`; the model's path."""
    return write_fields(model, card_fields(model, **changes))
