import threading

import cv2
import numpy as np
import pytest

from app.frame import Frame
from app.sinks.picture import WIDTHS, Picture, jpeg_of, shrink
from app.sinks.pictures import PictureSink


def image(width=640, height=480):
    return np.random.RandomState(0).randint(0, 255, (height, width, 3)).astype(np.uint8)


def size(jpeg):
    decoded = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    return decoded.shape[1], decoded.shape[0]


@pytest.mark.parametrize(
    "asked, expected",
    [(None, (640, 480)), (640, (640, 480)), (9999, (640, 480)), (320, (320, 240)), (300, (320, 240)), (0, (160, 120))],
)
def test_widths(asked, expected):
    assert size(Picture(image()).jpeg(asked)) == expected


def test_an_odd_width_is_not_enlarged():
    assert size(Picture(image(200, 100)).jpeg(240)) == (200, 100)
    assert size(Picture(image(200, 100)).jpeg(None)) == (200, 100)


def test_each_width_is_encoded_once():
    made = []
    picture = Picture(image(), encoded=lambda: made.append(1))
    assert made == []
    first = picture.jpeg(320)
    assert picture.jpeg(300) is first
    assert len(made) == 1
    picture.jpeg()
    assert picture.jpeg(640) is picture.jpeg(None)
    assert len(made) == 2


def test_once_for_threads_that_ask_at_the_same_time():
    made, found = [], []
    picture = Picture(image(1280, 960), encoded=lambda: made.append(1))
    threads = [threading.Thread(target=lambda: found.append(picture.jpeg())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert len({id(data) for data in found}) == 1


def test_shrink_keeps_the_proportions_and_what_fits():
    assert shrink(image(640, 10), 160).shape == (2, 160, 3)
    assert shrink(image(640, 1), 160).shape == (1, 160, 3)
    small = image(100, 50)
    assert shrink(small, 160) is small
    assert list(WIDTHS) == sorted(WIDTHS)


def test_a_frame_gets_a_picture_of_what_is_shown():
    sink, frame = PictureSink(), Frame(image(64, 48), captured_at=3.5)
    sink.write(frame, frame.image, frame.detections)
    first = frame.picture
    assert first.image is frame.image
    assert first.captured_at == 3.5
    sink.write(frame, frame.image, frame.detections)
    assert frame.picture is first, "that of others stays"
    other = image(64, 48)
    sink.write(frame, other, frame.detections)
    assert frame.picture.image is other


def test_the_jpeg_is_shared_only_if_it_is_of_that_image():
    made = []
    shown = image(64, 48)
    picture = Picture(shown, encoded=lambda: made.append(1))
    assert jpeg_of(shown, picture) is picture.jpeg()
    assert jpeg_of(shown.copy(), picture) == picture.jpeg()
    assert jpeg_of(shown, None) == picture.jpeg()
    assert len(made) == 1
