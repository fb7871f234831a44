"""That inferences really run side by side, with a session that needs it."""

import threading
from types import SimpleNamespace

import pytest
from support.fakes import LIMIT

from app.timing import WARM_UP_FRAMES
from tools.bench import bare


class Session:
    """Each call waits for as many others as there are threads."""

    def __init__(self, threads=1, fails_at=None):
        self.tensors = []
        self._fails_at = fails_at
        self._together = threading.Barrier(threads)

    def get_inputs(self):
        return [SimpleNamespace(name="image")]

    def run(self, outputs, feed):
        self.tensors.append(feed["image"])
        if len(self.tensors) == self._fails_at:
            raise RuntimeError("no memory")
        self._together.wait(LIMIT)


def test_side_by_side(monkeypatch):
    opened = []
    session = Session(3)
    monkeypatch.setattr(bare, "session", lambda model, threads: opened.append((model, threads)) or session)
    rival = bare.SideBySide("a model", (32, 64), 3)
    assert opened == [("a model", 1)], "one session, whose inferences have a single thread"
    assert rival(12) > 0
    assert len(session.tensors) == 3 * WARM_UP_FRAMES + 12
    assert len({id(tensor) for tensor in session.tensors}) == 3
    assert {tensor.shape for tensor in session.tensors} == {(1, 3, 32, 64)}


def test_what_a_thread_raises(monkeypatch):
    monkeypatch.setattr(bare, "session", lambda model, threads: Session(fails_at=3))
    with pytest.raises(RuntimeError, match="no memory"):
        bare.SideBySide("a model", (32, 64), 2)(10)


def test_bare(monkeypatch):
    session = Session()
    monkeypatch.setattr(bare, "session", lambda model, threads: session)
    assert bare.Bare("a model", (32, 64), 2)(5) > 0
    assert len(session.tensors) == WARM_UP_FRAMES + 5
