"""The trials of a study, as a queue in its database from which workers on any machines take.

A draw is the training to do; a trial is one attempt at it, by one worker. A draw has more than one trial only where a
worker was lost. Optuna gives every trial one of the states WAITING, RUNNING, COMPLETE, PRUNED and FAIL; of those that
failed, REASON says that the training itself failed, GIVEN_BACK that its worker was stopped, SUPERSEDED that another
trial of the draw was there before; one with none of these had a worker that was lost.
"""

from typing import NamedTuple, Optional

import optuna
from optuna.exceptions import DuplicatedStudyError, UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

from app.errors import UsageError
from tools.search.plan import Draw, Plan, check_plan, from_json, to_json

MOST_LOST = 2  # times that a draw is done again because its worker was lost before the draw had another epoch
PLAN = "plan"
DRAW = "draw"
WORKER = "worker"  # who does it; written just before its training starts
REASON, GIVEN_BACK, SUPERSEDED = "reason", "given_back", "superseded"

LIVE = (TrialState.WAITING, TrialState.RUNNING)
DONE = ("done", "pruned", "failed", "lost")


class Outcome(NamedTuple):
    """How far a draw is. state: waiting, running, or one of DONE: done; pruned, ended early as one of the worse;
    failed, by its own error; lost, with too many workers. trial: the attempt that decides it, None before the first.
    """

    state: str
    trial: Optional[FrozenTrial]

    @property
    def value(self) -> Optional[float]:
        """Of a draw that is done or pruned: top-1 of the validation images, 0..1."""
        return self.trial.value if self.trial and self.state in ("done", "pruned") else None

    @property
    def reason(self) -> str:
        """Why there will be no value; "" otherwise."""
        if self.state == "lost":
            return f"its worker or its training was killed {MOST_LOST + 1} times before a new epoch"
        return str(self.trial.user_attrs[REASON]) if self.trial and self.state == "failed" else ""


def outcome(trials: list[FrozenTrial]) -> Outcome:
    """How far a draw is, by all its trials, in the order of their numbers."""
    names = {TrialState.COMPLETE: "done", TrialState.PRUNED: "pruned"}
    for trial in trials:
        if trial.state in names:
            return Outcome(names[trial.state], trial)
        if trial.state == TrialState.FAIL and REASON in trial.user_attrs:
            return Outcome("failed", trial)
    for trial in trials:
        if trial.state in LIVE:
            return Outcome("running" if trial.state == TrialState.RUNNING else "waiting", trial)
    # A worker that was lost before it started the training is not the draw's fault.
    lost = [t for t in trials if WORKER in t.user_attrs and not {GIVEN_BACK, SUPERSEDED} & set(t.user_attrs)]
    return Outcome("lost" if _in_vain(lost) > MOST_LOST else "waiting", trials[-1] if trials else None)


def _in_vain(attempts: list[FrozenTrial]) -> int:
    """How many attempts, in the order of their numbers, got no further than those before: the others may go on."""
    count = furthest = 0
    for attempt in attempts:
        reached = max(attempt.intermediate_values, default=0)
        count += reached <= furthest
        furthest = max(furthest, reached)
    return count


