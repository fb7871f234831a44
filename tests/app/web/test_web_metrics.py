import re

import pytest
from support.live import Cameras, QuietBoard

from app.tracking.places import read_line, read_zone
from app.tracking.watch import Watch
from app.web.exposition import BUCKETS, Exposition
from app.web.metrics import metrics

SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\[\\n"])*",?)+)\})? (-?[0-9.e+-]+)')
# Those of the project's list, each with its labels; the machine's own are not there on every machine.
EXPECTED = {
    "nanoyolo_build_info": ("gauge", {"version", "model", "backend", "precision", "input"}),
    "nanoyolo_frames_total": ("counter", {"camera", "outcome"}),
    "nanoyolo_stage_duration_seconds": ("histogram", {"camera", "stage"}),
    "nanoyolo_latency_seconds": ("histogram", {"camera"}),
    "nanoyolo_detections_total": ("counter", {"camera", "label"}),
    "nanoyolo_objects": ("gauge", {"camera", "label"}),
    "nanoyolo_zone_objects": ("gauge", {"camera", "zone", "label"}),
    "nanoyolo_line_crossings_total": ("counter", {"camera", "line", "direction", "label"}),
    "nanoyolo_camera_up": ("gauge", {"camera"}),
    "nanoyolo_camera_reconnects_total": ("counter", {"camera"}),
    "nanoyolo_last_frame_timestamp_seconds": ("gauge", {"camera"}),
    "nanoyolo_sink_dropped_total": ("counter", {"camera", "sink"}),
    "nanoyolo_viewers": ("gauge", {"kind"}),
    "nanoyolo_jpegs_total": ("counter", set()),
}


def parse(text):
    """Type by family, and value by (name, labels)."""
    types, samples = {}, {}
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in types, "a family is there twice"
            types[name] = kind
        elif not line.startswith("# HELP "):
            name, labels, value = SAMPLE.fullmatch(line).groups()
            key = name, frozenset(re.findall(r'([a-z]+)="((?:[^"\\]|\\.)*)"', labels or ""))
            assert key not in samples, line
            samples[key] = float(value)
    return types, samples


@pytest.fixture
def found():
    cameras = Cameras("door", "yard")
    watch = Watch([read_line("gate:0,10-60,10")], [read_zone("mat:0,0-60,0-60,40-0,40")])
    watch.fit((64, 48))
    watch.lines[0].totals["in"]["person"] = 4
    cameras.channels["door"].timing.sink_skipped("WindowSink", 0)
    cameras.channels["door"].timing.sink_skipped("MatroskaSink")
    cameras.channels["door"].detector.backend.description = "tensorrt 8.2 NVIDIA Tegra X1 FP16"
    cameras.channels["door"].watch = watch
    for number in range(6):
        cameras.film("door", labels=["person"] * (number % 2) + ["dog"])
        cameras.clock.sleep(0.1)
    return parse(metrics(cameras.state, QuietBoard()))


def test_names_types_and_labels(found):
    types, samples = found
    for name, (kind, labels) in EXPECTED.items():
        assert types[name] == kind, name
        own = [key for key in samples if re.sub("_(bucket|sum|count)$", "", key[0]) == name or key[0] == name]
        assert own, name
        for _, pairs in own:
            assert {label for label, _ in pairs} - {"le"} == labels
    assert set(types) - set(EXPECTED) <= {name for name in types if name.startswith("process_")}


