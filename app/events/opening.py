"""Opens what a run does with events: the store and the thread that writes to it, who is told, each camera's sinks."""

import argparse
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Sequence

from app.errors import OutputError, warn
from app.events.recorder import Recorder
from app.events.rules import rules_of
from app.events.sink import IncidentSink
from app.events.store import Store
from app.events.wall import Wall
from app.sinks import Sink

if TYPE_CHECKING:
    from app.clips.clips import ClipSink
    from app.notify.notifier import Notifier
    from app.tracking.watch import Watch

OUTCOMES = ("sent", "retried", "given_up", "connected", "connects")  # of messages; the last two of MQTT only


class Events:
    """A context manager: from now on what happens is kept, and told. All cameras of a run share it.

    store: where it is kept.
    """

    def __init__(self, run: argparse.Namespace, cameras: Sequence[argparse.Namespace]) -> None:
        """run: the options of the whole run, of which `store` is a folder. Raises OutputError and UsageError."""
        self._wall = Wall()
        self._sinks: List[IncidentSink] = []
        self._clips: "List[ClipSink]" = []
        self._notifier: "Optional[Notifier]" = None
        self._destinations: List[str] = []
        self._waiting: Dict[str, int] = {}  # messages, by destination, when they were last counted
        with ExitStack() as opened:
            self.store = Store(run.store)
            opened.callback(self.store.close)
            opened.callback(self._count_waiting)
            if run.mqtt or run.webhook or run.on_event:
                from app.notify import open_notify
                from app.notify.arguments import destinations

                self._destinations = destinations(run)
                self._notifier = opened.enter_context(open_notify(run, self.store))
            for name in sorted(set(self._count_waiting()) - set(self._destinations)):
                left = self._waiting[name]
                warn(f"{name}: no option asks for it; what an earlier run has left for it stays in the store: {left}")
            days = [camera.keep_days for camera in cameras]
            self._recorder = Recorder(
                self.store,
                self._destinations,
                keep_days=None if None in days else max(days, default=None),
                keep_rows=run.keep_events,
            )
            opened.callback(self._recorder.close)  # the first to be closed, so that the others have all of it
            self._opened = opened.pop_all()

    def sinks(self, options: argparse.Namespace, watch: "Optional[Watch]") -> List[Sink]:
        """The sinks of a camera, in this order. watch: what is tracked of it. Raises OutputError."""
        incidents = IncidentSink(options.name, rules_of(options), self._recorder, self._wall)
        found: List[Sink] = [incidents]
        if options.clips:
            from app.clips import open_clips

            clips = open_clips(options, self.store.folder, options.name, self._announce, self._removed)
            incidents.listeners.append(clips.listen)
            self._clips.append(clips)
            found.append(clips)
        if self._notifier is not None:
            state = self._notifier.sink(options.name, watch, options.classes or ())
            if state is not None:
                incidents.listeners.append(self._notifier.changed)
                found.append(state)
        self._sinks.append(incidents)
        return found

    def figures(self) -> Dict[str, Any]:
        """The report's `events`, `clips` and `messages`; docs/events.md lists them."""
        recorder = self._recorder
        fields: Dict[str, Any] = {
            "events": {
                "count": sum(recorder.begun.values()),
                "held_back": sum(sink.keeper.held_back for sink in self._sinks),
                "lost_changes": recorder.lost,
                "lost_pictures": recorder.pictures_lost,
            }
        }
        if self._clips:
            from app.clips.figures import together

            fields["clips"] = together(self._clips)
        if self._notifier is not None:
            counts = self._notifier.figures()
            too_many, waiting = self.store.news.given_up, self._count_waiting()
            fields["messages"] = {
                name: {key: counts[f"{name}_{key}"] for key in OUTCOMES if f"{name}_{key}" in counts}
                for name in self._destinations
            }
            for name, found in fields["messages"].items():
                found["given_up"] += too_many.get(name, 0)
                found["waiting"] = waiting.get(name, 0)
        return fields

    def begun(self) -> "Counter[Any]":
        """How many events began in this run, by camera and label."""
        return Counter(dict(self._recorder.begun))

    def close(self) -> None:
        """Write and send what waits, within seconds, once the sinks are closed. Closing twice is allowed."""
        self._opened.close()

    def _count_waiting(self) -> Dict[str, int]:
        """How many messages wait for each destination; once the store is closed, how many did then."""
        try:
            self._waiting = self.store.waiting()
        except OutputError:
            pass  # whoever writes to it says so
        return self._waiting

    def _announce(self, identity: str, clip: str) -> None:
        """An event has a clip. Called in the thread that films it, which goes on whatever the store does."""
        try:
            self.store.update(identity, clip=clip)
        except OutputError as error:
            warn(f"{clip}: is not noted with its event: {error}")

    def _removed(self, clip: str) -> None:
        """A clip was deleted to make room. Called in such a thread as well."""
        try:
            self.store.clip_removed(clip)
        except OutputError as error:
            warn(f"{clip}: was deleted, which is not noted with its events: {error}")

    def __enter__(self) -> "Events":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