class Queue:
    """A study's plan and trials. Every method may raise what the database raises; see `storage.patiently`."""

    def __init__(self, storage: RDBStorage, name: str, plan: Plan) -> None:
        self.storage = storage
        self.name = name
        self.plan = plan
        storage.heartbeat_interval, storage.grace_period = plan.heartbeat, plan.grace
        self.id = storage.get_study_id_from_name(name)

    @classmethod
    def create(cls, storage: RDBStorage, name: str, plan: Plan) -> "Queue":
        """Start a study. Raises UsageError if there is one of that name."""
        try:
            study = optuna.create_study(study_name=name, storage=storage, direction="maximize")
        except DuplicatedStudyError:
            study = optuna.load_study(study_name=name, storage=storage)
            if PLAN in study.user_attrs:  # else whoever created it was killed before it wrote the plan
                raise UsageError(
                    f"--study {name}: exists already; continue it with --join, or choose another name"
                ) from None
        study.set_user_attr(PLAN, to_json(plan))
        return cls(storage, name, plan)

    @classmethod
    def join(cls, storage: RDBStorage, name: str) -> "Queue":
        """The study of that name. Raises UsageError if there is none, or one that `tools.train` here cannot do."""
        try:
            attributes = storage.get_study_user_attrs(storage.get_study_id_from_name(name))
            plan = from_json(attributes[PLAN])
        except KeyError:
            raise UsageError(f"--study {name}: there is no such study; start it without --join") from None
        check_plan(plan)
        return cls(storage, name, plan)

    def study(self, sampler: Optional[optuna.samplers.BaseSampler] = None) -> optuna.Study:
        """Optuna's view of it. A new one for every trial, since it remembers what others did before."""
        pruner = optuna.pruners.MedianPruner() if self.plan.prune else optuna.pruners.NopPruner()
        return optuna.load_study(study_name=self.name, storage=self.storage, sampler=sampler, pruner=pruner)

    def trial_id(self, trial: FrozenTrial) -> int:
        return self.storage.get_trial_id_from_study_id_trial_number(self.id, trial.number)

    def outcomes(self) -> list[Outcome]:
        """How far every draw is, in their order."""
        trials: list[list[FrozenTrial]] = [[] for _ in self.plan.draws]
        for trial in sorted(self.storage.get_all_trials(self.id, deepcopy=False), key=lambda trial: trial.number):
            trials[trial.user_attrs[DRAW]].append(trial)
        return [outcome(attempts) for attempts in trials]

    def finished(self) -> bool:
        """Whether nothing is left to do, neither here nor elsewhere."""
        return all(found.state in DONE for found in self.outcomes())

    def refill(self) -> None:
        """Notice workers that show no sign of life, and queue every draw that nobody has or does.

        Any worker does so at any time: what one that is killed leaves half-done, the next one does.
        """
        study = self.study()
        optuna.storages.fail_stale_trials(study)
        for draw, found in zip(self.plan.draws, self.outcomes()):
            if found.state == "waiting" and (found.trial is None or found.trial.state not in LIVE):
                options = {} if draw.variant else draw.options
                if self.plan.method == "tpe" and found.trial:
                    options = found.trial.params  # what was proposed for it before its worker was lost
                study.enqueue_trial(options, user_attrs={DRAW: draw.number})

    def claim(self) -> Optional[tuple[FrozenTrial, Draw]]:
        """A trial that nobody else will get, and is RUNNING from now on; None if no draw waits."""
        self.refill()
        for found in self.outcomes():
            if found.state != "waiting" or found.trial is None:
                continue
            number = self.trial_id(found.trial)
            self.storage.record_heartbeat(number)  # before it runs, or nobody would miss a worker killed in between
            try:
                if not self.storage.set_trial_state_values(number, TrialState.RUNNING):
                    continue
            except UpdateFinishedTrialError:
                continue
            draw = self.plan.draws[found.trial.user_attrs[DRAW]]
            decides = self.outcomes()[draw.number].trial
            if decides is not None and decides.number == found.trial.number:
                return found.trial, draw
            # Two workers queued the draw at one moment: the trial with the lower number is the one that counts.
            self.end(number, SUPERSEDED, "true")
        return None

    def beat(self, number: int) -> None:
        """Give a sign of life for a trial. number: Optuna's id of it. Raises UpdateFinishedTrialError if it was taken
        for lost, and is another worker's.
        """
        self.storage.record_heartbeat(number)
        if self.storage.get_trial(number).state != TrialState.RUNNING:
            raise UpdateFinishedTrialError

    def complete(self, number: int, value: float, pruned: bool = False) -> None:
        """A trial has its value. Raises UpdateFinishedTrialError if it was given to another worker before."""
        self.storage.set_trial_state_values(number, TrialState.PRUNED if pruned else TrialState.COMPLETE, [value])

    def end(self, number: int, why: str = "", text: str = "") -> None:
        """A trial failed. why: REASON, GIVEN_BACK or SUPERSEDED; "" if it should be done again as if lost."""
        if why:
            self.storage.set_trial_user_attr(number, why, text)
        self.storage.set_trial_state_values(number, TrialState.FAIL)
