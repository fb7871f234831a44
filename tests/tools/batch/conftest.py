"""What a worker does to its process does not outlast a test."""

import pytest

from tools.batch import work


@pytest.fixture(autouse=True)
def _unlimited(monkeypatch):
    monkeypatch.setattr("app.backends._most_cores", None)
    monkeypatch.setenv("OPENCV_FFMPEG_THREADS", "1")
    load = work._load
    yield
    load.cache_clear()
