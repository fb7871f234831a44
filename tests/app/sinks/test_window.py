import pytest

from app.errors import OutputError
from app.sinks.window import WindowSink, display_available


@pytest.fixture(params=[None, "", ":977", "nowhere:0", "nonsense"])
def no_display(request, monkeypatch):
    if request.param is None:
        monkeypatch.delenv("DISPLAY", raising=False)
    else:
        monkeypatch.setenv("DISPLAY", request.param)


@pytest.mark.slow
def test_no_display(no_display):
    assert display_available() is False


@pytest.mark.slow
def test_a_window_without_a_display_is_an_error(no_display):
    with pytest.raises(OutputError, match="--no-show"):
        WindowSink("title", on_close=lambda: None)
