import pytest
from support.sweep_rows import LARGE, SMALL, row

from tools.sweep.notes import by_size, notes


def by_sizes(images=10000, sizes=(160, 320, 416), **figures):
    """A row for each size, with lists of figures."""
    return [
        row(size, images=images, **{name: values[i] for name, values in figures.items()})
        for i, size in enumerate(sizes[: len(next(iter(figures.values())))])
    ]


def grid(images=10000):
    """Of these, the fastest first, the second is more accurate, the third less, and the fourth a little more."""
    return [
        row(size, capture, ap50=ap50, possible=fps, images=images)
        for size, capture, ap50, fps in (
            (160, SMALL, 0.3, 100.0),
            (320, SMALL, 0.45, 50.0),
            (160, LARGE, 0.31, 45.0),
            (320, LARGE, 0.47, 20.0),
        )
    ]


BUSY = [
    {"round": 0, "faults": ["the CPU is hot"], "others": 0.9},  # the round for accuracy
    {"round": 1, "faults": [], "others": 0.31},
]
PACED = [
    row(fps=24.0, real=24.0),
    row(320, fps=24.0, real=20.0, work=50.0),
    row(320, fps=40.0, real=19.0, work=52.0),
]
DELAYED = [
    row(fps=24.0, pacing="delay", real=18.0, predicted=20.0),
    row(fps=40.0, pacing="delay", real=20.0, predicted=20.2),
]
# What is measured -> parts of the one note in which they occur, in this order.
NOTES = {
    "choice": (grid(), ["Choose from the Pareto front, the fastest first: capture 320x240, size 160 (AP50 0.300, 100 "
                        "FPS); capture 320x240, size 320 (AP50 0.450, 50 FPS); capture 640x480, size 320", "0.005"]),
    "a gain that may be chance is no reason to be slower": (
        grid(64), ["Choose", "size 320 (AP50 0.450, 50 FPS). Everything else is slower without gaining 0.062"]),
    "one choice": (by_sizes(ap50=[0.5, 0.4], possible=[90.0, 40.0]), ["Choose size 160 (AP50 0.500, 90 FPS): nothing"]),
    "choice without labels": (by_sizes(possible=[90.0, 40.0]), ["The fastest is size 160 (90 FPS)", "--labels"]),
    "close without labels": (
        by_sizes(possible=[90.0, 87.0, 86.0]), ["The fastest settings are size 160 (90 FPS); size 320 (87 FPS); what"]),
    "accuracy": (
        by_sizes(ap50=[0.2, 0.46, 0.44]),
        ["Size 320 is the most accurate: its AP50 is 0.460, 0.020 above size 416", "10000 images", "0.005 may be"]),
    "accuracy by chance": (
        by_sizes(64, ap50=[0.29, 0.46, 0.51]), ["Size 416 leads, but perhaps by chance", "0.050 above", "0.062"]),
    "mean confidence": (by_sizes(confidence=[0.6, 0.5]), ["(0.600 at size 160, 0.500 at size 320) is not accuracy."]),
    "mean confidence chooses badly": (
        by_sizes(confidence=[0.523, 0.552, 0.534], ap50=[0.29, 0.46, 0.51]),
        ["is not accuracy, and prefers size 320 where AP50 prefers 416. It averages over what was found"]),
    "mean confidence chooses well": (
        by_sizes(confidence=[0.5, 0.6], ap50=[0.2, 0.4]), ["0.600 at size 320) is not accuracy. It averages"]),
    "deadlines": (
        PACED, ["With deadlines 1 of 3 settings reached the configured rate; size 320, fps 40 reached 19", "52.0 ms"]),
    "deadlines kept": ([row(fps=40.0, real=39.3)], ["With deadlines 1 of 1 settings reached the configured rate."]),
    "delays": (DELAYED, ["the real rate is 50% to 75% of the configured one", "1 / (work + delay)", "within 10.0%"]),
    "drops": ([row(most_dropped=0.25), row(320)], ["While this was measured: up to 25% of a live source's frames"]),
}  # fmt: skip


@pytest.mark.parametrize("rows, parts", NOTES.values(), ids=NOTES.keys())
def test_note(rows, parts):
    (note,) = [note for note in notes(rows) if parts[0] in note]
    places = [note.find(part) for part in parts]
    assert places == sorted(places)
    assert -1 not in places


NOTHING = {
    "no rows": [],
    "one setting": [row(ap50=0.5, confidence=0.5, possible=50.0)],
    "nothing labelled": by_sizes(ap50=[None, None]),
    "no size has a partner": [row(160, SMALL, confidence=0.6), row(320, LARGE, confidence=0.5)],
    "mean confidence at one size only": by_sizes(confidence=[0.5, None]),
    "rates and pacings are no choice": [row(ap50=0.5, possible=fps) for fps in (20.0, 50.0)],
}


@pytest.mark.parametrize("rows", NOTHING.values(), ids=NOTHING.keys())
def test_where_there_is_nothing_to_note(rows):
    assert notes(rows) == []


def test_at_most_five_notes_and_disturbances_first():
    rows = [
        row(size, fps=fps, pacing=pacing, ap50=size / 1000, confidence=1 - size / 1000, possible=9000 / size,
            predicted=20, most_dropped=0.1)
        for size in (160, 320, 416) for fps, pacing in ((24.0, "delay"), (24.0, "deadline"))
    ]  # fmt: skip
    found = notes(rows, BUSY)
    assert len(found) == 5
    assert found[0] == (
        "While this was measured: other programs took up to 31% of the cores' time, in 1 of 1 measurements; up to 10% "
        "of a live source's frames were dropped, so that the newest is shown."
    )
    assert [note.split()[0] for note in found[1:]] == ["Choose", "Size", "Mean", "With"]


def test_by_size_averages_over_what_was_measured_at_every_size():
    rows = [
        row(160, SMALL, confidence=0.1),
        row(320, SMALL, confidence=0.3),
        row(160, LARGE, confidence=0.2),
        row(320, LARGE, confidence=0.6),
        row(320, None, confidence=0.9),  # its partner is missing
        row(416, SMALL),  # not known
    ]
    found = by_size(rows, lambda row: row["mean_confidence"] and row["mean_confidence"]["median"])
    assert found == pytest.approx({160: 0.15, 320: 0.45})
    assert list(found) == [160, 320]
