"""Recognises a detector's family by its outputs for some noise."""

from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from app.layout import Layout

Shape = Tuple[int, int]
Parts = List[Tuple[str, ...]]
STRIDES = ((8, 16, 32), (8, 16, 32, 64), (16, 32))
MOST_CHOSEN = 1000  # boxes that a model chooses itself
BINS = 8  # of NanoDet
COCO = 80  # classes


class Look(NamedTuple):
    """What is known of a model: its outputs for some noise by name, the input's height and width, and how many labels
    it has; None if that is unknown.
    """

    outputs: Dict[str, np.ndarray]
    shape: Shape
    labels: Optional[int]


class Found(NamedTuple):
    """What a model is taken for.

    form, layout, nms: of the card. classes: how many it has. parts: the names of the outputs to join into one: those
    of a part lie side by side, as channels, and the parts one after the other, as places. why: in words.
    """

    family: str
    form: str
    layout: Layout
    classes: int
    parts: Parts
    why: str
    nms: bool = True


def recognise(look: Look, only: Optional[str] = None) -> List[Found]:
    """What a model may be, the likeliest first. only: consider one family."""
    three = {name: output for name, output in look.outputs.items() if output.ndim == 3 and output.shape[0] == 1}
    found: List[Found] = []
    if len(three) == 1:
        ((name, output),) = three.items()
        found = _of_one(name, output, look)
    elif len(three) == len(look.outputs):
        found = _of_pairs(three, look) if len(three) > 2 else _of_two(three, look)
    return [one for one in found if only in (None, one.family)]


