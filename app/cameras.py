"""The cameras of `app.detect`: from the settings to the channels of the loop, also when the settings are read again."""

import argparse
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Sequence, Tuple

from app.backends import open_backend
from app.config import Settings
from app.config.file import RUN_KEYS
from app.errors import NanoyoloError, say, warn
from app.events.arguments import STORE
from app.frame import Source
from app.loop.channel import Channel
from app.loop.opening import Camera, Change, check_model, choose, make_channel, open_camera
from app.loop.workers import choose_workers
from app.modelcard import card_path, read_card
from app.pipeline import Pipeline
from app.sinks.opening import Outputs, frames_of, protect_inputs
from app.stop import Stop

if TYPE_CHECKING:
    from app.clips.figures import Recorder
    from app.events.opening import Events
    from app.web.server import LiveView


class Cameras:
    """A context manager: the cameras of a run, over one model.

    pipeline: what runs them. It can report once `run` has ended, also with an exception.
    """

    def __init__(self, settings: Settings, model: str, stop: Stop) -> None:
        """model: the path of an ONNX file. Raises UsageError, SourceError, ModelError and OutputError."""
        run = settings.run
        self._settings = settings
        self._models = [model, card_path(model)]
        self._card = read_card(model)
        self._named = False
        self._events: "Optional[Events]" = None
        self._recorders: "List[Recorder]" = []
        check_model(settings.cameras, self._card)
        with ExitStack() as opened:
            sources = [opened.enter_context(open_camera(options)) for options in settings.cameras]
            cameras = list(zip(settings.cameras, sources))
            protect_inputs(run, cameras, self._models)
            live = [source.live for source in sources]
            choice = choose_workers(None if run.workers == "auto" else run.workers, live)
            self._backend = opened.enter_context(
                open_backend(model, run.backend, run.device, run.precision, choice.first)
            )
            self._open = {
                options.name: Camera(options, source, make_channel(options, source, self._backend, self._card))
                for options, source in cameras
            }
            self._name(len(cameras) > 1)
            self.pipeline = Pipeline([camera.channel for camera in self._open.values()], stop=stop, choice=choice)
            if run.store is not None:
                from app.events.opening import Events

                self._events = opened.enter_context(Events(run, settings.cameras))
            counts = [frames_of(camera) for camera in cameras]
            announcement = f"{self._card.name} on {self._backend.description}"
            self._outputs = opened.enter_context(
                Outputs(
                    run.show,
                    self.pipeline.timing,
                    stop.request,
                    announcement=announcement if any(live) else "",  # a source that ends soon has its summary
                    frames=None if None in counts else sum(count or 0 for count in counts),
                    tiles=len(cameras) > 1 or run.config is not None,  # in which there may be more cameras some day
                    outages=self._outages,
                    live=None if run.serve is None else self._serve,
                    events=self._events,
                    store=run.store or STORE,
                    recorders=self._recorders,
                )
            )
            for camera in self._open.values():
                channel = camera.channel
                channel.sinks = self._outputs.open((camera.options, camera.source), watch=channel.watch)
            self._closing = opened.pop_all()

    def _serve(self) -> "LiveView":
        from app.web.opening import open_live_view
        from app.web.state import Run

        def channels() -> Dict[str, Channel]:
            return {name: camera.channel for name, camera in list(self._open.items())}

        return open_live_view(self._settings.run, Run(channels, self.report, self._events, self._figures))

    def run(self) -> None:
        """Run until the sources end, or a stop is requested. Closes the outputs."""
        with self._outputs:
            self.pipeline.run(self.reload)

    def report(self) -> Dict[str, Any]:
        """The report of the run, ready for JSON; docs/output.md lists its fields."""
        return {**self.pipeline.report(), **self._figures()}

    def _figures(self) -> Dict[str, Any]:
        """The report's part about events, messages and recordings."""
        fields = {} if self._events is None else self._events.figures()
        if self._recorders:
            from app.clips.figures import together

            fields["recordings"] = together(self._recorders)
        return fields

    def reload(self) -> None:
        """Read the settings again, and open, close and change the cameras that are not as they say.

        The other cameras go on and lose no frame. Where something is wrong, nothing changes. Files that have been
        written are kept: lines are added, and recordings get other names.
        """
        try:
            settings = self._settings.reread()
            opened, changes = self._open_changed(settings)
        except NanoyoloError as error:
            warn(f"{error}; the settings stay as they were")
            return
        before, wanted = list(self._open), {options.name: options for options in settings.cameras}
        self._name(len({*before, *wanted}) > 1)  # also those that go: they are in the report
        going = [name for name in before if name not in wanted or name in opened]
        for name in going:  # side by side, as some may hang
            self._open[name].source.end()
        for name in going:
            watch = self._open[name].channel.watch
            self._remove(name)
            if name in opened:
                opened[name].channel.continue_from(watch)
        self._open.update(opened)
        self._name(False)
        for camera in opened.values():
            self.pipeline.add(camera.channel)
        chosen = [name for name in wanted if self._open[name].options != wanted[name]]
        for name in chosen:
            if name in changes:
                changes[name].make(self._open[name].channel)
            choose(self._open[name].channel, wanted[name])
            self._open[name] = self._open[name]._replace(options=wanted[name])
        self._outputs.release(settings.cameras)
        _tell("opened", [name for name in opened if name not in before])
        _tell("opened again", [name for name in opened if name in before])
        _tell("changed what is reported", [name for name in chosen if name not in changes])
        _tell("changed lines and zones", [name for name, change in changes.items() if change.watch is not None])
        _tell("changed masks", [name for name, change in changes.items() if change.masks is not None])
        _tell("closed", [name for name in before if name not in wanted])
        old, new = vars(self._settings.run), vars(settings.run)
        fixed = [key for key in RUN_KEYS if old[key] != new[key]]
        if fixed:
            warn(f"{', '.join(fixed)}: changed in the settings, and takes effect when the program is started again")
        self._settings = settings

    def _open_changed(self, settings: Settings) -> Tuple[Dict[str, Camera], Dict[str, Change]]:
        """Open what is new, and what has to be opened again. Also what changes of others.

        Raises NanoyoloError.
        """
        check_model(settings.cameras, self._card)
        shape = next(iter(self._open.values())).channel.detector.input_shape
        with ExitStack() as opened, ExitStack() as sinks:
            cameras: List[Tuple[argparse.Namespace, Source]] = []
            changed: Dict[str, Camera] = {}
            changes: Dict[str, Change] = {}
            for options in settings.cameras:
                camera = self._open.get(options.name)
                if camera is None or camera.must_reopen(options):
                    # It may be a device that is busy until the present camera is closed.
                    source = opened.enter_context(open_camera(options, wait=True))
                    channel = make_channel(options, source, self._backend, self._card, shape)
                    changed[options.name] = camera = Camera(options, source, channel)
                else:
                    change = camera.change_for(options)
                    if change != Change(None, None):
                        changes[options.name] = change
                cameras.append((options, camera.source))
            protect_inputs(settings.run, cameras, self._models)
            for options, source, channel in changed.values():
                channel.sinks = self._outputs.open((options, source), keep=True, watch=channel.watch)
                for sink in channel.sinks:
                    sinks.enter_context(sink)
            sinks.pop_all()  # the loop closes them
            self._closing.push(opened.pop_all())
        return changed, changes

    def _remove(self, name: str) -> None:
        camera = self._open.pop(name)
        self.pipeline.remove(camera.channel)
        camera.source.close()

    def _name(self, several: bool) -> None:
        """Have frames carry the names of their cameras, from when there are several cameras on."""
        self._named = self._named or several
        for name, camera in self._open.items():
            camera.channel.name = name if self._named else ""

    def _outages(self) -> Dict[str, str]:
        """Of several cameras, why there is no image, by name."""
        found = {}
        for name, camera in list(self._open.items()) if self._named else []:
            outage = camera.channel.outage
            if outage is not None:
                found[name] = outage
        return found

    def __enter__(self) -> "Cameras":
        return self

    def __exit__(self, *exception: object) -> None:
        self._closing.close()


def _tell(what: str, names: Sequence[str]) -> None:
    if names:
        say(f"settings read again: {what}: {', '.join(names)}")
