"""Names of classes, and which of them are the same name in another spelling; `lettering.py` is how they are drawn.

Imports neither numpy nor OpenCV, so that whatever takes names can use it.
"""

from typing import List, Sequence

# COCO's classes as Darknet's lists spell them (data/coco.names) -> as COCO's own files do (instances_val2017.json).
RENAMED = {
    "aeroplane": "airplane",
    "motorbike": "motorcycle",
    "sofa": "couch",
    "pottedplant": "potted plant",
    "diningtable": "dining table",
    "tvmonitor": "tv",
}


def modern(name: str) -> str:
    """A name of Darknet's lists as COCO's own files spell it; any other name as it is."""
    return RENAMED.get(name, name)


def standard(name: str) -> str:
    """What all spellings of a name have in common: COCO's own name, in lower case, with spaces for `_` and `-`."""
    return modern(" ".join(name.casefold().replace("_", " ").replace("-", " ").split()))


def positions(name: str, labels: Sequence[str]) -> List[int]:
    """Where a name is among labels: where it is spelled so, else where it is spelled otherwise.

    Empty if it is nowhere; several if it is ambiguous, as `cat` among `Cat` and `CAT`. Of a label that occurs twice,
    the first counts.
    """
    labels = list(labels)
    if name in labels:
        return [labels.index(name)]
    same = standard(name)
    return sorted({labels.index(label) for label in labels if standard(label) == same})