def grids(places: int, shape: Shape) -> List[Tuple[Tuple[int, ...], int]]:
    """The strides, and the boxes of each cell, with which an input of (height, width) has so many places."""
    found: List[Tuple[Tuple[int, ...], int]] = []
    for strides in STRIDES:
        cells = sum(-(-shape[0] // stride) * -(-shape[1] // stride) for stride in strides)
        found += [(strides, anchors) for anchors in (1, 3) if cells * anchors == places]
    return found


def _of_one(name: str, output: np.ndarray, look: Look) -> List[Found]:
    """A single output: of channels and places, in either order, or of a few boxes."""
    found: List[Found] = []
    parts: Parts = [(name,)]
    _, rows, columns = output.shape
    if columns == 6 and rows <= MOST_CHOSEN and _is_chosen(output[0]):
        why = f"each of its {rows} rows has a score and a whole number, the class"
        found.append(Found("end2end", "boxes", Layout(labelled=True), look.labels or 0, parts, why, nms=False))
    classes = look.labels or rows - 4
    if (
        classes > 0
        and rows == 4 + classes
        and (look.labels or grids(columns, look.shape))
        and _are_scores(output[0, 4:])
    ):
        why = f"4 channels of a box and {classes} of classes, then {columns} places"
        found.append(Found("ultralytics", "rows", Layout(channels_first=True), classes, parts, why))
    for strides, anchors in grids(rows, look.shape):
        found += _of_grid(output[0], name, strides, anchors, look)
    return found


def _of_grid(table: np.ndarray, name: str, strides: Tuple[int, ...], anchors: int, look: Look) -> List[Found]:
    """Rows (places, channels) of all cells of grids with these strides, each with so many boxes."""
    found: List[Found] = []
    parts: Parts = [(name,)]
    channels = table.shape[1]
    where = f"{len(table)} places, which are the cells of strides {', '.join(map(str, strides))}"
    classes = look.labels or (COCO if channels == COCO + 4 * BINS else channels - 5)
    bins, rest = divmod(channels - classes, 4)
    if anchors == 1 and rest == 0 and bins > 1 and _are_scores(table[:, :classes]):
        plus = len(strides) == 4
        why = f"{where}, with {classes} classes and 4 distributions over {bins} distances"
        layout = Layout(strides=strides, bins=bins, centre=0.0 if plus else 0.5)
        found.append(Found("nanodet-plus" if plus else "nanodet", "distances", layout, classes, parts, why))
    if classes < 1 or not _are_scores(table[:, 4:]):
        return found
    if channels == 5 + classes:
        why = f"{where}, with a box, an objectness and {classes} classes"
        if anchors == 3:
            found.append(Found("yolov5", "rows", Layout(objectness=True), classes, parts, f"three times {why}"))
        elif _is_raw(table, strides, look.shape):
            layout = Layout(objectness=True, strides=strides)
            found.append(Found("yolox", "rows", layout, classes, parts, f"{why}; centres are offsets within cells"))
        else:
            family = "yolov6" if np.all(table[:, 4] == 1) else "yolox"
            why += "; centres are in pixels" + (", and every objectness is 1" if family == "yolov6" else "")
            both = [family, *({"yolov6", "yolox"} - {family})]
            found += [Found(one, "rows", Layout(objectness=True), classes, parts, why) for one in both]
    elif channels == 4 + classes and not _is_raw(table, strides, look.shape):
        found.append(Found("ultralytics", "rows", Layout(), classes, parts, f"{where}, with a box and classes"))
    return found


def _of_pairs(three: Dict[str, np.ndarray], look: Look) -> List[Found]:
    """Scores and distances of each stride in outputs of their own, as NanoDet has them."""
    by_places: Dict[int, List[str]] = {}
    for name, output in three.items():
        by_places.setdefault(output.shape[1], []).append(name)
    pairs = [by_places[places] for places in sorted(by_places, reverse=True)]
    if any(len(pair) != 2 for pair in pairs):
        return []
    widths = [three[name].shape[2] for name in pairs[0]]
    classes = look.labels or next((width for width in widths if width != 4 * BINS), 4 * BINS)
    for pair in pairs:
        # Scores are between 0 and 1, which tells those of 32 classes from distances.
        pair.sort(key=lambda name: not (three[name].shape[2] == classes and _are_scores(three[name][0])))
    rest = {three[pair[1]].shape[2] for pair in pairs}
    strides = [strides for strides, anchors in grids(sum(by_places), look.shape) if anchors == 1]
    good = all(three[pair[0]].shape[2] == classes and _are_scores(three[pair[0]][0]) for pair in pairs)
    if not strides or len(strides[0]) != len(pairs) or len(rest) != 1 or min(rest) % 4 or min(rest) < 8 or not good:
        return []
    bins, plus = min(rest) // 4, len(pairs) == 4
    layout = Layout(strides=strides[0], bins=bins, centre=0.0 if plus else 0.5)
    why = (
        f"for each of the strides {', '.join(map(str, strides[0]))}, {classes} classes and 4 distributions over {bins}"
    )
    parts: Parts = [(pair[0], pair[1]) for pair in pairs]
    return [Found("nanodet-plus" if plus else "nanodet", "distances", layout, classes, parts, f"{why} distances")]


def _of_two(three: Dict[str, np.ndarray], look: Look) -> List[Found]:
    """Boxes by their corners in one output, scores in the other."""
    names = sorted(three, key=lambda name: three[name].shape[2] != 4)
    if len(names) != 2 or three[names[0]].shape[1] != three[names[1]].shape[1]:
        return []
    if three[names[1]].shape[2] == 4 and not _are_scores(three[names[1]][0]):
        names.reverse()
    boxes, scores = (three[name][0] for name in names)
    if boxes.shape[1] != 4 or not _are_scores(scores):
        return []
    fractions = float(np.abs(boxes).max(initial=0)) < 16
    sums_to_one = bool(np.allclose(scores.sum(axis=1), 1, atol=1e-3))
    where = f"{len(boxes)} boxes and their scores"
    parts: Parts = [(names[0], names[1])]
    if fractions and sums_to_one and scores.shape[1] > 1:
        layout = Layout(background=True, fractions=True)
        why = f"{where}, which sum to 1 with that of the background"
        return [Found("ssd", "boxes", layout, scores.shape[1] - 1, parts, why)]
    if not fractions and any(anchors == 1 for _, anchors in grids(len(boxes), look.shape)):
        return [Found("damo-yolo", "boxes", Layout(), scores.shape[1], parts, f"{where} in pixels")]
    return []


def _are_scores(values: np.ndarray) -> bool:
    """Whether values are those of a sigmoid or a softmax."""
    return bool(values.size and np.nanmin(values) >= 0 and np.nanmax(values) <= 1 + 1e-4)


def _is_chosen(rows: np.ndarray) -> bool:
    """Whether rows of 6 are boxes with one score, sorted by it, and the number of a class."""
    scores, numbers = rows[:, 4], rows[:, 5]
    return bool(_are_scores(scores) and np.all(np.diff(scores) <= 1e-6) and np.all(numbers == np.floor(numbers)))


def _is_raw(table: np.ndarray, strides: Sequence[int], shape: Shape) -> bool:
    """Whether the centres of boxes are offsets from their cells, of a few units, and not pixels near these cells."""
    middles = np.concatenate(
        [np.tile((np.arange(-(-shape[1] // stride)) + 0.5) * stride, -(-shape[0] // stride)) for stride in strides]
    )
    return bool(np.median(np.abs(table[:, 0])) < np.median(np.abs(table[:, 0] - middles)))
