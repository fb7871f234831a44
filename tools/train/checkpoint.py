"""Networks on the disk, in Keras' format: written completely or not at all, and loaded completely or not at all."""

import contextlib
import os
import re
import warnings
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import keras

from app.backends import running
from app.errors import OutputError
from app.files import remove_file, remove_unfinished

TEMPORARY = ".checkpoint.keras"  # the file's name while it is written
NETWORK = re.compile(r"epoch-\d{4,}\.keras|snapshot-\d+\.keras")


def save_network(model: Any, path: str) -> None:
    """Write a network, with its optimiser if it has one. Raises OutputError, and then leaves no part of the file."""
    temporary = os.path.join(os.path.dirname(path), TEMPORARY)
    try:
        model.save(temporary)
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())  # on the disk before a state names it
        os.replace(temporary, path)
    except OSError as error:
        remove_file(temporary)  # on a full disk it takes the room that others need
        raise OutputError(f"{path}: cannot write it: {error.strerror or error}") from error


def load_network(model: Any, path: str) -> None:
    """Set the weights of a network from a file, and the state of its optimiser if it has one. Raises ModelError."""
    with running("Keras", path), warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # Keras skips what does not fit with no more than a warning
        model.load_weights(path)  # no pickles


def without_optimiser(model: Any) -> Any:
    """The same network, sharing its weights, but not compiled."""
    return keras.Model(model.inputs, model.outputs, name=model.name)


@contextlib.contextmanager
def averaged(model: Any) -> Iterator[Any]:
    """The network without its optimiser, with the average of its weights if the optimiser keeps one.

    Afterwards the weights are its own again. The statistics of batch norms are not averaged: they already are means.
    """
    own = [keras.ops.convert_to_numpy(variable).copy() for variable in model.trainable_variables]
    model.optimizer.finalize_variable_values(model.trainable_variables)
    try:
        yield without_optimiser(model)
    finally:
        for variable, value in zip(model.trainable_variables, own):
            variable.assign(value)


def remove_leftovers(folder: str, kept: Collection[str], files: Sequence[str]) -> None:
    """Remove what a kill left in a run's folder: networks whose names are not `kept`, unfinished ones, and what of
    `files`, paths in any folder, was written only in part. Raises OutputError.
    """
    for name in os.listdir(folder):
        if name == TEMPORARY or (NETWORK.fullmatch(name) and name not in kept):
            remove_file(os.path.join(folder, name))
    for path in files:
        remove_unfinished(path)
