"""The loop. A frame goes from its source through a worker to the sinks, and never back.

    channel = Channel(source, detector, fps=15, sinks=[JsonLinesSink("found.jsonl")])
    pipeline = Pipeline([channel])
    pipeline.run()
    print(pipeline.report())

`loop/workers.py` says which thread does what, `loop/scheduler.py` which camera's frame is next, `loop/steps.py` what is
done with it, and `loop/output.py` when and where, after inference.
"""

from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

import cv2

from app import __version__
from app.errors import ModelError, UsageError, warn
from app.frame import Frame, nothing
from app.loop import steps, work
from app.loop.channel import Channel
from app.loop.report import report
from app.loop.scheduler import Job, Scheduler
from app.loop.workers import Choice, Growth, Workers
from app.stop import Stop
from app.threads import CLOSE_LIMIT, WAIT, share_heaps
from app.timing.total import Total

FIRST_WAIT = 2.0  # seconds that cameras have for their first image, before those that have one go ahead
SLACK = 2  # frames of a camera that may be under way beyond one per worker


class Pipeline:
    """One run of the loop, over one source or several. Command, sweep, benchmark and soak tests are all wired here.

    timing: the rates of all channels together.
    """

    def __init__(
        self, channels: Sequence[Channel], *, stop: Optional[Stop] = None, choice: Optional[Choice] = None
    ) -> None:
        """The channels' detectors share one backend, which says how many workers there are.

        stop: ends the run when it is requested. choice: what was chosen when the backend was opened, and may change.
        """
        self.channels = list(channels)
        self.backend = self.channels[0].detector.backend
        self._timings = [channel.timing for channel in self.channels]
        self.timing = Total(self._timings)
        self._stop = stop or Stop()
        self._scheduler = Scheduler(lambda: self._stop.requested)
        self._workers = Workers(self._work)
        self._running: List[Channel] = []
        self._growth = Growth(self._running, self.backend, choice)
        self._warm = False
        self._shows_beside = False

    def run(self, on_hangup: Callable[[], None] = nothing) -> None:
        """Process frames until the sources end, or a stop is requested. Closes the sinks.

        on_hangup: called after a SIGHUP, once the outputs have been reopened; it may `add` and `remove` channels.
        Of several cameras one that breaks is left out with a warning, and its error raised at the end.
        """
        with ExitStack() as outputs, self._working(outputs):
            for channel in self.channels:
                self._open(channel)
            self._workers.add(1)
            while not self._workers.wait(WAIT) and not self._stop.requested:
                self._watch(on_hangup)
        broken = [channel.failure for channel in self._running if channel.failure is not None]
        if broken:
            raise broken[0]

    @contextmanager
    def _working(self, outputs: ExitStack) -> Iterator[None]:
        """Ends the workers, lets all sources and outputs begin to close, side by side, and raises what a worker raised.

        outputs: closes the outputs afterwards.
        """
        try:
            yield
        finally:
            self._scheduler.end()
            self._workers.close()
            for channel in self._running:
                if channel.watch is not None:
                    outputs.callback(channel.watch.save, at_once=True)
                outputs.push(channel.output)
                channel.output.end()
                channel.source.end()
        if self._workers.failure is not None:
            raise self._workers.failure

    def _work(self) -> bool:
        """Do the next frame, in a worker; False when there is none."""
        if not self._warm:  # there is one worker until then
            self._warm_up()
            self._warm = True
            self._workers.add(self.backend.workers - 1)
        job = self._scheduler.take(len(self._workers) + SLACK)
        if job is None:
            return False
        self._do(job)
        return True

    def _work_beside(self) -> bool:
        """Show the next frame for whose inference there is no time, in the spare worker; False when there is none."""
        job = self._scheduler.take(len(self._workers) + SLACK, spare=True)
        if job is None:
            return False
        self._do(job)
        return True

    def _do(self, job: Job) -> None:
        channel, number, frame = job
        frame.camera = channel.name
        if frame.times.inferred:
            work.infer(channel, number, frame)
        else:
            work.show(channel, number, frame)

    def _warm_up(self) -> None:
        """Run the model at the shapes of all cameras, so that no new one holds up the others in the middle."""
        refused: List[Tuple[Channel, Frame, ModelError]] = []
        shape = None
        for channel, frame in self._scheduler.first_frames(FIRST_WAIT):
            if frame.tensor is None:
                steps.preprocess(channel, frame)
            try:
                channel.detector.warm_up(frame)
                shape = frame.input_shape
            except ModelError as error:
                refused.append((channel, frame, error))
        for one in self.channels:
            if isinstance(one.failure, UsageError):  # a line or zone that does not fit the frames
                raise one.failure
        for channel, frame, reason in refused:
            if shape is None:
                raise ModelError("; ".join(dict.fromkeys(str(reason) for _, _, reason in refused)))
            channel.detector.fit_into(shape, reason)
            steps.preprocess(channel, frame)

    def _watch(self, on_hangup: Callable[[], None]) -> None:
        """What the main thread does ten times a second."""
        if self._stop.take_hangup():
            for channel in self._running:
                channel.output.reopen()
            with self._scheduler.held():
                on_hangup()
        for channel in self._running:
            outage = channel.outage
            if outage is not None:
                channel.output.idle(outage)
            if channel.failure is not None and not channel.told and len(self.channels) > 1:
                channel.told = True
                warn(f"{channel.failure}; the other cameras go on")
            if channel.watch is not None:
                channel.watch.save()
        self._workers.add(self._growth.more_workers())
        if self._warm and not self._shows_beside and any(channel.auto for channel in self._running):
            self._shows_beside = True
            self._workers.add(1, self._work_beside)

    def add(self, channel: Channel) -> None:
        """Take in another camera, during the run."""
        self.channels.append(channel)
        self._timings.append(channel.timing)
        self._open(channel)

    def remove(self, channel: Channel) -> None:
        """Finish with a camera, during the run: its frames under way are done, and its sinks closed."""
        channel.source.end()
        if not self._scheduler.remove(channel, CLOSE_LIMIT):
            warn(f"{channel.source.name}: did not finish its frames in time")
        self._running.remove(channel)
        self.timing.leave_out(channel.timing)
        channel.output.close()
        if channel.watch is not None:
            channel.watch.save(at_once=True)
        channel.detector.free_tensors()

    def _open(self, channel: Channel) -> None:
        beside = not self.backend.fills_cpu
        channel.open_output(
            partial(steps.decode, channel),
            partial(steps.finish, channel),
            stopped=lambda: self._stop.requested,
            done=lambda: self._scheduler.done(channel),
            beside=beside,
        )
        self._running.append(channel)
        # Workers that use all cores one after the other leave gaps in which to decode; one per core leaves none.
        alone = self.backend.workers == 1
        ahead = beside and channel.sparing is None  # else most would be for nothing
        prepare = partial(steps.preprocess, channel) if ahead else None
        self._scheduler.add(channel, prepare, low_priority=alone)

    def report(self) -> Dict[str, Any]:
        """The report of the run, ready for JSON; docs/output.md lists its fields."""
        fields: Dict[str, Any] = {"kind": "detect", "version": __version__}
        fields.update(report(self.channels))
        by_name: Dict[str, List[Channel]] = {}
        for channel in self.channels:  # several have one name where a camera was removed and added again
            by_name.setdefault(channel.name, []).append(channel)
        if len(by_name) > 1:
            fields["cameras"] = {name: report(channels) for name, channels in by_name.items()}
        fields.update(
            model=self.channels[0].detector.card.name,
            backend=self.backend.description,
            workers=self._growth.report(),
        )
        return fields


def configure_process() -> None:
    """Set the process up for the loop, before it starts threads."""
    # OpenCV's threads spin between calls, on the cores that inference needs, and gain nothing on images this small.
    cv2.setNumThreads(1)
    share_heaps()
