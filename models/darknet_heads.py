"""Adds the detection heads of a Darknet configuration, its [yolo] sections, to the table.

Source: `parse_yolo` of `parser.c`, and `yolo_layer.c`, of AlexeyAB's Darknet.
"""

from typing import Tuple

from models import darknet_table as table
from models.darknet_builder import Builder, Tensor
from models.darknet_sections import Section

MOST_CLASSES = 10000
LARGEST_ANCHOR = 10000  # input pixels


def add_head(builder: Builder, section: Section) -> None:
    """Add a head, whose raw logits are what the convolution before it returns. Raises CfgError."""
    source, classes = builder.input(section), section.whole("classes", 20, MOST_CLASSES)
    anchors = _anchors(section)
    expected = len(anchors) * (5 + classes)
    if source.channels != expected:
        reason = f"{len(anchors)} masks of 5 + {classes} classes need filters={expected} in the convolution before"
        raise section.error(f"{reason}, which has {source.channels}")
    scale, squared = section.real("scale_x_y", 1), bool(section.integer("new_coords", 0))
    if not 0 < scale <= 10:
        raise section.error(f"scale_x_y={scale:g} should be above 0 and at most 10")
    logits = _logits(builder, section, source, squared)
    if builder.heads and (builder.classes, builder.heads[0].squared) != (classes, squared):
        raise section.error("its classes and new_coords should be those of the first [yolo] section")
    if logits in {head.source for head in builder.heads}:
        raise section.error("another [yolo] section has the same input")
    if source.stride[0] != source.stride[1] or not source.stride[0]:
        raise section.error(f"its input should have one stride in both directions, has {source.stride}")
    number = len(builder.heads)
    name = builder.names[number] if number < len(builder.names) else f"head{number + 1}"
    builder.classes = classes
    builder.heads.append(table.Head(name, logits, source.stride[0], anchors, scale, squared))
    builder.last = None


def _anchors(section: Section) -> Tuple[Tuple[float, float], ...]:
    """The anchors that the section's masks choose; all `num` of them where it has no masks."""
    numbers = section.reals("anchors")
    pairs = len(numbers) // 2  # Darknet stops at `num`, and then reads whatever lies behind them
    masks = section.integers("mask") if "mask" in section.options else list(range(section.whole("num", 1, 1000)))
    for mask in masks:
        if not 0 <= mask < pairs:
            raise section.error(f"mask {mask} is beyond its {pairs} anchors, which count from 0")
    anchors = tuple((numbers[2 * mask], numbers[2 * mask + 1]) for mask in masks)
    if not all(0 < side <= LARGEST_ANCHOR for anchor in anchors for side in anchor):
        raise section.error(f"the sides of its anchors should be above 0 and at most {LARGEST_ANCHOR}")
    return anchors


def _logits(builder: Builder, section: Section, source: Tensor, squared: bool) -> str:
    """The layer that returns the raw logits: with new_coords the one before the logistic function.

    The decoder applies the logistic function to all heads alike.
    """
    layer = builder.layers.get(source.name)
    logistic = isinstance(layer, table.Activation) and layer.function == "logistic"
    if logistic != squared:
        rule = "activation=logistic in the convolution before it and new_coords=1 belong together"
        raise section.error(f"{rule}; only one of them is here")
    return layer.sources[0] if layer is not None and logistic else source.name
