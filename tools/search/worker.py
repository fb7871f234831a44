"""A worker of a search: a process that takes trials from the queue until none is left. `tools.search` starts it.

What it should do comes as JSON on standard input, since an address may have a password in it.
"""

import json
import os
import socket
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Optional, TypeVar

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial

from app.command import exit_code
from app.errors import ModelError, OutputError, SourceError, say
from app.stop import Stop
from tools.search.plan import Draw, Plan
from tools.search.queue import GIVEN_BACK, REASON, WORKER, Queue
from tools.search.space import Dimension
from tools.search.storage import FAILURES, open_storage, patiently, quiet_optuna
from tools.search.training import OBJECTIVE, TRAINER, Training, free_folder
from tools.train.options import parse
from tools.train.pretrained import check_pretrained

Found = TypeVar("Found")
# A training's exit codes that its machine is to blame for, whatever the draw: no data, or a full disk.
MACHINE = {error.exit_code: error for error in (SourceError, OutputError)}
POLL_LIMITS = (0.1, 1.0)  # seconds between two looks at a training; a quarter of the heartbeat, within these


class Job(NamedTuple):
    """What a worker is told. folder: of the study, for the folders of its trials. grace: the plan's, until the
    worker has that. trainer: the start of a training's command line.
    """

    url: str
    name: str
    folder: str
    grace: int
    trainer: list[str] = list(TRAINER)


class Worker:
    """Does one trial after the other. stop: asks it to end, which it does where nothing is half-done."""

    def __init__(self, job: Job, stop: Stop) -> None:
        self._job = job
        self._stop = stop
        self._patience = job.grace / 2  # the rest is for the sign of life that is due
        storage = open_storage(job.url)
        self._queue = self._ask(lambda: Queue.join(storage, job.name))
        self._poll = min(max(self._queue.plan.heartbeat / 4, POLL_LIMITS[0]), POLL_LIMITS[1])

    def _ask(self, work: Callable[[], Found]) -> Found:
        return patiently(self._job.url, self._patience, work)

    def run(self) -> None:
        """Work until every draw is done, by this or by another worker.

        Raises OutputError, SourceError and ModelError where this machine cannot train, and KeyboardInterrupt.
        """
        while True:
            self._check_stop()
            claimed = self._ask(self._queue.claim)
            if claimed is not None:
                self._do(*claimed)
            elif self._ask(self._queue.finished):
                return
            else:
                time.sleep(self._poll)

    def _check_stop(self) -> None:
        if self._stop.requested:
            raise KeyboardInterrupt

    def _do(self, trial: FrozenTrial, draw: Draw) -> None:
        """A trial that is this worker's, from its start to the state that it ends with."""
        number = self._ask(lambda: self._queue.trial_id(trial))
        try:
            self._check_stop()
            self._train(number, draw)
        except UpdateFinishedTrialError:
            say(f"trial {draw.number}: another worker does it, since this one showed no sign of life; dropped here")
        except KeyboardInterrupt:
            try:
                self._queue.end(number, GIVEN_BACK, "its worker was stopped")
            except (UpdateFinishedTrialError, *FAILURES):
                pass  # it will be missed
            raise

    def _train(self, number: int, draw: Draw) -> None:
        """Train, and record the result. Raises UpdateFinishedTrialError if the trial is another worker's by now."""
        folder = free_folder(os.path.join(self._job.folder, f"trial-{draw.number:04d}"))
        live, words = self._ask(lambda: self._prepare(number, draw, folder))
        pruned, reason = False, ""
        with Training(folder, words, self._job.trainer) as training:
            try:
                pruned = self._follow(training, number, live)
            except SourceError as error:
                reason = str(error)
        if training.code and not (pruned or reason):
            if training.interrupted:
                say(f"trial {draw.number}: its training was killed; it is done again")
                self._ask(lambda: self._queue.end(number))
                return
            reason = training.error()
            kind = ModelError if _lacks_weights(words) else MACHINE.get(training.code)
            if kind is not None:
                self._ask(lambda: self._queue.end(number, GIVEN_BACK, reason))
                raise kind(f"trial {draw.number} in {folder}: {reason}")
        elif not training.epochs:
            reason = reason or "it ended without a finished epoch"
        if reason:
            self._ask(lambda: self._queue.end(number, REASON, reason))
            return
        last = training.epochs[-1]
        self._ask(lambda: live.set_user_attr("seconds", last.get("elapsed_s")))
        self._ask(lambda: self._queue.complete(number, float(last[OBJECTIVE]), pruned))

    def _prepare(self, number: int, draw: Draw, folder: str) -> tuple[optuna.trial.Trial, list[str]]:
        """Fill in what is searched, and say who does it where; the trial, and the words of its command line."""
        plan = self._queue.plan
        study = self._queue.study(sampler(plan, draw))
        study.get_trials(deepcopy=False)  # so that its cache knows the trial, which this study did not create
        live = optuna.trial.Trial(study, number)
        words = plan.words(draw, {dimension.name: suggest(live, dimension) for dimension in plan.dimensions})
        live.set_user_attr("words", words)
        live.set_user_attr("folder", os.path.basename(folder))
        live.set_user_attr(WORKER, f"{socket.gethostname()}, process {os.getpid()}")
        return live, words

    def _follow(self, training: Training, number: int, live: optuna.trial.Trial) -> bool:
        """Report a training's epochs, and give signs of life, until it ends or should; whether it is pruned."""
        beat_at = time.monotonic()
        while True:
            ended = training.wait(self._poll)
            self._check_stop()
            new = [(float(line[OBJECTIVE]), int(line["epoch"])) for line in training.new_epochs()]
            for value, step in new:
                self._ask(lambda: live.report(value, step))  # noqa: B023  (it is called at once)
            if ended:
                return False
            if bool(new) and self._ask(live.should_prune):
                return True
            if time.monotonic() >= beat_at:
                beat_at = time.monotonic() + self._queue.plan.heartbeat
                self._ask(lambda: self._queue.beat(number))


def _lacks_weights(words: Sequence[str]) -> bool:
    """Whether this machine is to blame for the failure of a training: its weights are gone since the worker started."""
    try:
        check_pretrained(parse(words))
        return False
    except ModelError:
        return True


def sampler(plan: Plan, draw: Draw) -> optuna.samplers.BaseSampler:
    """What proposes options where the draw does not say them. Its seed is the draw's, so no two workers' are alike."""
    seed = (plan.seed * 1_000_003 + draw.number) % 2**32
    if plan.method == "tpe":
        return optuna.samplers.TPESampler(seed=seed, constant_liar=True)
    return optuna.samplers.RandomSampler(seed=seed)


def suggest(trial: optuna.trial.Trial, dimension: Dimension) -> Any:
    """The value of a searched option: the draw's, or what the sampler proposes."""
    name, low, high, log = dimension.name, dimension.low, dimension.high, dimension.log
    if dimension.values:
        return trial.suggest_categorical(name, dimension.values)
    if isinstance(low, int) and isinstance(high, int):
        return trial.suggest_int(name, low, high, step=int(dimension.step or 1), log=log)
    step: Optional[float] = dimension.step or None
    return trial.suggest_float(name, low, high, step=step, log=log)


def main() -> int:
    """Run a worker; its exit code."""

    def work() -> None:
        quiet_optuna()
        with Stop() as stop:
            Worker(Job(**json.load(sys.stdin)), stop).run()

    return exit_code(work)


if __name__ == "__main__":
    sys.exit(main())
