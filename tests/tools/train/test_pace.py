import argparse

import pytest

keras = pytest.importorskip("keras", "3")

from tools.train.options import parse  # noqa: E402
from tools.train.pace import Pace  # noqa: E402


class FakeJournal:
    """A clock that only the test moves."""

    reserve = 0.0

    def __init__(self, epochs=0, elapsed=0.0):
        self.epochs = [{}] * epochs
        self.elapsed = elapsed
        self.now = elapsed

    def seconds(self):
        return self.now


class FakeModel:
    """What a pace touches of a model."""

    def __init__(self):
        self.optimizer = argparse.Namespace(learning_rate=None)
        self.stop_training = False


def make_pace(journal, *args, steps=10):
    options = parse(["report_fast", "--schedule", "constant", "--lr", "0.5", *args])
    pace = Pace(options, steps, journal)
    pace.set_model(FakeModel())
    return pace


def rate_at(pace, journal, now):
    journal.now = now
    pace.on_train_batch_begin(0)
    return pace.model.optimizer.learning_rate


def test_a_time_budget_anneals_any_schedule_in_its_last_tenth():
    journal = FakeJournal()
    pace = make_pace(journal, "--time-budget", "100s")
    rates = [rate_at(pace, journal, now) for now in (0, 50, 90, 95, 99, 100)]
    assert rates == pytest.approx([0.5, 0.5, 0.5, 0.25, 0.05, 0])


def test_a_time_budget_ends_at_the_first_step_after_it():
    journal = FakeJournal()
    pace = make_pace(journal, "--time-budget", "100s")
    for now, over in ((99.9, False), (100, True)):
        journal.now = now
        pace.on_train_batch_end(0)
        assert pace.model.stop_training is over


def test_a_time_budget_that_ends_while_it_validates_starts_no_other_epoch():
    journal = FakeJournal()
    pace = make_pace(journal, "--time-budget", "100s")
    journal.now = 101
    pace.on_epoch_end(0)
    assert pace.model.stop_training


def test_a_resumed_budget_is_not_over_because_loading_took_long():
    journal = FakeJournal(epochs=3, elapsed=95)
    journal.now = 120  # the clock runs while the data are read
    assert not make_pace(journal, "--time-budget", "100s").finished(3)
    journal.elapsed = 100
    assert make_pace(journal, "--time-budget", "100s").finished(3)


def test_epochs_are_counted_in_steps_from_where_the_run_is():
    journal = FakeJournal(epochs=2)
    pace = make_pace(journal, "--epochs", "4")
    assert pace.progress() == 0.5
    pace.on_epoch_begin(2)
    for step in range(5):
        pace.on_train_batch_end(step)
    assert pace.progress() == pytest.approx(25 / 40)
    assert not pace.finished(3)
    assert pace.finished(4)


SMALL = ("--small-first", "16", "--small-share", "0.5")


@pytest.mark.parametrize("done, size", [(0, 16), (1, 16), (2, 32), (3, 32)])
def test_pictures_are_small_in_the_first_share_of_the_epochs(done, size):
    assert make_pace(FakeJournal(epochs=done), "--epochs", "4", *SMALL).picture_size(32) == size


@pytest.mark.parametrize("elapsed, size", [(0, 16), (49.9, 16), (50, 32)])
def test_and_of_a_time_budget(elapsed, size):
    assert make_pace(FakeJournal(elapsed=elapsed), "--time-budget", "100s", *SMALL).picture_size(32) == size


def test_fit_ends_after_the_last_epoch_of_small_pictures_and_of_no_other():
    ends = []
    for done in range(3):
        pace = make_pace(FakeJournal(epochs=done), "--epochs", "4", *SMALL)
        pace.picture_size(32)
        for step in range(10):
            pace.on_train_batch_end(step)
        pace.on_epoch_end(done)
        ends.append(pace.model.stop_training)
    assert ends == [False, True, False]


def test_what_is_reserved_of_a_time_budget_is_not_trained_in():
    journal = FakeJournal()
    journal.reserve = 20.0
    pace = make_pace(journal, "--time-budget", "100s")
    assert [rate_at(pace, journal, now) for now in (40, 72)] == pytest.approx([0.5, 0.5])
    assert rate_at(pace, journal, 76) == pytest.approx(0.25)  # half of the last tenth of 80 seconds
    journal.elapsed = 80.0
    assert pace.finished(3)
    journal.reserve, journal.elapsed = 90.0, 49.0  # at least half of the budget is for training
    assert not pace.finished(3)
