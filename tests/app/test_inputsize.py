import pytest
from support.heads import CARD

from app.errors import UsageError
from app.inputsize import fitting, input_sides, input_size, input_sizes
from app.letterbox import Letterbox

OWN = CARD._replace(resize="stretch", size=(320, 192))


def test_the_models_own_size():
    assert input_size(CARD) == 416, "of a card without one"
    assert input_size(CARD._replace(multiple=64)) == 384, "6.5 times 64: of two that are as near, Python's even one"
    assert input_size(OWN) == 320
    assert input_size(OWN._replace(size=(192, 320))) == 320
    assert input_size(OWN._replace(size=(100, 20))) == 96
    assert input_size(OWN._replace(size=(10, 10))) == 32, "never 0"


def test_a_size_is_a_multiple_of_the_cards_own_number():
    small = CARD._replace(multiple=8)
    assert input_size(small, 40) == 40
    with pytest.raises(UsageError, match="size 36 is not a multiple of 8; nearest: 32 and 40"):
        input_size(small, 36)
    with pytest.raises(UsageError, match="size 0 is not a multiple of 8; nearest: 8"):
        input_size(small, 0)


def test_a_model_of_one_size():
    card = OWN._replace(fixed=True)
    assert input_size(card) == input_size(card, 320) == 320
    assert input_sides(card, square=True) == (320, 192)
    with pytest.raises(UsageError, match="size 160: the model takes 320 only"):
        input_size(card, 160)


def test_several():
    assert input_sizes(CARD, None, (160, 320)) == [160, 320]
    assert input_sizes(CARD._replace(multiple=256), None, (160, 200, 320)) == [256], "those that it can take, once"
    assert input_sizes(OWN, None, (160, 320)) == [320]
    assert input_sizes(OWN, [64, 96], (160, 320)) == [64, 96]
    with pytest.raises(UsageError, match="size 33 is not"):
        input_sizes(OWN, [64, 33], (160, 320))


@pytest.mark.parametrize("resize", ["rectangle", "letterbox", "stretch"])
@pytest.mark.parametrize("square", [False, True])
@pytest.mark.parametrize("frame", [(640, 480), (1280, 720), (480, 640), (1000, 3)])
def test_sides_are_those_of_the_letterbox(resize, square, frame):
    cards = [CARD._replace(resize=resize), OWN._replace(resize=resize), CARD._replace(resize=resize, multiple=8)]
    if resize != "rectangle":
        cards.append(OWN._replace(resize=resize, fixed=True))
    for card in cards:
        box = Letterbox.of_card(card, *frame, input_size(card), square=square)
        assert input_sides(card, None, square, frame) == (box.width, box.height)


def test_sides_of_the_default_camera():
    assert input_sides(CARD) == (416, 320), "416 * 480 / 640 = 312, rounded up to a multiple of 32"
    assert input_sides(CARD, 160) == (160, 128)
    assert input_sides(OWN) == (320, 192)


def test_in_a_word():
    assert (fitting(CARD), fitting(CARD, True)) == ("rectangular", "square")
    assert (fitting(OWN), fitting(OWN, True), fitting(OWN._replace(fixed=True), True)) == (
        "stretch",
        "square",
        "stretch",
    )
