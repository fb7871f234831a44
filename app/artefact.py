"""Files made from a model for one runtime, each with a sidecar that says what it was made from, and how.

weights/yolov3-tiny.pb
weights/yolov3-tiny.pb.json    {"sha256": of the file, "model": {"file", "sha256"}, and what its maker adds}

A file whose hash is not the recorded one is never handed to a runtime.
"""

import hashlib
import json
import os
from typing import Any, Dict

from app.errors import ModelError
from app.files import remove_file, write_file

Fields = Dict[str, Any]


def sidecar_path(path: str) -> str:
    """Path of the sidecar of a file."""
    return path + ".json"


def write_artefact(path: str, data: bytes, model: str, model_hash: str, made: Fields) -> None:
    """Write a file made from `model`, and its sidecar with the fields `made`. Raises OutputError."""
    # The sidecar comes last and goes first: where there is one, the file is whole.
    remove_file(sidecar_path(path))
    write_file(path, data)
    fields = {
        "sha256": hashlib.sha256(data).hexdigest(),
        "model": {"file": os.path.basename(model), "sha256": model_hash},
    }
    write_file(sidecar_path(path), (json.dumps(dict(fields, **made), indent=2) + "\n").encode())


def read_sidecar(path: str) -> Fields:
    """What the sidecar of a file says. Raises ModelError when it is missing or not one."""
    try:
        with open(sidecar_path(path), encoding="utf-8") as file:
            fields = json.load(file)
        if not isinstance(fields["sha256"], str) or not isinstance(fields["model"]["sha256"], str):
            raise TypeError("a hash should be a text")
    except OSError as error:
        raise ModelError(f"{sidecar_path(path)}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(f"{sidecar_path(path)}: not the sidecar of a model's file") from error
    result: Fields = fields
    return result


def read_artefact(path: str, remake: str) -> bytes:
    """A file's bytes, once its hash has been found to be the recorded one.

    Raises ModelError, which ends with the command `remake`, when it is not, or the file or its sidecar is missing.
    """
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}; make it with: {remake}") from error
    if hashlib.sha256(data).hexdigest() != read_sidecar(path)["sha256"]:
        raise ModelError(f"{path}: damaged, or not the file its sidecar was written for; make it again with: {remake}")
    return data
