"""What the viewers' test computes, from pictures and periods that are made up."""

import socket
import threading
import time

import numpy as np
import pytest

from tools.camera_servers.stamp import BITS, BLOCKS, stamp_of, write_stamp
from tools.soak.viewers import judged
from tools.soak.viewers.browser import taken
from tools.soak.viewers.judged import Paint, ages, ages_at_the_end, between, p95, rates
from tools.soak.viewers.link import SlowLink


def paints(ages_ms, first=100.0, interval=0.1, width=640):
    """Pictures of one canvas, one after the other, of these ages."""
    times = [first + interval * number for number in range(len(ages_ms))]
    return [Paint(0, at, None if age is None else at - age / 1000, width) for at, age in zip(times, ages_ms)]


class Period:
    """What `pages.Period` measures."""

    def __init__(self, first=0, last=100, rate=10.0, cores=0.5, jpegs=0, latency=0.02):
        self.first, self.last, self.rate, self.cores = first, last, rate, cores
        self.jpegs, self.latency = jpegs, latency


def reached(figures):
    return [figure.reached for figure in figures]


def test_when_a_picture_was_taken():
    assert taken(1500, 2.0) == pytest.approx(1.5)
    assert taken(2001, 2.0) == pytest.approx(2.001)  # clocks that differ by a millisecond
    wraps = (1 << BITS) / 1000
    assert taken(round(1000 * (wraps - 0.25)), wraps + 0.5) == pytest.approx(wraps - 0.25)
    assert taken(100, 3 * wraps + 0.2) == pytest.approx(3 * wraps + 0.1)
    assert taken(None, 2.0) is None


@pytest.mark.parametrize("width", [160, 320, 426, 640])
def test_the_levels_of_a_canvas_are_a_stamp(width):
    """As the script in the page takes them: the mean of the middle half of each block, in one row."""
    image = np.full((120, width, 3), 90, np.uint8)
    write_stamp(image, 123456)
    side = width / BLOCKS
    row = image[int(side / 2), :, 1].astype(float)
    levels = [row[int((block + 0.25) * side) : int(np.ceil((block + 0.75) * side))].mean() for block in range(BLOCKS)]
    assert stamp_of(levels) == 123456
    assert stamp_of([90.0] * BLOCKS) is None


def test_ages():
    found = paints([50, 70, None, 60])
    assert ages(found) == pytest.approx([0.05, 0.07, 0.06])
    assert ages_at_the_end(found) == pytest.approx([0.15, 0.27])  # the second was seen until the fourth came
    assert ages_at_the_end(found[:1]) == []
    assert between(found, 100.1, 100.2) == [found[1]]


def test_percentiles():
    assert p95(list(range(101))) == 95
    assert p95([]) == judged.median([]) == float("inf")
    assert judged.median([3, 1, 2]) == 2


@pytest.mark.parametrize("late, expected", [(135, [True, True]), (138, [True, False])])
def test_painted(late, expected):
    """At most the latency, an interval of 66.7 ms, and 50 ms: 136.7 ms at the end."""
    figures = judged.painted(paints([100] * 50), paints([late] * 50), (0.01, 0.02), 15)
    assert reached(figures) == expected
    assert [figure.asked for figure in figures] == ["127 ms at most", "137 ms at most"]


def test_nothing_painted_is_not_enough():
    assert reached(judged.painted([], [], (0.01, 0.01), 15)) == [False, False]
    assert not all(reached(judged.slow([], [])))


@pytest.mark.parametrize(
    "early, late, expected",
    [
        (500, 600, [True, True, True, True]),
        (850, 950, [True, False, True, True]),  # and 100 ms until the next one comes
        (100, 400, [True, True, False, True]),
        (950, 100, [False, True, True, True]),
    ],
)
def test_slow(early, late, expected):
    assert reached(judged.slow(paints([early] * 20), paints([late] * 20, width=320))) == expected


def levels(number):
    """Those of a picture, with the names of cameras over the first blocks."""
    image = np.zeros((40, 640, 3), np.uint8)
    write_stamp(image, number)
    found = image[10, 10::20, 1].astype(float)
    found[: judged.UNSHARP] = 77
    return tuple(found)


def test_moving():
    """Two cameras for ten seconds, at 5 and at 4 frames a second; of the second each other picture is shown."""
    shown = [Paint(0, 100 + n / 5, None, 426, levels(200 * n)) for n in range(50)]
    shown += [Paint(0, 100.05 + n / 5, None, 426, levels(200 * n)) for n in range(50)]  # each twice
    shown += [Paint(1, 100 + n / 2, None, 426, levels(500 * n)) for n in range(20)]
    assert rates(shown, 10.0) == {0: 5.0, 1: 2.0}
    figures = judged.moving(shown, 10.0, [5, 4])
    assert reached(figures) == [True, True]
    assert figures[1].measured == "50 %"
    assert reached(judged.moving(shown, 10.0, [5, 4.1])) == [True, False]
    assert reached(judged.moving(shown, 10.0, [5, 2, 5])) == [False, False]
    assert figures[0].measured.startswith("2 of 2, ")


def test_cost():
    alone = Period(rate=15.0, jpegs=0)
    two, four = Period(first=100, last=200, cores=0.50), Period(first=200, last=301, rate=14.75, cores=0.529)
    seen = dict.fromkeys(range(101, 301), 0.02)
    assert reached(judged.cost(alone, two, four, seen)) == [True] * 5
    for number in (150, 151, 152):  # 3 of 200
        del seen[number]
    found = judged.cost(Period(rate=15.1, jpegs=1), two, Period(last=301, rate=14.7, cores=0.54), seen)
    assert reached(found) == [False, True, False, False, False]
    assert found[2].measured == "1.5 %"
    assert found[4].measured == "2.0 % of a core"


@pytest.mark.parametrize("watched, expected", [([9.3, 9.25, 5.0], True), ([9.1, 9.1, 9.3], False)])
def test_film(watched, expected):
    assert reached(judged.film([10.0, 10.0, 10.0], watched)) == [expected]


@pytest.mark.slow
def test_a_slow_link_is_as_slow_as_it_says():
    """100,000 bytes over two connections at 1 Mbit/s: 0.8 s."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            for _ in range(2):
                with server.accept()[0] as sock:
                    assert sock.recv(10) == b"please"
                    sock.sendall(b"x" * 50000)

        threading.Thread(target=serve, daemon=True).start()
        with SlowLink(server.getsockname()[1], 10**6) as link:
            began = time.monotonic()
            socks = [socket.create_connection(("127.0.0.1", link.port), 30) for _ in range(2)]
            received = []
            for sock in socks:
                sock.sendall(b"please")
            for sock in socks:
                data = b""
                while len(data) < 50000:
                    data += sock.recv(1 << 16)
                received.append(data)
                sock.close()
            assert time.monotonic() - began > 0.75
    assert received == [b"x" * 50000] * 2
