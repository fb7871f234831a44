"""What is published of one camera: its state, how many things are seen, and pictures of them."""

import json
import threading
import time
from collections import Counter, OrderedDict
from typing import TYPE_CHECKING, Any, Callable, Dict, Optional, Sequence, Set, Tuple

import numpy as np

from app.detections import Detections
from app.events.incident import Change
from app.frame import Frame
from app.notify import discovery
from app.notify.counts import Count, Rate
from app.notify.discovery import Contents, Device
from app.notify.retained import Retained
from app.notify.topics import OF_A_CAMERA, ONLY_CAMERA, CameraTopics, level
from app.sinks import Sink
from app.sinks.picture import Picture

if TYPE_CHECKING:
    from app.tracking.watch import Watch

SNAPSHOT_PERIOD = 2.0  # seconds between two pictures of a label
# Seconds between two descriptions for Home Assistant: of two at once, 2025.4 left out some entities of the second one.
DESCRIBE_PERIOD = 5.0
MOST_PICTURES = 4  # that wait to be encoded: images, which are large


class CameraState(Sink):
    """The sink of one camera: it leaves in `retained` what the broker should have.

    topics: its topics. replaced: whether another one for this camera has taken its place, before this one was closed.
    """

    name = "the broker"

    def __init__(
        self,
        name: str,
        retained: Retained,
        root: str,
        *,
        watch: "Optional[Watch]" = None,
        labels: Sequence[str] = (),
        model: str = "",
        page: str = "",
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """root: the machine's topic. watch: what is tracked of the camera, None for nothing. model, page: see `Device`.

        labels: those that are counted from the start; others are once they have been seen, in this run or an earlier.
        """
        self.topics = CameraTopics(root, name)
        identifier = "nanoyolo_" + level(root.rpartition("/")[2]) + "_" + self.topics.level
        self._device = Device(identifier, name or ONLY_CAMERA, model, page)
        self._host_status = root + "/status"
        self.replaced = False
        self._retained = retained
        self._watch = watch
        self._now = now
        self._labels = list(dict.fromkeys(labels))
        self._model_labels: Optional[Sequence[str]] = None  # with the first frame
        self._earlier: Set[str] = set()  # levels of labels that an earlier run has counted
        self._values: Dict[Tuple[str, str, str], int] = {}
        self._counts: Dict[str, Count] = {}
        self._wanted: Set[str] = set()  # labels of which a picture is wanted
        self._pictured_at: Dict[str, float] = {}
        self._pictures: "OrderedDict[str, Picture]" = OrderedDict()
        self._described: Optional[Tuple[object, ...]] = None  # what the last description depends on
        self._rate = Rate(self._now())
        self._lock = threading.Lock()
        self._described_at = -DESCRIBE_PERIOD
        self._say("offline")

    def write(self, frame: Frame, canvas: np.ndarray, detections: Detections) -> None:
        now = self._now()
        if self._model_labels is None:
            self._model_labels = detections.labels
            self.topics.know(detections.labels)
        self._say("online")
        self._recall()
        tracked = self._watch is not None
        found = Counter(
            name for name, track in zip(detections.names, detections.tracks.tolist()) if track > 0 or not tracked
        )
        self._labels += [label for label in found if label not in self._labels]
        self._count(found, self._inside(), now)
        self._describe(now)
        self._keep_picture(frame, canvas, now)
        rates = self._rate.see(frame.captured_at, now)
        if rates:
            self._retained.set(self.topics.diagnostics, json.dumps(rates, sort_keys=True).encode())

    def idle(self, canvas: np.ndarray, outage: str) -> None:
        self._say("offline")
        if self._model_labels is not None:
            self._count(Counter(), {}, self._now())

    def close(self) -> None:
        """Leave nothing behind that looks as if it were true. What has crossed a line has."""
        if not self.replaced:
            self._say("offline")
            for key, count in list(self._values.items()):
                if count and key[0] != "line":
                    self._set(*key, 0)

    def changed(self, change: Change, frame: Frame) -> None:
        """Take note of a change of an event, in the camera's thread: its label has a new picture, that of this frame
        or, where this frame has been written, the next.
        """
        if change.type != "end":
            self._wanted.add(change.incident.label)

    def earlier(self, topic: str) -> None:
        """The broker keeps a value from an earlier run below this camera. Is it of what still exists, it is 0 until it
        is known, else it is removed. Called in another thread than the camera's.
        """
        if self._retained.has(topic):
            return
        levels = topic[len(self.topics.base) + 1 :].split("/")
        if levels[0] in OF_A_CAMERA and len(levels) == 1:
            return
        zones = {level(zone) for zone in self._report().get("zones", ())}
        if len(levels) == 1 or (levels[0] == "zones" and levels[1] in zones):
            with self._lock:
                self._earlier.add(levels[-1])
            self._retained.set(topic, b"0")
        else:
            self._retained.set(topic, b"")

    def pictures(self) -> "OrderedDict[str, Picture]":
        """Those that have come since the last call, by topic: the newest of each label."""
        with self._lock:
            taken, self._pictures = self._pictures, OrderedDict()
        return taken

    def _say(self, status: str) -> None:
        self._retained.set(self.topics.status, status.encode())

    def _report(self) -> Dict[str, Any]:
        return {} if self._watch is None else self._watch.report()

    def _recall(self) -> None:
        """Count also the labels of an earlier run, if the model has them."""
        if not self._earlier:
            return
        with self._lock:
            earlier, self._earlier = self._earlier, set()
        labels = {self.topics.label_level(label): label for label in self._model_labels or ()}
        for name in earlier:
            if name in labels:
                self._labels += [labels[name]] if labels[name] not in self._labels else []
            else:
                self._retained.set(f"{self.topics.base}/{name}", b"")

    def _inside(self) -> Dict[str, "Counter[str]"]:
        """How many of each label are in each zone."""
        scene = None if self._watch is None else self._watch.scene
        inside = {} if scene is None else scene.inside()
        return {zone: Counter(thing.label for thing in things) for zone, things in inside.items()}

    def _count(self, seen: "Counter[str]", inside: Dict[str, "Counter[str]"], now: float) -> None:
        for label in self._labels:
            self._set("label", label, "", self._counts.setdefault(label, Count()).see(seen[label], now))
        if self._watch is None:
            return
        report = self._report()
        for zone in report["zones"]:
            for label in self._labels:
                self._set("zone", zone, label, inside[zone][label] if zone in inside else 0)  # see Scene.inside
        for line, directions in report["lines"].items():
            for direction, totals in directions.items():
                self._set("line", line, direction, sum(totals.values()))

    def _set(self, kind: str, one: str, other: str, count: int) -> None:
        if self._values.get((kind, one, other)) != count:
            self._values[kind, one, other] = count
            topics = self.topics
            topic = topics.label(one) if kind == "label" else getattr(topics, kind)(one, other)
            self._retained.set(topic, b"%d" % count)

    def _describe(self, now: float) -> None:
        """Tell Home Assistant, where there is something new."""
        known = (len(self._labels), None if self._watch is None else self._watch.scene)
        if known == self._described or now - self._described_at < DESCRIBE_PERIOD:
            return
        self._described, self._described_at = known, now
        report = self._report()
        lines = tuple((line, tuple(directions)) for line, directions in report.get("lines", {}).items())
        contents = Contents(tuple(self._labels), tuple(report.get("zones", ())), lines)
        message = discovery.message(self._device, self._host_status, self.topics, contents)
        self._retained.set(discovery.topic(self._device), message)

    def _keep_picture(self, frame: Frame, canvas: np.ndarray, now: float) -> None:
        wanted, self._wanted = self._wanted, set()
        for label in wanted:
            if now - self._pictured_at.get(label, -SNAPSHOT_PERIOD) >= SNAPSHOT_PERIOD:
                self._pictured_at[label] = now
                if frame.picture is None:
                    frame.picture = Picture(canvas, captured_at=frame.captured_at)
                with self._lock:
                    self._pictures[self.topics.snapshot(label)] = frame.picture
                    if len(self._pictures) > MOST_PICTURES:  # nobody takes them while the broker is away
                        self._pictures.popitem(last=False)
