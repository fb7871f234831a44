"""How long a decoder takes: printed, and not asserted, since a machine may be busy."""

import time

import numpy as np
import pytest
from support.heads import CARD

from app.heads import decode
from app.layout import Layout

CASES = {
    "rows (1, 84, 8400)": ("rows", Layout(channels_first=True), (4, 80)),
    "rows (1, 8400, 84)": ("rows", Layout(), (4, 80)),
    "rows (1, 8400, 85), raw": ("rows", Layout(objectness=True, strides=(8, 16, 32)), (4, 81)),
    "distances (1, 8400, 112)": ("distances", Layout(strides=(8, 16, 32), bins=8), (0, 112)),
    "boxes (1, 300, 6)": ("boxes", Layout(labelled=True), (4, 2)),
}


@pytest.mark.verify
@pytest.mark.parametrize("name", CASES)
def test_print_the_milliseconds(name, capsys):
    """Of 40 boxes among 8400 places at 640x640, the median of 200."""
    form, layout, (before, scores) = CASES[name]
    random, places = np.random.RandomState(0), 300 if layout.labelled else 8400
    table = random.uniform(0, 0.2, (before + scores, places)).astype(np.float32)
    table[before:, random.choice(places, 40, replace=False)] += 0.7
    card = CARD._replace(form=form, heads=(), layout=layout, labels=tuple(map(str, range(80))))
    output = np.ascontiguousarray(table if layout.channels_first else table.T)[None]
    times = []
    for _ in range(200):
        start = time.perf_counter()
        boxes, _, _ = decode([output], card, (640, 640), 0.25)
        times.append((time.perf_counter() - start) * 1000)
    with capsys.disabled():
        print(f"\n{name}: {np.median(times):.3f} ms, least {min(times):.3f}, {len(boxes)} candidates")
    assert len(boxes) > 0
