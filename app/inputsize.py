"""Sizes of a detector's input: the model's own, and those that it can take. Free of numpy, as the card is."""

from typing import List, Optional, Sequence, Tuple

from app.errors import UsageError
from app.modelcard import ModelCard

DEFAULT_SIZE = 416  # longer side of the input of a model whose card has no size


def input_size(card: ModelCard, size: Optional[int] = None) -> int:
    """The longer side of a model's input: `size`, or where that is None the model's own.

    Raises UsageError for a size that the model cannot take.
    """
    if size is None:
        return _rounded(card, DEFAULT_SIZE if card.size is None else max(card.size))
    if size <= 0 or size % card.multiple:
        raise UsageError(f"size {size} is not {nearest_sizes(size, card.multiple)}")
    if card.fixed and card.size is not None and size != max(card.size):
        raise UsageError(f"size {size}: the model takes {max(card.size)} only")
    return size


def input_sizes(card: ModelCard, sizes: Optional[Sequence[int]], usual: Sequence[int]) -> List[int]:
    """Several longer sides: `sizes`, or where that is None the model's own, or where it has none the `usual` ones.

    Raises UsageError for a size that the model cannot take.
    """
    if sizes is not None:
        return [input_size(card, size) for size in sizes]
    if card.size is not None:
        return [input_size(card)]
    return sorted({_rounded(card, size) for size in usual})


def input_sides(
    card: ModelCard, size: Optional[int] = None, square: bool = False, frame: Tuple[int, int] = (640, 480)
) -> Tuple[int, int]:
    """Width and height of a model's input for a frame of (width, height), as `app.letterbox` fits it.

    square: whatever the card says, unless the model takes one size only. Raises UsageError for a size that it cannot
    take.
    """
    longer = input_size(card, size)
    if card.fixed or (card.resize != "rectangle" and not square):
        return card.sides(longer)
    if square:
        return longer, longer
    width, height = (max(1, side * longer // max(frame)) for side in frame)
    return -(-width // card.multiple) * card.multiple, -(-height // card.multiple) * card.multiple


def fitting(card: ModelCard, square: bool = False) -> str:
    """In a word how a model's input is fitted to a frame: rectangular, square, letterbox or stretch."""
    if card.resize == "rectangle":
        return "square" if square else "rectangular"
    return "square" if square and not card.fixed else card.resize


def nearest_sizes(size: int, multiple: int) -> str:
    """What to say of a size that is not a positive multiple: the nearest ones that are."""
    below = size // multiple * multiple
    nearest = f"{below} and {below + multiple}" if below > 0 else str(multiple)
    return f"a multiple of {multiple}; nearest: {nearest}"


def _rounded(card: ModelCard, size: int) -> int:
    return max(1, round(size / card.multiple)) * card.multiple
