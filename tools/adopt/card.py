"""The card of an adopted model, and what is said of it."""

import json
import os
from typing import Any, Dict, List

from app.modelcard import hash_file
from tools.adopt.families import FAMILIES
from tools.adopt.opset import version_of
from tools.adopt.recognition import Found

LICENCE = ("license", "author")  # of the metadata, kept on the card
LONGEST = 200  # characters


def card_fields(output: str, source: str, found: Found, metadata: Dict[str, str]) -> Dict[str, Any]:
    """A card's fields but for those of the input that depend on its size, the labels, and the hash."""
    fields: Dict[str, Any] = {
        "name": os.path.splitext(os.path.basename(output))[0],
        "source": {"file": os.path.basename(source), "sha256": hash_file(source)},
        "family": found.family,
        "input": {"layout": "NCHW", "colour": "RGB", "scale": 1 / 255},
        "form": found.form,
        "outputs": {key: value for key, value in found.layout._asdict().items() if value},
        "nms": found.nms,
    }
    fields["source"].update({key: metadata[key][:LONGEST] for key in LICENCE if key in metadata})
    return fields


def as_json(fields: Dict[str, Any], model: str) -> bytes:
    """A card's file, with the hash of its model."""
    return (json.dumps({"name": fields["name"], "sha256": hash_file(model), **fields}, indent=2) + "\n").encode()


def in_words(fields: Dict[str, Any], found: Found, prepared: bool, model: Any) -> List[str]:
    """What a model was taken for, and what was made of it."""
    family = FAMILIES[found.family]
    width, height = fields["input"]["size"]
    size = f"{width}x{height}" if fields["input"]["fixed"] else f"any, made for {width}x{height}"
    lines = [f"{family.title}: {found.why}"]
    lines.append(
        f"input {size}, {fields['input']['resize']}; {len(fields['labels'])} labels; opset {version_of(model)}"
    )
    if prepared:
        values = f"(value - {family.mean[0]:g}, ...) / ({family.deviation[0]:g}, ...)"
        lines.append(f"it expects {family.colour} as {values}: a first layer makes that of RGB from 0 to 1")
    lines += [f"{runtime} cannot run it: {why}" for runtime, why in fields.get("cannot_run", {}).items()]
    return lines
