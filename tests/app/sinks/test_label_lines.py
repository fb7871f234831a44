"""Labels as text; the rest of these sinks is tested with the command, in tests/app/test_classify.py."""

import numpy as np

from app.classifier import Prediction
from app.frame import Frame, Source
from app.sinks.labels import file_of, rows, title


def test_columns():
    shown = rows([Prediction("cat", 1.0), Prediction("sea horse", 0.051), Prediction("x", 0.0)])
    assert shown == ["  100.0 %  cat", "    5.1 %  sea horse", "    0.0 %  x"]


def test_the_films_of_a_folder_have_paths():
    source = Source()
    source.name, source.files = "films", ["films/a.mp4", "films/b.mp4"]
    frame = Frame(np.zeros((2, 2, 3), np.uint8), 7, name="b.mp4", time=0.28)
    assert file_of(source, frame) == "films/b.mp4"
    assert title(source, frame) == "films/b.mp4, frame 7 at 0.28 s"


def test_pictures_are_called_by_their_own_paths():
    """The same name in two folders, and the second one's first picture left out."""
    source = Source()
    source.names, source.files = (
        ["a/1.png", "b/0.png", "b/1.png"],
        ["photos/a/1.png", "photos/b/0.png", "photos/b/1.png"],
    )
    frame = Frame(np.zeros((2, 2, 3), np.uint8), 2, name="b/1.png", time=0.08)
    assert title(source, frame) == file_of(source, frame) == "photos/b/1.png"
