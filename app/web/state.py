"""What `/api/state`, `/api/events`, `/api/report` and `/healthz` say, ready for JSON; docs/live.md lists the fields."""

import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Callable, Dict, NamedTuple, Optional, Tuple

from app import __version__
from app.loop.channel import Channel
from app.web.hub import Hub
from app.web.mosaic import Overview

if TYPE_CHECKING:
    from app.events.opening import Events
    from app.web.stored import StoredEvents

VERSION = 1  # of these answers: a field may be added, none is removed or changes its meaning without a new number


class Run(NamedTuple):
    """What the server knows of the run. channels: of the cameras, by name. report: see `Cameras.report`. events: what
    keeps them, None where nothing does. figures: the report's part about events, messages and recordings.
    """

    channels: Callable[[], Dict[str, Channel]]
    report: Callable[[], Dict[str, Any]]
    events: "Optional[Events]" = None
    figures: Callable[[], Dict[str, Any]] = dict


class State:
    """Reads the run when it is asked. Nothing here has a password in it, and nothing here changes anything."""

    def __init__(self, hub: Hub, overview: Overview, run: Run, viewers: Callable[[], Dict[str, int]]) -> None:
        """viewers: how many there are, by kind. stored: the events of the run's store, None where it has none."""
        self.hub = hub
        self.run = run
        self.viewers = viewers
        self._overview = overview
        self._began = hub.now()
        self.stored: "Optional[StoredEvents]" = None
        if run.events is not None:
            from app.web.stored import StoredEvents  # here, since most runs have no store

            self.stored = StoredEvents(run.events.store)

    def state(self) -> Dict[str, Any]:
        """Cameras, rates, and what is seen."""
        channels = self.run.channels()
        fields: Dict[str, Any] = {"version": VERSION, "time": round(time.time(), 3), "program": __version__}
        for channel in list(channels.values())[:1]:  # all have one model
            backend = channel.detector.backend
            fields.update(model=channel.detector.card.name, backend=backend.description, workers=backend.workers)
        fields.update(
            uptime_s=round(self.hub.now() - self._began, 1),
            viewers=self.viewers(),
            jpegs=self.hub.encoded,
            last_event=(self.stored or self.hub.events).last,
            mosaic=self._overview.places(),
            cameras={name: self._camera(name, channel) for name, channel in channels.items()},
        )
        return fields

    def events(self, since: int) -> Dict[str, Any]:
        """The events after one, oldest first."""
        last, found = (self.stored or self.hub.events).since(since)
        return {"version": VERSION, "last": last, "events": found}

    def report(self) -> Dict[str, Any]:
        """The report of the run so far."""
        return dict(self.run.report())

    def health(self) -> Tuple[bool, Dict[str, Any]]:
        """Whether every camera delivers, and what each does. One that has had all frames it was to have is well."""
        conditions = {name: condition(channel)[0] for name, channel in self.run.channels().items()}
        healthy = bool(conditions) and all(found in ("live", "ended") for found in conditions.values())
        return healthy, {"healthy": healthy, "cameras": conditions}

    def _camera(self, name: str, channel: Channel) -> Dict[str, Any]:
        timing, view = channel.timing, self.hub.views.get(name)
        picture = view.picture if view else None
        found, reason = condition(channel)
        silent = timing.silent
        fields: Dict[str, Any] = {
            "condition": found,
            "reason": reason,
            "live": timing.live,
            "frame": picture.number if picture else 0,
            "age_ms": round(1000 * (self.hub.now() - picture.captured_at)) if picture else None,
            "size": [picture.image.shape[1], picture.image.shape[0]] if picture else None,
            "fps": {
                "real": 0.0 if silent else _rounded(timing.current_fps),
                "configured": timing.configured_fps,
                "capture": 0.0 if silent else _rounded(timing.current_capture_fps),
            },
            "latency_ms": {f"p{percent}": _ms(timing.current_latency(percent)) for percent in (50, 95)},
            "frames": timing.frames,
            "dropped": timing.dropped,
            "sink_dropped": timing.sink_dropped,
            "undecoded": channel.source.undecoded,
            "reconnects": channel.source.reconnects,
            "seen": dict(Counter(view.detections.names).most_common()) if view else {},
        }
        if channel.watch is not None:
            fields.update(channel.watch.report())
        return fields


def condition(channel: Channel) -> Tuple[str, Optional[str]]:
    """How a camera is: `live`, `starting`, `silent` (frames stay out), `outage`, `failed` or `ended`; and why."""
    outage = channel.outage
    if channel.failure is not None or outage is not None:
        return ("outage" if channel.failure is None else "failed"), outage
    if channel.ended:
        return "ended", None
    if not channel.timing.frames:
        return "starting", None
    return ("silent" if channel.timing.silent else "live"), None


def _rounded(value: Optional[float]) -> Optional[float]:
    return None if value is None else round(value, 2)


def _ms(seconds: Optional[float]) -> Optional[float]:
    return None if seconds is None else round(1000 * seconds, 1)
