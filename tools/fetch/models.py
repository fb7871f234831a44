"""Models that can be fetched: from the publisher's file in weights/ to the model and card that app.detect runs.

A model's entry in weights/manifest.json has "model": its family, the longer side of its input (size), what it costs
with a square input of that size (operations_g: billions, two per multiply-add, by `tools.cost`; of yolox-tiny as
published), and how accurate it is: `ap`, as published, on the 5000 images of COCO val2017, and `ap50_64`, measured with
`tools.score` on 64 of them; null where it is not known.
"""

import os
from typing import Any, Dict, List, Optional

from app.modelcard import find_model
from tools.fetch.manifest import fetch, path_of, read_manifest
from tools.tables import Table

HEADER = "model|MB|AP|AP50|input|billion ops|licence".split("|")
NOTE = (
    "AP: as published, on COCO val2017. AP50: measured by this project on 64 of its images. Input: the longer side. "
    "YOLOv3-tiny is what app.detect runs unless told otherwise."
)
DEFAULT_MODEL = "yolov3-tiny"  # fetched alone, since tools.convert makes the model of any weights of that network


def is_model(entry: Dict[str, Any]) -> bool:
    """Whether an entry of the manifest is a detector that `prepare` makes a model of."""
    return "model" in entry


def is_known(name: str) -> bool:
    """Whether a model of this name can be fetched."""
    return is_model(read_manifest().get(name, {}))


def command(name: str) -> str:
    """What to type to get a model."""
    return f"python -m tools.fetch {name}" + (" && python -m tools.convert" if name == DEFAULT_MODEL else "")


def fetch_model(name: str, place: Optional[str] = None) -> str:
    """Fetch a model's files and make of them the model and card that app.detect runs; the path of the model.

    place: see `fetch`. Raises ModelError, and UsageError for a name that the manifest lacks.
    """
    return prepare(name, fetch(name, place))


def prepare(name: str, path: str) -> str:
    """Make the model and card of a fetched file; the path of the model. Raises ModelError and OutputError."""
    entry = read_manifest()[name]
    output = os.path.relpath(find_model(name))
    if entry["model"]["family"] == "darknet":
        from tools.convert import convert, convert_model
        from tools.darknet_models import configured

        if "needs" in entry:
            convert_model(configured(path_of(entry["needs"]), path), output)
        else:
            convert(path, output)
        return output
    from tools.adopt.adoption import adopt

    adopt(path, output, family=entry["model"]["family"])
    return output


def table(manifest: Dict[str, Any]) -> Table:
    """The models that can be fetched, the most accurate first."""
    models = {name: entry for name, entry in manifest.items() if is_model(entry)}
    rows: List[List[str]] = []
    for name, entry in sorted(models.items(), key=lambda item: (-(item[1]["model"]["ap"] or 0), item[0])):
        model = entry["model"]
        accuracy = ["-" if model[key] is None else f"{model[key]:.3f}" for key in ("ap", "ap50_64")]
        costs = [str(model["size"]), f"{model['operations_g']:.2f}", entry["licence"]]
        rows.append([name, f"{entry['size'] / 1e6:.1f}", *accuracy, *costs])
    return Table("", list(HEADER), rows, NOTE)
