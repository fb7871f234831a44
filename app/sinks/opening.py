"""Opens the outputs that the settings ask for: those of each camera, and those that all cameras have together."""

import argparse
import importlib.util
import os
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Callable, Dict, List, Optional, Sequence, Tuple

from app.errors import UsageError
from app.events.arguments import STORE
from app.files import check_writable, identity, reject_overwrites
from app.frame import Source
from app.lock import check_unlocked
from app.sinks import Sink
from app.sinks.console import Announcement, ProgressSink
from app.sinks.grid import Grid
from app.sinks.jsonl import JsonLinesSink
from app.sinks.recording import open_recording
from app.sinks.shared import Shared
from app.sinks.supervisor import SupervisorSink, is_supervised
from app.sinks.window import WindowSink, display_available
from app.timing.total import Total

if TYPE_CHECKING:  # imported only where there is one
    from app.clips.figures import Recorder
    from app.events.opening import Events
    from app.tracking.watch import Watch
    from app.web.server import LiveView

Camera = Tuple[argparse.Namespace, Source]  # its options, and what they open
Lines = Tuple[str, str]  # the option, jsonl or events, and the path of its file


def frames_of(camera: Camera) -> Optional[int]:
    """How many frames will come from a camera or file; None if that is unknown."""
    options, source = camera
    counts = [count for count in (options.max_frames, source.count) if count is not None]
    return min(counts, default=None)


