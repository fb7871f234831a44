import numpy as np
import pytest

from app.detections import Detections
from app.frame import Frame
from app.tracking.drawing import TAIL, Scenery
from app.tracking.places import read_line, read_zone
from app.tracking.watch import Watch


def frame(index, *rows, size=(320, 240)):
    made = Frame(np.zeros((size[1], size[0], 3), np.uint8), index, time=index / 10)
    boxes = np.array([[x - 10, y - 40, x + 10, y] for x, y in rows], np.float32).reshape(-1, 4)
    made.detections = Detections(boxes, np.full(len(rows), 0.9), np.zeros(len(rows), int), ("person",))
    return made


def drawn(image):
    """Rows and columns that have something on them."""
    hit = image.any(axis=2)
    return hit.any(axis=1).nonzero()[0].tolist(), hit.any(axis=0).nonzero()[0].tolist()


def draw(watch, scenery, one):
    watch.fit(one.size)
    watch.update(one)
    scenery.draw(one)
    return one.image


@pytest.mark.parametrize("size", [(320, 240), (640, 480)])
def test_a_line_has_its_arrow_to_the_right(size):
    """Of one that leads from left to right, the right hand is below; also where the frames' size changes."""
    watch = Watch([read_line("d:160,120-300,120")])
    watch.fit((320, 240))
    image = draw(watch, Scenery(watch), frame(0, size=size))
    scale = size[0] // 320
    rows, columns = drawn(image[:, scale * 215 : scale * 245])
    assert min(rows) >= scale * 120 - 3
    assert scale * 120 + 10 < max(rows) < scale * 120 + 80
    rows, columns = drawn(image[:, scale * 260 :])
    assert max(rows) - min(rows) <= 5
    assert abs(max(columns) + scale * 260 - scale * 300) <= 3


def test_a_zone_is_outlined():
    watch = Watch([], [read_zone("yard:50,40-250,40-250,200-50,200")])
    image = draw(watch, Scenery(watch), frame(0))
    rows, columns = drawn(image)
    assert 38 <= min(rows) <= 40
    assert 250 <= max(columns) <= 252
    assert not image[100:150, 60:240].any()


def test_tails_last_for_some_seconds():
    watch = Watch()
    scenery = Scenery(watch)
    for index in range(60):
        image = draw(watch, scenery, frame(index, (20 + 4 * index, 200)))
    _, columns = drawn(image)
    assert max(columns) >= 20 + 4 * 59 - 1
    assert 20 + 4 * (59 - 10 * TAIL) - 1 <= min(columns) <= 20 + 4 * (60 - 10 * TAIL) + 1
    image = draw(watch, scenery, frame(60 + int(10 * TAIL)))
    assert not image.any()
    assert scenery._tails == {}


def test_no_tail_where_nothing_is_confirmed_and_none_across_a_jump():
    watch = Watch()
    scenery = Scenery(watch)
    assert not draw(watch, scenery, frame(5, (20, 200))).any()
    draw(watch, scenery, frame(6, (24, 200)))
    draw(watch, scenery, frame(7, (28, 200)))
    assert [len(tail.times) for tail in scenery._tails.values()] == [2]
    draw(watch, scenery, frame(0, (30, 200)))  # the film starts again
    assert [len(tail.times) for tail in scenery._tails.values()] == [1]
