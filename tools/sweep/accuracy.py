"""What a sweep says of accuracy against the labels, and of what rates and backends change in what is found."""

from typing import Any, Dict, List, Sequence

from tools.sweep.chance import images_of, margin
from tools.sweep.effects import differences, extent, levels, values_of
from tools.sweep.figures import ap50, mean_confidence
from tools.sweep.wording import listed, moves

Json = Dict[str, Any]


def accuracy(rows: Sequence[Json]) -> List[str]:
    """Whether the size or the capture resolution matters more, against the labels."""
    size, capture, chance = levels(rows, "size", ap50), levels(rows, "capture", ap50), margin(rows)
    against = "Against the labels of {} images, on which a difference in AP50 below {:.3f} may be chance".format(
        images_of(rows), chance
    )
    if not size or not capture:
        return ["{}, {}.".format(against, moves(found, "AP50", chance)) for found in (size, capture) if found]
    what = _which(extent(size), extent(capture), chance)
    return ["{}, {}: {}, and {}.".format(against, what, moves(size, "AP50", chance), moves(capture, "it", chance))]


def _which(by_size: float, by_capture: float, chance: float) -> str:
    """How much AP50 differs by each, and the difference that may be chance."""
    if max(by_size, by_capture) < chance:
        return "neither the network's size nor the capture resolution is seen to matter"
    if abs(by_size - by_capture) < chance:
        return "the network's size and the capture resolution matter alike"
    if by_size > by_capture:
        return "the network's size matters more than the capture resolution"
    return "the capture resolution matters more than the network's size"


def backends(rows: Sequence[Json]) -> List[str]:
    """What the backend changes in accuracy."""
    apart = differences(rows, "backend", ap50)
    if not apart:
        return []
    chance = ", which may be chance" if 0.00005 <= max(apart) < margin(rows) else ""
    return ["Between backends AP50 differs by {:.4f} at most{}, all else being the same.".format(max(apart), chance)]


def rates(rows: Sequence[Json]) -> List[str]:
    """What the configured rate changes in accuracy, or without labels in what is found: nothing, as it should be."""
    most = {}
    for name, figure in (("AP50", ap50), ("mean confidence", mean_confidence)):
        apart = differences(rows, "fps", figure)
        if apart:
            most[name] = max(apart)
    if not most:
        return []
    tried = listed(values_of(rows, "fps"))
    what = "accuracy" if "AP50" in most else "what is found"
    if max(most.values()) < 0.00005:
        same = "{} {} the same to four decimals".format(" and ".join(most), "are" if len(most) > 1 else "is")
        found = "does not matter at all for {}: at {} {}".format(what, tried, same)
    else:
        differ = ", ".join("{} differs by up to {:.4f}".format(name, value) for name, value in most.items())
        found = "should not matter for {}: between {} {}".format(what, tried, differ)
    return [
        "The configured FPS {}, all else being the same. It decides when a picture is looked at, not what is seen in "
        "it.".format(found)
    ]