def test_values(found):
    _, samples = found

    def value(name, **labels):
        return samples[name, frozenset(labels.items())]

    assert value("nanoyolo_frames_total", camera="door", outcome="processed") == 6
    assert value("nanoyolo_frames_total", camera="yard", outcome="processed") == 0
    assert value("nanoyolo_detections_total", camera="door", label="dog") == 6
    assert value("nanoyolo_detections_total", camera="door", label="person") == 3
    assert value("nanoyolo_objects", camera="door", label="person") == 1
    assert value("nanoyolo_zone_objects", camera="door", zone="mat", label="dog") == 0
    assert value("nanoyolo_line_crossings_total", camera="door", line="gate", direction="in", label="person") == 4
    assert value("nanoyolo_sink_dropped_total", camera="door", sink="window") == 0
    assert value("nanoyolo_sink_dropped_total", camera="door", sink="matroska") == 1
    (build,) = (dict(labels) for name, labels in samples if name == "nanoyolo_build_info")
    assert (build["backend"], build["precision"]) == ("tensorrt 8.2 NVIDIA Tegra X1 FP16", "fp16")
    assert value("nanoyolo_camera_up", camera="door") == 1
    assert value("nanoyolo_camera_up", camera="yard") == 0


def test_histograms_are_cumulative(found):
    _, samples = found
    rows = {}
    for (name, labels), value in samples.items():
        if name == "nanoyolo_latency_seconds_bucket" and ("camera", "door") in labels:
            rows[dict(labels)["le"]] = value
    assert list(rows) == [f"{bound:g}" for bound in BUCKETS] + ["+Inf"]
    assert list(rows.values()) == sorted(rows.values())
    assert (rows["0.05"], rows["0.25"], rows["+Inf"]) == (0, 3, 3)  # a tenth of a second each; three have warmed up
    door = frozenset([("camera", "door")])
    assert samples["nanoyolo_latency_seconds_count", door] == 3
    assert samples["nanoyolo_latency_seconds_sum", door] == pytest.approx(0.3)


def test_labels_are_escaped():
    page = Exposition()
    page.family("a_total", "counter", "Of it.", [({"label": 'a"b\\c\nd'}, 2), ({}, 0.25)])
    assert (
        page.text()
        == '# HELP a_total Of it.\n# TYPE a_total counter\na_total{label="a\\"b\\\\c\\nd"} 2\na_total 0.25\n'
    )


def test_a_family_without_samples_is_left_out():
    page = Exposition()
    page.family("a_total", "counter", "Of it.", [])
    page.histograms("b_seconds", "Of it.", [])
    assert page.text() == ""


def test_the_machine():
    class Board:
        def temperature(self):
            return 48.5

        def power(self):
            return 7.25

    text = metrics(Cameras("door").state, Board())
    assert 'nanoyolo_temperature_celsius{zone="hottest"} 48.5\n' in text
    assert 'nanoyolo_power_watts{rail="input"} 7.25\n' in text


class Told:
    """What a run with a store says of its events."""

    store = None

    def begun(self):
        return {("door", "person"): 3, ("door", "dog"): 1}

    def figures(self):
        events = {"count": 4, "held_back": 2, "lost_changes": 0, "lost_pictures": 5}
        messages = {"mqtt": {"sent": 7, "retried": 1, "given_up": 0, "waiting": 2, "connected": 1}}
        return {"events": events, "messages": messages, "clips": {"files": 3, "left_out": 0, "bytes": 1000}}


def test_events_and_what_was_told_of_them():
    text = metrics(Cameras("door", events=Told()).state, QuietBoard())
    for line in (
        'nanoyolo_events_total{camera="door",label="person"} 3',
        "nanoyolo_events_held_back_total 2",
        "nanoyolo_events_lost_changes_total 0",
        "nanoyolo_events_lost_pictures_total 5",
        'nanoyolo_messages_sent_total{destination="mqtt"} 7',
        'nanoyolo_message_retries_total{destination="mqtt"} 1',
        'nanoyolo_messages_given_up_total{destination="mqtt"} 0',
        'nanoyolo_messages_waiting{destination="mqtt"} 2',
        "nanoyolo_mqtt_connected 1",
        'nanoyolo_recording_files_total{kind="clips"} 3',
        'nanoyolo_recording_bytes{kind="clips"} 1000',
    ):
        assert line + "\n" in text
    assert "nanoyolo_events" not in metrics(Cameras("door").state, QuietBoard())
