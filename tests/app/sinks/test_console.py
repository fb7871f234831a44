from support.video import picture, write

from app.sinks.console import Announcement, ProgressSink


def test_progress_counts_frames(capsys):
    with ProgressSink(3) as sink:
        assert not sink.wants_canvas
        for index in range(3):
            write(sink, picture(0), index)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "0/3" in captured.err


def test_an_announcement_is_made_once_and_with_the_first_frame(capsys):
    with Announcement("tiny on fake") as sink:
        assert not sink.wants_canvas
        sink.idle(picture(0), "gone")
        sink.reopen()
        assert capsys.readouterr().err == ""
        write(sink, picture(0))
        assert capsys.readouterr().err == "tiny on fake\n"
        write(sink, picture(0), 1)
    captured = capsys.readouterr()
    assert captured.err == captured.out == ""
