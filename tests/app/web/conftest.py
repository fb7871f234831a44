import pytest
from support.filming import Filming


@pytest.fixture
def filmed(tmp_path, monkeypatch):
    """Starts a live view of cameras with these names, which film; the view, with its `cameras`."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    opened = []

    def start(*names, stored=None, **options):
        cameras = Filming(*names, stored=stored)
        live = cameras.serve(**options)
        live.cameras = cameras
        opened.extend((cameras, live))
        return live

    yield start
    for one in opened:
        one.close()
