from support.fakes import FakeClock

from app.clips.losses import Losses


def test_it_is_said_when_it_begins_and_when_it_is_over(capsys):
    clock = FakeClock()
    losses = Losses(clock.now)
    losses.over("yard")
    for _ in range(7):
        losses.add("/disk: is full")
    assert capsys.readouterr().err == "warning: /disk: is full; frames are left out until that has changed\n"
    losses.over("yard")
    losses.over("yard")
    assert capsys.readouterr().err == "yard: recording goes on; 7 frames were left out\n"
    losses.add("/disk: is full")  # at once again: said in the end, or after a minute
    losses.over("yard")
    assert capsys.readouterr().err == ""
    clock.sleep(61)
    losses.add("/disk: is full")
    losses.over("yard")
    assert capsys.readouterr().err.splitlines()[1] == "yard: recording goes on; 2 frames were left out"
    losses.close("yard")
    assert capsys.readouterr().err == ""
    assert losses.count == 9


def test_what_was_not_said_is_said_in_the_end(capsys):
    losses = Losses(FakeClock().now)
    losses.add("a")
    capsys.readouterr()
    losses.add("a")
    losses.close("yard")
    assert capsys.readouterr().err == "warning: yard: 2 frames were left out\n"
