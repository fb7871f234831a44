"""A sequence that is made up: two people who walk towards each other, with or without faults of the detector."""

SEQINFO = """[Sequence]
name=walk
imDir=img1
frameRate=10
seqLength={length}
imWidth=640
imHeight=480
imExt=.jpg
"""


def row(frame, number, x, last):
    """Of a box of 40 x 100 whose bottom centre is at x, 300."""
    return f"{frame},{number},{x - 20},200,40,100,{last},-1,-1,-1\n"


def people(frame):
    """Where the two are."""
    return {1: 50 + 10 * frame, 2: 590 - 10 * frame}


def truth(length=30):
    return "".join(row(n, number, x, 1) for n in range(1, length + 1) for number, x in people(n).items())


def detections(length=30, missed=()):
    """All of them, but for the frames that are missed."""
    frames = [n for n in range(1, length + 1) if n not in missed]
    return "".join(row(n, -1, x, 0.99) for n in frames for x in people(n).values())


def write_sequence(folder, length=30, name="frcnn", **faults):
    folder.mkdir(parents=True)
    (folder / "seqinfo.ini").write_text(SEQINFO.format(length=length))
    (folder / "gt.txt").write_text(truth(length))
    (folder / f"det-{name}.txt").write_text(detections(length, **faults))
    return folder