class Outputs:
    """A context manager that opens the sinks of cameras, and owns those that the cameras share.

    These are one line at the start, the supervisor's messages, files of JSON lines, a progress bar, a window with a
    tile for each camera, the live view, and what keeps and tells events.
    """

    def __init__(
        self,
        show: Optional[bool],
        timing: Total,
        stop: Callable[[], None],
        *,
        announcement: str = "",
        frames: Optional[int] = None,
        tiles: bool = False,
        outages: Callable[[], Dict[str, str]] = dict,
        live: "Optional[Callable[[], LiveView]]" = None,
        events: "Optional[Events]" = None,
        store: str = STORE,
        recorders: "Optional[List[Recorder]]" = None,
    ) -> None:
        """show: whether to show a window; None if there is a display. timing: of all cameras. stop: ends the run.

        announcement: the line, if there is one. frames: how many will come in all, if that is known. tiles: whether the
        window is for several cameras. outages: see `SupervisorSink`. live: opens the live view, if there is one.
        events: what keeps and tells them, which is closed with this. store: the folder of what is recorded all the
        time, if nothing else is said; recorders: a list that gets what records. Raises OutputError for a window without
        a display, and what `live` raises.
        """
        self._keep = is_supervised()  # and so restarted when it ends, which must not overwrite what was written before
        self._stop = stop
        self._all: List[Shared] = []
        self._lines: Dict[Lines, Shared] = {}
        self._store = store
        self._recorders: "List[Recorder]" = [] if recorders is None else recorders
        self._grid: Optional[Grid] = None
        self._live: "Optional[LiveView]" = None
        self._events = events
        self._show = show or (show is None and display_available())
        if announcement:
            self._all.append(Shared(Announcement(announcement)))
        if self._keep:
            self._all.append(Shared(SupervisorSink(timing, outages)))
        if self._show and tiles:
            self._grid = Grid("nanoyolo", stop)
        elif not self._show and frames is not None and sys.stderr.isatty() and importlib.util.find_spec("tqdm"):
            self._all.append(Shared(ProgressSink(frames)))
        if live is not None:  # the last, since it has a thread
            try:
                self._live = live()
            except BaseException:
                self.close()
                raise

    def open(self, camera: Camera, *, keep: bool = False, watch: "Optional[Watch]" = None) -> List[Sink]:
        """The sinks of one camera. Nothing is written yet.

        keep: as where the program is supervised, add to files of JSON lines, and record under names that are free.
        watch: what is tracked of the camera. Raises UsageError where a recording does not fit its source, OutputError
        where an output cannot be written.
        """
        options, source = camera
        keep = keep or self._keep
        with ExitStack() as opened:
            sinks = [opened.enter_context(shared.part()) for shared in self._all]
            for kind, path in _lines_of(options):
                if (kind, path) not in self._lines:
                    self._lines[kind, path] = Shared(_lines_sink(kind, path, keep))
                sinks.append(opened.enter_context(self._lines[kind, path].part()))
            if options.save is not None:
                recording = open_recording(options.save, source, fps=options.fps, frames=frames_of(camera), keep=keep)
                sinks.append(opened.enter_context(recording))
            if self._live is not None:
                sinks.append(opened.enter_context(self._live.sink(options.name)))
            if self._events is not None:  # after the live view, with which it shares pictures
                sinks += [opened.enter_context(sink) for sink in self._events.sinks(options, watch)]
            if options.record is not None or options.time_lapse is not None:
                sinks += [opened.enter_context(sink) for sink in self._open_recorders(options)]
            if self._grid is not None:
                sinks.append(opened.enter_context(self._grid.tile(options.name)))
            elif self._show:
                sinks.append(opened.enter_context(WindowSink("nanoyolo: " + source.name, self._stop)))
            opened.pop_all()  # all is well: they stay open
        return sinks

    def _open_recorders(self, options: argparse.Namespace) -> List[Sink]:
        from app.clips import open_recorders
        from app.sinks.pictures import PictureSink

        opened = open_recorders(options, self._store, options.name)
        self._recorders += opened
        return [PictureSink(), *opened]

    def release(self, used: Sequence[argparse.Namespace]) -> None:
        """Close the files of JSON lines but for those that cameras with these options still use."""
        for lines in set(self._lines) - {lines for options in used for lines in _lines_of(options)}:
            self._lines.pop(lines).close()

    def close(self) -> None:
        """Close what the cameras share, once each of them has closed it. Closing twice is allowed.

        Raises OutputError.
        """
        shared, self._all, self._lines = [*self._all, *self._lines.values()], [], {}
        with ExitStack() as closing:
            for one in shared:
                closing.enter_context(one)
            if self._grid is not None:
                closing.enter_context(self._grid)
            if self._live is not None:
                closing.enter_context(self._live)
            if self._events is not None:
                closing.enter_context(self._events)

    def __enter__(self) -> "Outputs":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def check_outputs(run: argparse.Namespace, cameras: Sequence[argparse.Namespace]) -> None:
    """Raise OutputError if one cannot be written, so that this is known before a model is loaded."""
    lines = dict.fromkeys(path for camera in cameras for _, path in _lines_of(camera))
    for path in (run.report, *lines):
        if path not in (None, "-"):
            check_writable(path)
    for camera in cameras:
        if camera.save is not None and not is_supervised():  # supervised, it takes a name that is free
            check_unlocked(camera.save)


def protect_inputs(run: argparse.Namespace, cameras: Sequence[Camera], models: Sequence[str]) -> None:
    """Raise UsageError if an output would overwrite an input, or another output. models: files of the model."""
    inputs = [path for _, source in cameras for path in source.files] + list(models)
    for options, source in cameras:
        if options.save and os.path.isdir(options.save):
            replaced = {identity(os.path.join(options.save, name)) for name in source.names}
            if replaced & set(map(identity, inputs)):
                raise UsageError(f"--save {options.save}: would overwrite the input images; name another folder")
    recordings = [("--save", options.save) for options, _ in cameras]
    lines = dict.fromkeys((f"--{kind}", path) for options, _ in cameras for kind, path in _lines_of(options))
    totals = [("--totals", options.totals) for options, _ in cameras]
    reject_overwrites([*recordings, *lines, *totals, ("--report", run.report)], inputs)


def _lines_of(options: argparse.Namespace) -> List[Lines]:
    """The files of JSON lines that a camera's options name."""
    return [(kind, getattr(options, kind)) for kind in ("jsonl", "events") if getattr(options, kind) is not None]


def _lines_sink(kind: str, path: str, append: bool) -> JsonLinesSink:
    if kind == "jsonl":
        return JsonLinesSink(path, append=append)
    from app.sinks.events import EventsSink

    return EventsSink(path, append=append)
