"""What a Darknet network's files make of it: its table, labels, parameters, and the card of the model made from it."""

import os
from typing import Any, Dict, Iterator, NamedTuple, Optional, Tuple

from app.errors import ModelError, UsageError
from app.modelcard import hash_file
from models import yolov3_tiny
from models.darknet import Parameters, WeightsError, random_parameters, read_parameters
from models.darknet_cfg import read_cfg
from models.darknet_sections import CfgError
from models.darknet_table import Network

NAME = "yolov3-tiny"
UNNAMED = "class {}"  # the label of a class that has no name
MOST_RANDOM = 75 * 10**6  # weights, 300 MB; enough for all but the very largest networks
LARGEST_NAMES = 1 << 20  # bytes


class DarknetModel(NamedTuple):
    """A network and where it comes from. weights: a file, or None for random ones. resize: see `ModelCard`."""

    network: Network
    labels: Tuple[str, ...]
    resize: str
    weights: Optional[str]
    cfg: Optional[str] = None

    def parameters(self) -> Iterator[Parameters]:
        """The convolutions in the table's order. Raises ModelError."""
        shapes = self.network.conv_shapes()
        try:
            if self.weights is None:
                yield from random_parameters(shapes)
            else:
                yield from read_parameters(self.weights, shapes)
        except WeightsError as error:
            of = f"; is it of {os.path.basename(self.cfg)}?" if self.cfg else ""
            raise ModelError(f"{error}{of}") from error
        except OSError as error:
            hint = "" if self.cfg else f"; fetch it with: python -m tools.fetch {NAME}"
            raise ModelError(f"{self.weights}: {error.strerror}{hint}") from error

    def card(self, model: str) -> Dict[str, Any]:
        """The card of the model file that was made from it."""
        network, made_of = self.network, self.weights or self.cfg
        source: Dict[str, Any] = {"file": "random weights"} if made_of is None else _named(made_of)
        if self.cfg is not None and self.weights is not None:
            source["cfg"] = _named(self.cfg)
        given: Dict[str, Any] = {"layout": "NCHW", "colour": "RGB", "scale": 1 / 255, "multiple": network.multiple}
        if self.cfg is not None:
            given.update(resize=self.resize, size=[network.width, network.height])
        heads = []
        for head in network.heads:
            heads.append({"stride": head.stride, "anchors": head.anchors})
            if head.scale_x_y != 1:
                heads[-1]["scale_x_y"] = head.scale_x_y
            if head.squared:
                heads[-1]["squared"] = True
        name = os.path.splitext(os.path.basename(model))[0]
        made = {"name": name, "sha256": hash_file(model), "source": source}
        return {**made, "input": given, "heads": heads, "labels": self.labels}


def tiny(weights: Optional[str]) -> DarknetModel:
    """YOLOv3-tiny. weights: its file, or None for random ones."""
    return DarknetModel(yolov3_tiny.NETWORK, yolov3_tiny.LABELS, "rectangle", weights)


def configured(cfg: str, weights: Optional[str], resize: Optional[str] = None) -> DarknetModel:
    """The network of a configuration file. weights: their file, or None for random ones.

    resize: how to fit frames; by default as Darknet does, which stretches them unless the file says `letter_box=1`.
    Labels are COCO's for 80 classes, and `UNNAMED` for others. Raises ModelError.
    """
    try:
        network = read_cfg(cfg)
    except CfgError as error:
        raise ModelError(f"{cfg}: {error}") from error
    except OSError as error:
        raise ModelError(f"{cfg}: {error.strerror}") from error
    count = sum(shape.floats() for shape in network.conv_shapes())
    if weights is None and count > MOST_RANDOM:
        raise ModelError(f"{cfg}: has {count:,} weights; --random-weights makes at most {MOST_RANDOM:,}")
    labels = yolov3_tiny.LABELS
    if network.classes != len(labels):
        labels = tuple(UNNAMED.format(number) for number in range(network.classes))
    return DarknetModel(network, labels, resize or ("letterbox" if network.letter_box else "stretch"), weights, cfg)


def read_names(path: str, classes: int) -> Tuple[str, ...]:
    """The labels in a Darknet .names file, one a line. Raises UsageError unless there is one for each class."""
    try:
        with open(path, "rb") as file:
            data = file.read(LARGEST_NAMES + 1)
    except OSError as error:
        raise UsageError(f"--names {path}: {error.strerror}") from error
    lines = [line.strip() for line in data.decode("utf-8-sig", "replace").rstrip().split("\n")]
    if len(data) > LARGEST_NAMES or not all(line and line.isprintable() for line in lines):
        raise UsageError(f"--names {path}: should be a text file with one name a line, and no empty line between them")
    if len(lines) != classes:
        raise UsageError(f"--names {path}: has {len(lines)} names, but the network has {classes} classes")
    return tuple(lines)


def _named(path: str) -> Dict[str, Any]:
    """A file's name and hash, as a card has them."""
    return {"file": os.path.basename(path), "sha256": hash_file(path)}
