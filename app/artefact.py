"""Files made from a model for one runtime, each with a sidecar that records what it was made from, and how.

weights/yolov3-tiny.pb
weights/yolov3-tiny.pb.json    {"sha256": of the file, "model": {"file", "sha256"}, and fields of its own}

A file whose hash differs from the recorded one is never passed to a runtime.
"""

import hashlib
import json
import os
from typing import Any, Dict

from app.errors import ModelError
from app.files import remove_file, write_file
from app.modelcard import checking, read_json

Fields = Dict[str, Any]


def sidecar_path(path: str) -> str:
    """Path of the sidecar of a file."""
    return path + ".json"


def write_artefact(path: str, data: bytes, model: str, model_hash: str, made: Fields) -> None:
    """Write a file made from `model`, and its sidecar with the fields `made`. Raises OutputError."""
    # The sidecar is removed first and written last: where there is one, the file is complete.
    remove_file(sidecar_path(path))
    write_file(path, data)
    fields = {
        "sha256": hashlib.sha256(data).hexdigest(),
        "model": {"file": os.path.basename(model), "sha256": model_hash},
    }
    write_file(sidecar_path(path), (json.dumps(dict(fields, **made), indent=2) + "\n").encode())


def read_sidecar(path: str) -> Fields:
    """The fields of a file's sidecar. Raises ModelError when it is missing or is not a sidecar."""
    sidecar = sidecar_path(path)
    fields = read_json(sidecar, "sidecar")
    with checking(sidecar, "sidecar"):
        if not isinstance(fields["sha256"], str) or not isinstance(fields["model"]["sha256"], str):
            raise TypeError("a hash should be text")
    return fields


def read_artefact(path: str, remake: str) -> bytes:
    """A file's bytes, after checking that its hash is the recorded one.

    Raises ModelError when it is not, or the file or its sidecar is missing; the error ends with the command `remake`.
    """
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}; make it with: {remake}") from error
    if hashlib.sha256(data).hexdigest() != read_sidecar(path)["sha256"]:
        raise ModelError(f"{path}: damaged, or not the file its sidecar was written for; make it again with: {remake}")
    return data
