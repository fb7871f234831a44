import pytest
from support.program import MODEL, needs_model

from app.errors import ModelError
from tools.bench import memory
from tools.bench.live_results import memory_lines
from tools.bench.turns import Setting


def test_figures(monkeypatch):
    """A run takes 200 MB, 20 more for each worker and 10 for each camera: the last one's part is all that counts."""
    specs = []

    def peak_of(spec):
        specs.append(spec)
        return 200 + 20 * spec["workers"] + 10 * len(spec["sources"])

    monkeypatch.setattr(memory, "peak_of", peak_of)
    monkeypatch.setattr(memory, "input_shape", lambda setting: (320, 416))
    setting = Setting("m.onnx", 416, 2, 1, video="clip.mp4", frame=(480, 640), workers=(1, 2), cameras=4)
    figures = memory.compare_memory(setting)
    medians = {name: peak["median"] for name, peak in figures["memory_mb"].items()}
    assert medians == {"video, 1 worker": 230, "video, 2 workers": 250, "1 camera": 250, "4 cameras": 280}
    assert figures["further_camera_mb"] == {"median": 10, "least": 10, "most": 10}
    assert len(specs) == 8, "two rounds"
    assert {spec["size"] for spec in specs} == {416}
    assert {tuple(spec["sources"]) for spec in specs} == {("clip.mp4",), (memory.CAMERA,), (memory.CAMERA,) * 4}
    title, header, *rows = memory_lines(416, figures).splitlines()
    assert title == "size 416, input 416x320, each run in a process of its own"
    assert [row.split()[-4:] for row in rows][-1] == ["10.0", "(10.0", "to", "10.0)"]
    assert len(rows) == 5


@pytest.mark.slow
@needs_model
def test_a_run():
    spec = {"model": MODEL, "size": 64, "workers": 2, "sources": ["test://64x48"] * 2, "frames": 5}
    assert 50 < memory.peak_of(spec) < 1000


@pytest.mark.slow
def test_a_run_that_fails():
    spec = {"model": "none.onnx", "size": 64, "workers": 1, "sources": ["test://64x48"], "frames": 5}
    with pytest.raises(ModelError, match="to be measured failed: none.onnx: "):
        memory.peak_of(spec)
