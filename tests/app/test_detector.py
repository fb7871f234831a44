import os
import warnings

import cv2
import numpy as np
import pytest
from support.heads import CARD, plant, quiet_heads
from support.program import CLIP, MODEL

from app.backends.fake import FakeBackend
from app.detector import Detector, class_numbers, load_detector
from app.errors import ModelError, UsageError
from app.frame import Frame

needs_model = pytest.mark.skipif(not (os.path.exists(CLIP) and os.path.exists(MODEL)), reason="the model is not here")


class Eye(FakeBackend):
    """Remembers what it was given: the very tensors, and copies of them."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.tensors = []
        self.seen = []

    def infer(self, tensor):
        self.tensors.append(tensor)
        self.seen.append(tensor.copy())
        return super().infer(tensor)


def frame(width, height):
    return np.zeros((height, width, 3), np.uint8)


def detector_for(heads, **options):
    return Detector(FakeBackend(heads), CARD, **options)


# What the letterbox should be is worked out by hand: input (height, width), pixels of the input per pixel of the
# frame, and where the frame's top left corner lies in the input (x, y).
@pytest.mark.parametrize(
    "size, options, shape, scale, corner",
    [
        pytest.param((640, 480), {"size": 416}, (320, 416), 0.65, (0, 0), id="4:3 at 416"),
        pytest.param((480, 640), {"size": 416}, (416, 320), 0.65, (0, 0), id="standing"),
        pytest.param((1280, 720), {"size": 416}, (256, 416), 0.325, (0, 0), id="16:9 at 416"),
        pytest.param((640, 480), {"size": 416, "square": True}, (416, 416), 0.65, (0, 52), id="4:3 padded to a square"),
        pytest.param((480, 640), {"size": 416, "square": True}, (416, 416), 0.65, (52, 0), id="standing, in a square"),
        pytest.param((640, 480), {"size": 160}, (128, 160), 0.25, (0, 0), id="4:3 at 160"),
        pytest.param((104, 104), {"size": 416}, (416, 416), 4, (0, 0), id="enlarged"),
    ],
)
@pytest.mark.parametrize("head, anchor", [(0, 1), (1, 0)], ids=["coarse head", "fine head"])
def test_a_planted_object_comes_out_in_pixels_of_the_frame(size, options, shape, scale, corner, head, anchor):
    centre = np.array([0.45 * shape[1] + 1, 0.52 * shape[0] + 1])
    extent = np.array([30.0, 40.0])
    heads = quiet_heads(*shape)
    plant(heads, 1, centre, extent, 0.8, head, anchor)
    detector = detector_for(heads, **options)

    found = detector.detect(frame(*size))

    expected = np.concatenate([centre - extent / 2 - corner, centre + extent / 2 - corner]) / scale
    assert detector.input_shape == shape
    assert found.boxes.tolist() == [pytest.approx(expected.tolist(), abs=0.01)]
    assert found.scores.tolist() == [pytest.approx(0.8, abs=1e-4)]
    assert found.classes.tolist() == [1]


def two_classes_in_one_place():
    heads = quiet_heads(320, 416)
    plant(heads, 0, (200, 170), (80, 100), 0.9, head=0)
    plant(heads, 1, (200, 170), (80, 100), 0.7, head=1)
    return heads


def test_classes_suppress_each_other_only_if_asked():
    image = frame(640, 480)
    assert detector_for(two_classes_in_one_place()).detect(image).classes.tolist() == [0, 1]
    assert detector_for(two_classes_in_one_place(), class_agnostic=True).detect(image).classes.tolist() == [0]


@pytest.mark.parametrize(
    "classes, agnostic, found",
    [
        pytest.param(["person"], False, [0], id="one"),
        pytest.param(["dog", "person"], False, [0, 1], id="in any order"),
        pytest.param(["car"], False, [], id="one that is not there"),
        pytest.param([], False, [], id="none"),
        pytest.param(["dog"], True, [1], id="what is filtered out suppresses nothing"),
    ],
)
def test_class_filter(classes, agnostic, found):
    detector = detector_for(two_classes_in_one_place(), classes=classes, class_agnostic=agnostic)
    assert detector.detect(frame(640, 480)).classes.tolist() == found


def test_what_is_reported_can_be_chosen_anew():
    detector = detector_for(two_classes_in_one_place())
    assert detector.detect(frame(640, 480)).classes.tolist() == [0, 1]
    detector.choose(confidence=0.25, iou=0.45, classes=["dog"])
    assert detector.detect(frame(640, 480)).classes.tolist() == [1]
    with pytest.raises(UsageError, match="no label"):
        detector.choose(confidence=0.99, iou=0.45, classes=["cow"])
    assert detector.detect(frame(640, 480)).classes.tolist() == [1], "nothing has changed"
    detector.choose(confidence=0.25, iou=0.45, class_agnostic=True)
    assert detector.detect(frame(640, 480)).classes.tolist() == [0]


@pytest.mark.parametrize(
    "classes, hint", [(["person", "dgo"], "did you mean dog"), (["zebra crossing"], "card lists"), ([""], "card lists")]
)
def test_a_label_that_does_not_exist_is_refused(classes, hint):
    with pytest.raises(UsageError, match="no label") as caught:
        detector_for(two_classes_in_one_place(), classes=classes)
    assert hint in str(caught.value)


@pytest.mark.parametrize(
    "classes, labels, numbers",
    [
        pytest.param(["couch", "person"], ["person", "sofa"], [1, 0], id="COCO's name of Darknet's"),
        pytest.param("TV", ["person", "tvmonitor"], [1], id="a text, in capitals"),
        pytest.param(["traffic_light"], ["traffic light"], [0], id="an underscore"),
    ],
)
def test_other_spellings_of_a_label(classes, labels, numbers):
    assert class_numbers(classes, labels) == numbers


def test_a_label_that_could_be_several():
    with pytest.raises(UsageError, match="'cat' could be Cat or CAT"):
        class_numbers(["cat"], ["Cat", "dog", "CAT"])


def test_the_hint_knows_the_other_spelling():
    with pytest.raises(UsageError, match="did you mean sofa"):
        class_numbers(["coucch"], ["person", "sofa"])


def test_the_option_that_names_a_label_is_said():
    with pytest.raises(UsageError, match="^event_classes: the model has no label 'cow'"):
        class_numbers(["cow"], ("person",), "event_classes")


def test_detections_have_their_labels():
    (person, dog) = detector_for(two_classes_in_one_place()).detect(frame(640, 480))
    assert (person.label, dog.label) == ("person", "dog")


def test_closing_the_detector_closes_its_backend():
    backend = FakeBackend([])
    closed = []
    backend.close = lambda: closed.append(True)
    with Detector(backend, CARD):
        assert closed == []
    assert closed == [True]


@needs_model
def test_load_detector():
    """The real model, by its name: a picture of a street, with people and bicycles in it."""
    capture = cv2.VideoCapture(CLIP)
    capture.set(cv2.CAP_PROP_POS_FRAMES, 35)
    image = capture.read()[1]
    with load_detector("yolov3-tiny", size=320, classes=["car", "person"]) as detector:
        found = detector.detect(image)
    assert len(found) > 0
    for each in found:
        assert each.label in ("car", "person")
        assert 0.25 <= each.score <= 1
        x1, y1, x2, y2 = each.box
        assert 0 <= x1 < x2 <= image.shape[1]
        assert 0 <= y1 < y2 <= image.shape[0]


def test_load_detector_says_what_is_missing(tmp_path):
    with pytest.raises(ModelError, match="tools.fetch"):
        load_detector(str(tmp_path / "absent.onnx"))


@needs_model
@pytest.mark.parametrize(
    "options, said", [({"size": 100}, "nearest: 96 and 128"), ({"classes": ["persn"]}, "did you mean person")]
)
def test_load_detector_refuses_what_makes_no_sense(options, said):
    with pytest.raises(UsageError, match=said):
        load_detector(MODEL, **options)


def test_duplicates_go():
    heads = quiet_heads(320, 416)
    plant(heads, 2, (200, 170), (80, 100), 0.6, head=0)
    plant(heads, 2, (204, 170), (80, 100), 0.9, head=1)
    found = detector_for(heads).detect(frame(640, 480))
    assert found.scores.tolist() == [pytest.approx(0.9, abs=1e-4)]
    assert len(detector_for(heads, iou=0.99).detect(frame(640, 480))) == 2


def test_a_model_without_duplicates_keeps_all():
    heads = quiet_heads(320, 416)
    plant(heads, 2, (200, 170), (80, 100), 0.6, head=0)
    plant(heads, 2, (204, 170), (80, 100), 0.9, head=1)
    detector = Detector(FakeBackend(heads), CARD._replace(nms=False))
    assert sorted(detector.detect(frame(640, 480)).scores.tolist()) == [pytest.approx(0.6), pytest.approx(0.9)]


def test_of_too_many_candidates_the_surest_are_kept(monkeypatch):
    monkeypatch.setattr("app.detector.MOST_CANDIDATES", 2)
    heads = quiet_heads(320, 416)
    for x, score in ((50, 0.5), (150, 0.9), (250, 0.7), (350, 0.6)):
        plant(heads, 0, (x, 170), (40, 40), score, head=1)
    found = detector_for(heads).detect(frame(640, 480))
    assert found.scores.tolist() == [pytest.approx(0.9, abs=1e-4), pytest.approx(0.7, abs=1e-4)]


@pytest.mark.parametrize("confidence, count", [(0.79, 1), (0.81, 0)])
def test_confidence(confidence, count):
    heads = quiet_heads(320, 416)
    plant(heads, 2, (200, 170), (80, 100), 0.8)
    found = detector_for(heads, confidence=confidence).detect(frame(640, 480))
    assert (found.boxes.shape, len(found)) == ((count, 4), count)


def test_multi_label():
    heads = quiet_heads(320, 416)
    plant(heads, 2, (200, 170), (80, 100), 0.8)
    plant(heads, 1, (200, 170), (80, 100), 0.8)
    assert len(detector_for(heads).detect(frame(640, 480))) == 1
    assert len(detector_for(heads, multi_label=True).detect(frame(640, 480))) == 2


def test_boxes_are_clipped_and_none_lies_in_the_bars():
    heads = quiet_heads(416, 416)
    plant(heads, 0, (10, 70), (200, 200), 0.9)  # over the top left corner of the picture
    plant(heads, 1, (200, 20), (30, 20), 0.8, head=1)  # in the bar above it
    found = detector_for(heads, square=True).detect(frame(640, 480))
    assert found.classes.tolist() == [0]
    assert found.boxes[0].tolist() == pytest.approx([0, 0, 110 / 0.65, 118 / 0.65], abs=0.01)


def test_absurd_sizes_are_one_box_over_the_whole_frame():
    heads = quiet_heads(320, 416)
    for centre, score in [((200, 170), 0.9), ((240, 170), 0.8)]:
        plant(heads, 0, centre, (80, 80), score)
    sizes = heads[0].reshape(2, 8, 10, 13)[0, 2:4]
    sizes[:, 5, 6:8] = 200  # e to the 200 anchors: more than a float32 holds
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = detector_for(heads).detect(frame(640, 480))
    assert found.boxes.tolist() == [[0, 0, 640, 480]]


@pytest.mark.parametrize(
    "outputs, phrase",
    [
        pytest.param(quiet_heads(320, 416)[:1], "2 heads", id="one output"),
        pytest.param(quiet_heads(320, 416)[::-1], "does not fit", id="the fine head first"),
        pytest.param(quiet_heads(416, 416), "does not fit", id="of another input"),
        pytest.param([head[:, 1:] for head in quiet_heads(320, 416)], "does not fit", id="other labels"),
    ],
)
def test_a_model_that_does_not_fit_its_card(outputs, phrase):
    with pytest.raises(ModelError, match=phrase):
        detector_for(outputs).detect(frame(640, 480))


@pytest.mark.parametrize(
    "size, nearest",
    [
        pytest.param(415, "384 and 416", id="between"),
        pytest.param(20, "nearest: 32", id="below the least"),
        pytest.param(0, "nearest: 32", id="zero"),
        pytest.param(-32, "nearest: 32", id="negative"),
    ],
)
def test_size_that_the_model_cannot_take(size, nearest):
    with pytest.raises(UsageError, match=nearest):
        detector_for(quiet_heads(320, 416), size=size)


def test_frame_size_may_change():
    """Each new shape of the input, not of the frame, costs one more inference to warm up."""
    detector = detector_for(quiet_heads(320, 416))
    assert detector.input_shape is None
    for size, shape, scale, calls in [
        ((640, 480), (320, 416), 0.65, 2),
        ((480, 640), (416, 320), 0.65, 4),
        ((640, 480), (320, 416), 0.65, 5),
        ((1280, 960), (320, 416), 0.325, 6),
    ]:
        detector.backend.outputs = quiet_heads(*shape)
        plant(detector.backend.outputs, 0, (150, 150), (64, 64))
        found = detector.detect(frame(*size))
        assert detector.input_shape == shape
        assert detector.backend.calls == calls
        expected = np.array([118, 118, 182, 182]) / scale
        assert found.boxes.tolist() == [pytest.approx(expected.tolist(), abs=0.01)]


def test_the_network_sees_the_frame_as_rgb_from_0_to_1():
    backend = Eye(quiet_heads(320, 416))
    image = frame(640, 480)
    image[:] = (255, 51, 0)
    Detector(backend, CARD).detect(image)
    seen = backend.seen[-1]
    assert seen.shape == (1, 3, 320, 416)
    assert seen[0, :, 160, 200].tolist() == pytest.approx([0, 0.2, 1], abs=1e-6)
    assert seen[0, :, -1, 0].tolist() == pytest.approx([128 / 255] * 3)


@pytest.mark.parametrize(
    "image, given",
    [
        pytest.param(np.zeros((480, 640), np.uint8), "(480, 640)", id="grey"),
        pytest.param(np.zeros((480, 640, 4), np.uint8), "(480, 640, 4)", id="with alpha"),
        pytest.param(np.zeros((480, 640, 3), np.float32), "float32", id="float"),
        pytest.param(np.zeros((0, 640, 3), np.uint8), "(0, 640, 3)", id="without pixels"),
        pytest.param(None, "NoneType", id="what cv2.imread returns for no image"),
    ],
)
def test_an_image_of_another_kind_is_refused(image, given):
    with pytest.raises(UsageError) as caught:
        detector_for(quiet_heads(320, 416)).detect(image)
    assert given in str(caught.value)


def test_the_frame_is_left_alone():
    image = np.random.RandomState(0).randint(0, 256, (480, 640, 3)).astype(np.uint8)
    before = image.copy()
    detector_for(quiet_heads(320, 416)).detect(image)
    assert (image == before).all()


def grey_frame(width, height, value, index=0):
    return Frame(np.full((height, width, 3), value, np.uint8), index, 0.0)


def infer(detector, frame):
    """What the loop does with a frame up to its outputs."""
    if frame.tensor is None:
        detector.preprocess(frame)
    detector.warm_up(frame)
    detector.infer(frame)


def test_the_memory_of_a_tensor_is_used_again():
    backend = Eye(quiet_heads(64, 64))
    detector = Detector(backend, CARD, size=64)
    for value in (0, 100, 200):
        infer(detector, grey_frame(64, 48, value))
    first, second, third = backend.tensors[1:]  # without the one to warm up
    assert np.shares_memory(first, second)
    assert np.shares_memory(second, third)
    assert [round(float(seen[0, 0, 0, 0]) * 255) for seen in backend.seen[1:]] == [0, 100, 200]


def test_frames_that_are_under_way_share_no_memory():
    detector = detector_for(quiet_heads(64, 64), size=64)
    infer(detector, grey_frame(64, 48, 0))  # leaves memory to use again
    frames = [grey_frame(64, 48, value) for value in (50, 100, 150)]
    for frame in frames:
        detector.preprocess(frame)
    tensors = [frame.tensor for frame in frames]
    for index, one in enumerate(tensors):
        assert not any(np.shares_memory(one, other) for other in tensors[index + 1 :])
    assert [round(float(tensor[0, 0, 0, 0]) * 255) for tensor in tensors] == [50, 100, 150]


@pytest.mark.parametrize("square", [False, True], ids=["rectangular", "square"])
def test_bars_stay_grey_when_memory_is_used_again(square):
    backend = Eye(quiet_heads(64, 64))
    detector = Detector(backend, CARD, size=64, square=square)
    for width, height in [(64, 48), (64, 48), (64, 40), (64, 48), (64, 40), (64, 40), (48, 64)]:
        for value in (255, 0):  # all of them 64 x 64 in the input
            frame = grey_frame(width, height, value)
            infer(detector, frame)
            tensor = backend.seen[-1][0].transpose(1, 2, 0)
            picture = frame.letterbox.inside(tensor)
            assert picture.shape[:2] == (height, width)
            assert (picture == np.float32(value / 255)).all()
            picture[:] = 128 / 255
            assert tensor == pytest.approx(128 / 255)


# An engine for one input, and a camera that changes its shape. From 640x480 the input is 416x320; 480x640 fits into
# that at half its size, 88 pixels from the left.
STANDING = [(200 - 88) / 0.5, 120 / 0.5, (240 - 88) / 0.5, 180 / 0.5]
LYING = [200 / 0.65, 120 / 0.65, 240 / 0.65, 180 / 0.65]


def one_input(adapt):
    heads = quiet_heads(320, 416)
    plant(heads, 1, (220, 150), (40, 60), head=1, anchor=1)
    return Detector(Eye(heads, (1, 3, 320, 416)), CARD, adapt=adapt)


def found_in(detector, frame):
    infer(detector, frame)
    detector.postprocess(frame)
    (box,) = frame.detections.boxes.tolist()
    return box


@pytest.mark.parametrize("ahead", [False, True], ids=["one by one", "preprocessed ahead"])
def test_adapt_fits_new_frames_into_the_input_that_ran(ahead, capsys):
    detector = one_input(adapt=True)
    backend = detector.backend
    sizes = [(640, 480), (480, 640), (480, 640), (640, 480), (480, 640)]
    frames = [grey_frame(width, height, 255) for width, height in sizes]
    if ahead:  # all before anybody knows that the second will be refused
        for frame in frames:
            detector.preprocess(frame)
    boxes = [found_in(detector, frame) for frame in frames]
    for (width, _), box in zip(sizes, boxes):
        assert box == pytest.approx(LYING if width == 640 else STANDING, abs=0.01)
    assert detector.input_shape == (320, 416)
    (line,) = capsys.readouterr().err.splitlines()
    assert "416x320" in line
    tensor = backend.seen[-1][0, 0]
    assert tensor[:, 88:328] == pytest.approx(1)
    assert tensor[:, :88] == pytest.approx(128 / 255)
    assert tensor[:, 328:] == pytest.approx(128 / 255)
    assert backend.calls == 1 + len(sizes), "one to warm up, and no try of what was refused before"


def test_without_adapt_a_new_shape_is_an_error():
    detector = one_input(adapt=False)
    assert found_in(detector, grey_frame(640, 480, 0)) == pytest.approx(LYING, abs=0.01)
    with pytest.raises(ModelError, match="320, 416"):
        infer(detector, grey_frame(480, 640, 0))


def test_adapt_needs_an_input_that_ran():
    with pytest.raises(ModelError, match="320, 416"):
        infer(one_input(adapt=True), grey_frame(480, 640, 0))


def test_adapt_leaves_a_backend_alone_that_takes_any_shape():
    detector = detector_for(quiet_heads(320, 416), adapt=True)
    detector.detect(frame(640, 480))
    detector.backend.outputs = quiet_heads(416, 320)
    detector.detect(frame(480, 640))
    assert detector.input_shape == (416, 320)
