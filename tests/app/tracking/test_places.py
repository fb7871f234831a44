import pytest

from app.errors import UsageError
from app.tracking.places import check_names, read_line, read_mask, read_names, read_zone

SIZE = (640, 480)


def test_pixels_and_shares():
    assert read_line("door:100,200-400.5,200").pixels(SIZE) == [(100, 200), (400.5, 200)]
    assert read_line("door: 0%,50% - 100%,240 ").pixels(SIZE) == [(0, 240), (640, 240)]


def test_line():
    line = read_line("front-door:0,0-30,40").line(SIZE, ("east", "west"))
    assert (line.name, line.names, line.start) == ("front-door", ("east", "west"), (0, 0))


def test_zone():
    zone = read_zone("yard:10%,10%-50%,10%-50%,50%").zone(SIZE, inertia=1, loitering=9)
    assert zone.corners == [(64, 48), (320, 48), (320, 240)]
    assert (zone.inertia, zone.loitering) == (1, 9)


def test_mask():
    place, kind = read_mask("street:0,0-300,0-300,80")
    assert (place.name, kind, len(place.points)) == ("street", "ignore", 3)
    assert read_mask("street:0,0-300,0-300,80:black")[1] == "black"
    with pytest.raises(UsageError, match="ignore or black"):
        read_mask("street:0,0-300,0-300,80:grey")


@pytest.mark.parametrize(
    "text, words",
    [
        ("100,200-400,200", "name"),
        ("a b:1,1-2,2", "name"),
        (":1,1-2,2", "name"),
        ("door:1,1", "1 points"),
        ("door:1,1-2,2-3,3", "3 points"),
        ("door:1,1-2", "'2' is not a point"),
        ("door:1,1-2,x", "not a point"),
        ("door:1,1-2,1e9", "not a point"),
        ("door:1,1-nan,5", "not a point"),
        ("door:-1,1-2,2", "not a point"),
        ("door:1,1-101%,2", "outside"),
    ],
)
def test_what_is_no_line(text, words):
    with pytest.raises(UsageError, match=words):
        read_line(text)


@pytest.mark.parametrize("text", ["yard:1,1-2,2", "yard:" + "-".join(["1,1"] * 101)])
def test_what_is_no_zone(text):
    with pytest.raises(UsageError, match="corners"):
        read_zone(text)


def test_no_length():
    with pytest.raises(UsageError, match="same point"):
        read_line("door:320,240-50%,50%").line(SIZE)


def test_outside_the_picture():
    with pytest.raises(UsageError, match="641,5 is outside the picture, which is 640x480"):
        read_line("door:1,1-641,5").line(SIZE)
    assert read_line("door:0,0-640,480").line(SIZE)


@pytest.mark.parametrize(
    "points",
    [
        pytest.param("0,0-100,100-100,0-0,100", id="an hourglass"),
        pytest.param("0,0-100,0-50,0", id="folded back, without area"),
        pytest.param("0,0-0,0-50,50-0,50", id="a corner twice"),
        pytest.param("0,0-100,0-100,100-50,0-0,100", id="a corner that touches a side"),
        pytest.param("0,0-90,0-90,90-40,40-90,40-0,90", id="sides that cross far apart"),
    ],
)
def test_sides_that_cross(points):
    with pytest.raises(UsageError, match="cross"):
        read_zone("yard:" + points).zone(SIZE)


@pytest.mark.parametrize("points", ["0,0-100,0-100,100-0,100", "0,0-50,40-100,0-50,100", "0,0-50,0-100,0-100,100"])
def test_sides_that_do_not_cross(points):
    assert read_zone("yard:" + points).zone(SIZE)


def test_names_of_directions():
    assert read_names("in, out") == ("in", "out")
    for text in ("in", "in,in", "a,b,c", "in,o ut", ","):
        with pytest.raises(UsageError, match="two different words"):
            read_names(text)


def test_names_that_repeat():
    places = [read_line("door:0,0-1,1"), read_zone("yard:0,0-1,0-1,1")]
    check_names(places)
    with pytest.raises(UsageError, match="door"):
        check_names([*places, read_zone("door:0,0-1,0-1,1")])
