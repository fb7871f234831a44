import pytest

from app.clips.ring import Ring, Shot


def shot(seconds, nbytes=10):
    return Shot(seconds, bytes(nbytes), (4, 4))


def seconds(shots):
    return [one.seconds for one in shots]


def test_it_reaches_as_far_back_as_asked_for():
    ring = Ring("yard", 5.0, 1000)
    for second in range(20):
        ring.add(shot(second))
        assert seconds(ring.since(0)) == list(range(max(0, second - 5), second + 1))
    assert seconds(ring.since(16.5)) == [17, 18, 19]
    assert ring.nbytes == 60


def test_frames_that_come_as_they_like():
    ring = Ring("yard", 2.0, 1000)
    for at in (0, 0.1, 1.9, 2.05, 2.1, 9, 9.5):
        ring.add(shot(at))
    assert seconds(ring.since(0)) == [9, 9.5]


@pytest.mark.parametrize("nbytes, kept", [(10, 5), (25, 2), (60, 1), (900, 1)])
def test_it_never_takes_more_memory(nbytes, kept, capsys):
    ring = Ring("yard", 100.0, 50)
    for second in range(9):
        ring.add(shot(second, nbytes))
        assert ring.nbytes <= max(50, nbytes)
    assert seconds(ring.since(0)) == list(range(9 - kept, 9))
    assert ring.nbytes == kept * nbytes
    assert len(capsys.readouterr().err.splitlines()) == 1, "said once"


def test_what_was_taken_is_given_back_whatever_the_sizes():
    ring = Ring("yard", 3.0, 100)
    for second in range(200):
        ring.add(shot(second, second * 7 % 60))
    assert ring.nbytes == sum(len(one.jpeg) for one in ring.since(0))
