import numpy as np
import pytest

from app.detections import Detections
from app.errors import UsageError
from app.frame import Frame
from app.tracking.masks import Masks
from app.tracking.places import read_mask


def masks(*texts):
    return Masks([read_mask(text) for text in texts])


def frame(*feet, size=(100, 80)):
    made = Frame(np.full((size[1], size[0], 3), 200, np.uint8))
    boxes = np.array([[x - 5, y - 20, x + 5, y] for x, y in feet], np.float32).reshape(-1, 4)
    made.detections = Detections(boxes, np.linspace(0.9, 0.5, len(feet)), np.zeros(len(feet), int), ("person",))
    return made


def feet(detections):
    return [(x1 + 5, y2) for x1, _, _, y2 in detections.boxes.tolist()]


def test_nothing_is_reported_whose_bottom_centre_is_inside():
    found = masks("left:0,0-50,0-50,80-0,80", "corner:90%,50%-100%,50%-100%,100%:black")
    found.fit((100, 80))
    assert feet(found.visible(frame((49, 70), (51, 70), (99, 60), (80, 60)))) == [(51, 70), (80, 60)]
    assert feet(found.visible(frame((51, 70)))) == [(51, 70)]
    assert len(found.visible(frame())) == 0


def test_frames_of_another_size_are_scaled():
    found = masks("left:0,0-50,0-50,80-0,80:black")
    found.fit((100, 80))
    found.fit((200, 160))
    large = frame((90, 100), (110, 100), size=(200, 160))
    found.blacken(large.image)
    assert not large.image[:, :101].any()
    assert (large.image[:, 101:] == 200).all()
    assert feet(found.visible(large)) == [(110, 100)]


def test_only_those_that_say_so_are_black():
    found = masks("left:0,0-50,0-50,80-0,80", "right:60,0-99,0-99,79-60,79:black")
    found.fit((100, 80))
    image = frame().image
    found.blacken(image)
    assert (image[:, :60] == 200).all()
    assert not image[:, 60:].any()


def test_a_mask_outside_the_picture():
    with pytest.raises(UsageError, match="left: 101,0 is outside the picture, which is 100x80"):
        masks("left:0,0-101,0-50,80").fit((100, 80))
