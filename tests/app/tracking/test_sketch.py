import pytest

from app.tracking.places import read_line, read_mask, read_zone
from app.tracking.sketch import HELP, Sketch

SIZE = (640, 480)


@pytest.fixture
def sketch():
    return Sketch(SIZE)


def clicks(sketch, *points):
    for point in points:
        sketch.click(*point)


def test_a_line_is_two_clicks(sketch):
    clicks(sketch, (100, 200), (100, 200), (400, 200))
    assert sketch.toml() == ['line = ["line1:100,200-400,200"]']
    assert sketch.options() == "--line line1:100,200-400,200"
    assert read_line(sketch.drawn[0].text(SIZE)).pixels(SIZE) == [(100, 200), (400, 200)]
    assert sketch.points == []


def test_everything_together(sketch):
    clicks(sketch, (1, 2), (3, 4))
    for key, corners in [("z", [(0, 0), (100, 0), (100, 100)]), ("m", [(200, 0), (300, 0), (300, 90)])]:
        assert sketch.key(key)
        clicks(sketch, *corners)
    sketch.key("b")
    clicks(sketch, (0, 300), (100, 300), (100, 400), (5, 303))  # the last one is near the first
    assert sketch.points == []
    sketch.key("l")
    clicks(sketch, (9, 9), (19, 9))
    assert not sketch.key("q")
    assert sketch.toml() == [
        'line = ["line1:1,2-3,4", "line2:9,9-19,9"]',
        'zone = ["zone1:0,0-100,0-100,100"]',
        'mask = ["mask1:200,0-300,0-300,90", "mask2:0,300-100,300-100,400:black"]',
    ]
    assert sketch.options().split() == [
        *("--line", "line1:1,2-3,4", "--zone", "zone1:0,0-100,0-100,100"),
        *("--mask", "mask1:200,0-300,0-300,90", "--mask", "mask2:0,300-100,300-100,400:black"),
        *("--line", "line2:9,9-19,9"),
    ]
    assert [read_mask(one.text(SIZE))[1] for one in sketch.drawn if one.kind == "mask"] == ["ignore", "black"]


def test_shares(sketch):
    sketch.key("z")
    clicks(sketch, (0, 0), (160, 0), (640, 480))
    sketch.key("\r")
    text = sketch.drawn[0].text(SIZE, shares=True)
    assert text == "zone1:0%,0%-25%,0%-100%,100%"
    assert read_zone(text).pixels(SIZE) == [(0, 0), (160, 0), (640, 480)]


@pytest.mark.parametrize("key", ["q", "\x1b"])
def test_what_is_not_complete_at_the_end_is_left_out(sketch, key):
    sketch.key("z")
    clicks(sketch, (0, 0), (160, 0))
    assert not sketch.key(key)
    assert (sketch.toml(), sketch.options()) == ([], "")


def test_undo_takes_points_and_then_things_back(sketch):
    clicks(sketch, (1, 1), (9, 9))
    sketch.key("z")
    clicks(sketch, (0, 0), (50, 0))
    sketch.key("u")
    assert sketch.points == [(0, 0)]
    sketch.key("u")
    assert len(sketch.drawn) == 1
    sketch.key("u")
    assert (sketch.drawn, sketch.kind) == ([], "line")
    sketch.key("u")
    clicks(sketch, (1, 1), (9, 9))
    assert [one.name for one in sketch.drawn] == ["line1"]


def test_the_other_direction(sketch):
    clicks(sketch, (1, 1), (9, 9))
    sketch.key("z")
    clicks(sketch, (0, 0), (50, 0), (50, 50))
    sketch.key("\r")
    sketch.key("f")
    assert sketch.drawn[0].text(SIZE) == "line1:9,9-1,1"
    assert sketch.drawn[1].text(SIZE) == "zone1:0,0-50,0-50,50"


def test_what_cannot_be_used_stays_and_says_why(sketch):
    sketch.key("z")
    clicks(sketch, (0, 0), (100, 100), (100, 0), (0, 100))
    sketch.key("\n")
    assert "cross" in sketch.message
    assert len(sketch.points) == 4
    sketch.key("l")
    assert sketch.kind == "zone", "first what is being drawn"
    sketch.key("u")
    assert sketch.message == HELP
    sketch.key("l")
    assert (sketch.kind, len(sketch.drawn)) == ("line", 1)
    sketch.key("z")
    clicks(sketch, (0, 0), (100, 100))
    sketch.key("\n")
    assert "needs more points" in sketch.message


def test_points_stay_within_the_picture(sketch):
    clicks(sketch, (-5, 900), (700, 0))
    assert sketch.drawn[0].points == [(0, 480), (640, 0)]
