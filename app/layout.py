"""What a model's card says of the outputs, and what it is read from. Free of numpy, as the card is."""

from typing import Any, Dict, NamedTuple, Tuple

from app.fields import count, number, one_of, positive, yes_or_no

FORMS = ("darknet", "rows", "distances", "boxes")  # of a detector's outputs; `app.heads` has a decoder for each


class Head(NamedTuple):
    """One detection head of Darknet's family: its stride and its anchors (width, height) in input pixels.

    scale_x_y: how far a box's centre may leave its cell; 1 is not at all. squared: how sides are computed. For both see
    `app.heads.darknet`.
    """

    stride: int
    anchors: Tuple[Tuple[float, float], ...]
    scale_x_y: float = 1.0
    squared: bool = False


class Layout(NamedTuple):
    """The one output of a model of another form: for each place a row, which has a box and the scores of the classes.

    channels_first: it is (1, channels, places), otherwise (1, places, channels).
    strides: of the grids whose cells the places are, in the output's order; empty where the boxes need none.
    objectness: "rows" have a score of their own beside those of the classes, and both are multiplied.
    bins: "distances" are distributions over so many whole numbers of strides, from 0.
    centre: "distances" are measured from this fraction of the cell, 0 is its upper left corner.
    labelled: "boxes" have one score and the number of a class, otherwise the scores of all classes.
    background: in "boxes", what precedes the scores of the classes is that of no class.
    fractions: "boxes" are in fractions of the input, otherwise in pixels.
    """

    channels_first: bool = False
    strides: Tuple[int, ...] = ()
    objectness: bool = False
    bins: int = 0
    centre: float = 0.0
    labelled: bool = False
    background: bool = False
    fractions: bool = False


def parse_form(fields: Dict[str, Any], multiple: int) -> Tuple[str, Tuple[Head, ...], Layout]:
    """The form of a model's outputs, its heads if it has Darknet's, and its layout if it has not.

    fields: of the card. multiple: of the input's sides. Raises what wrong fields raise, see `app.modelcard.checking`.
    """
    form = one_of(fields.get("form", FORMS[0]), "form", FORMS)
    if form == "darknet":
        return form, _heads(fields["heads"], multiple), Layout()
    layout = parse_layout(fields["outputs"])
    if form == "distances" and not (layout.strides and layout.bins):
        raise ValueError("the outputs should have strides and bins")
    return form, (), layout


def parse_layout(given: Dict[str, Any]) -> Layout:
    """A layout from its fields on a card. Raises ValueError, TypeError and AttributeError."""
    read: Dict[str, Any] = {
        name: yes_or_no(given.get(name, False), f"the outputs' {name}")
        for name in ("channels_first", "objectness", "labelled", "background", "fractions")
    }
    strides = given.get("strides", [])
    if not isinstance(strides, list) or len(strides) > 16:
        raise ValueError("the outputs' strides should be a list of numbers")
    read["strides"] = tuple(_whole(stride, "a stride", 1, 1024) for stride in strides)
    read["bins"] = _whole(given.get("bins", 0), "the outputs' bins", 0, 256)
    read["centre"] = float(number(given.get("centre", 0), "the outputs' centre", 0, 1))
    return Layout(**read)


def _heads(given: Any, multiple: int) -> Tuple[Head, ...]:
    heads = tuple(
        Head(
            count(head["stride"], "a stride", multiple),
            tuple((positive(w, "an anchor"), positive(h, "an anchor")) for w, h in head["anchors"]),
            positive(head.get("scale_x_y", 1), "scale_x_y", 10),
            yes_or_no(head.get("squared", False), "squared"),
        )
        for head in given
    )
    if not heads:
        raise ValueError("it should have heads")
    if any(multiple % head.stride for head in heads):
        raise ValueError(f"the input's multiple {multiple} is not a multiple of every stride")
    if len({head.squared for head in heads}) > 1:
        raise ValueError("squared should be the same for every head")
    return heads


def _whole(value: Any, field: str, low: int, high: int) -> int:
    if number(value, field, low, high) != int(value):
        raise ValueError(f"{field} should be a whole number, is {value!r}")
    return int(value)
