"""The figures of live cameras, of filmings whose outcome is known."""

from types import SimpleNamespace

import pytest

from tools.bench import live
from tools.bench.filming import Seen, Take, Window
from tools.bench.live_results import camera_lines, cameras_lines
from tools.bench.turns import Setting

SETTING = Setting("m.onnx", 416, 2, 10, 2, "street.mp4", (480, 640), workers=(1, 2), camera_fps=20.0, cameras=3)
WINDOW = Window(0.0, 10.0)


def seen(fps, age=0.05):
    """Ten seconds of frames, the first one after half an interval."""
    return [Seen((0.5 + number) / fps, age) for number in range(round(10 * fps))]


@pytest.fixture
def bare(monkeypatch):
    """A machine that does 25 inferences a second."""
    monkeypatch.setattr(live, "Bare", lambda model, shape, threads: lambda frames: 25.0)
    monkeypatch.setattr(live, "read_card", lambda model: None)
    monkeypatch.setattr(live, "input_shape", lambda setting: (320, 416))
    monkeypatch.setattr(live, "open_model", lambda setting, workers: SimpleNamespace(workers=workers))
    monkeypatch.setattr(live, "OnnxBackend", lambda model, device, workers: SimpleNamespace(workers="auto"))


def test_one_camera(bare, monkeypatch):
    """One worker does 16 frames a second of 20, two do all."""
    outcomes = {1: (16.0, 0.06), 2: (20.0, 0.09), "auto": (20.0, 0.08)}

    def film(devices, backend, card, size, script, choice=None):
        (device,) = devices
        assert (device.fps, size, choice is not None) == (20.0, 416, backend.workers == "auto")
        return Take([seen(*outcomes[backend.workers])], WINDOW, {"workers": {"count": 2, "why": "too slow"}})

    monkeypatch.setattr(live, "film", film)
    figures = live.compare_camera(SETTING)
    assert {name: fps["median"] for name, fps in figures["fps"].items()} == {
        "bare": 25,
        "1 worker": pytest.approx(16, rel=0.01),
        "2 workers": 20,
        "auto": 20,
    }
    assert figures["2 workers/1 worker"]["median"] == pytest.approx(1.25, rel=0.01)
    assert figures["latency_ms"]["p95"]["2 workers"]["median"] == pytest.approx(90)
    assert figures["bare_ms"]["median"] == 40
    assert figures["limit_ms"]["median"] == pytest.approx(1.9 * 40 + 50)
    assert figures["what"] == {"auto": "2: too slow"}
    title, _, *rows = camera_lines(416, figures).splitlines()
    assert title == "size 416, input 416x320, a camera of 20 FPS"
    assert [row.split()[:2] for row in rows[:2]] == [["1", "worker"], ["2", "workers"]]
    assert "126.0 (126.0 to 126.0)" in rows[-2]


def test_several_cameras(bare, monkeypatch):
    """They ask for 50 frames a second, of which the machine does 40; of three cameras 36, one of which gets less."""

    def film(devices, backend, card, size, script, choice=None):
        assert backend.workers == 2
        rates = [device.fps for device in devices]
        if rates == [50.0]:
            return Take([seen(40)], WINDOW, {})
        if rates == [pytest.approx(50 / 3)] * 3:
            return Take([seen(14), seen(14), seen(8)], WINDOW, {})
        assert rates == [20.0] * 3
        faulty = script([]).gi_code.co_name == "fault"
        return Take([seen(20), seen(19.6 if faulty else 20), seen(5 if faulty else 20)], WINDOW, {})

    monkeypatch.setattr(live, "film", film)
    figures = live.compare_cameras(SETTING)
    assert figures["together/one camera"]["median"] == 0.9
    assert figures["jain"]["median"] == pytest.approx(360**2 / (3 * (140**2 + 140**2 + 80**2)), abs=1e-4)
    assert figures["due"]["least of the cameras"]["median"] == 1
    assert figures["fault"]["least of the others"]["median"] == pytest.approx(0.98, abs=1e-3)
    assert figures["fault"]["lost"]["median"] == pytest.approx(0.02, abs=1e-3)
    lines = cameras_lines(416, figures)
    assert lines.startswith("size 416, input 416x320, 3 cameras\n")
    assert "at 16.7 FPS each" in lines
    assert "of one camera of 50.0 FPS" in lines
