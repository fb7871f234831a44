"""A worker in this process, with a fake trainer: from the queue to the report."""

import json

import pytest

pytest.importorskip("optuna")
pytest.importorskip("matplotlib")

from support.fake_trainer import figure  # noqa: E402
from support.searching import check_complete, starts, trainer, write_space  # noqa: E402

from app.errors import ModelError, OutputError, UsageError  # noqa: E402
from app.stop import Stop  # noqa: E402
from tools.search import manage, plan  # noqa: E402
from tools.search.options import parse  # noqa: E402
from tools.search.storage import quiet_optuna  # noqa: E402
from tools.search.worker import Job, Worker  # noqa: E402
from tools.train.options import parse as parse_training  # noqa: E402

pytestmark = pytest.mark.slow
TIMES = ("--heartbeat", "1", "--grace", "30")


def prepare(space, run, *args, fake=()):
    quiet_optuna()
    options = parse(["--space", str(space), "--run", str(run), "--trainer", trainer(0, *fake), *TIMES, *args])
    queue, url = manage.prepare(options)
    return queue, url, options


def work(queue, url, options, run):
    with Stop() as stop:
        Worker(Job(url, queue.name, str(run), queue.plan.grace, options.trainer), stop).run()


def test_a_worker_does_what_is_queued_and_the_report_names_the_best(tmp_path, capsys):
    space, run = write_space(tmp_path, trials=3, epochs=2), tmp_path / "run"
    queue, url, options = prepare(space, run)
    work(queue, url, options, run)
    manage.search(queue, url, options)  # nothing is left to do
    manage.report(queue, url, options)
    check_complete(space, run, url)
    assert len(starts(run)) == 3
    rows = json.loads((run / "results.json").read_text())["trials"]
    best = max(row["value"] for row in rows)
    assert f"the best, with {best * 100:.2f} %: python -m tools.train report_fast" in capsys.readouterr().out
    assert (run / "history.png").exists()


def test_settings_with_names_and_seeds_are_compared_with_the_first(tmp_path, capsys):
    space, run = tmp_path / "space.toml", tmp_path / "run"
    space.write_text(
        'seeds = [0, 1]\n[base]\nmodel = "report_fast"\nepochs = 1\n'
        '[[variants]]\nname = "slow"\nmomentum = 0.5\n[[variants]]\nname = "quick"\nmomentum = 0.9\n'
    )
    queue, url, options = prepare(space, run)
    work(queue, url, options, run)
    manage.report(queue, url, options)
    out = capsys.readouterr().out
    for name, momentum in (("slow", 0.5), ("quick", 0.9)):
        words = ["report_fast", "--epochs", "1", "--momentum", str(momentum)]
        values = [figure(vars(parse_training([*words, "--seed", seed])), 1) for seed in "01"]
        (line,) = [line for line in out.splitlines() if line.startswith(name)]
        assert f"{50 * sum(values):.2f}" in line


def test_a_training_that_fails_is_not_done_again_and_its_reason_is_told(tmp_path):
    space, run = tmp_path / "space.toml", tmp_path / "run"
    space.write_text('[base]\nmodel = "report_fast"\nepochs = 1\n[space]\nbatch = { values = [32, 64] }\n')
    queue, url, options = prepare(space, run, "--method", "grid", fake=("--fail-at", "32"))
    work(queue, url, options, run)
    manage.report(queue, url, options)
    rows = {row["options"]["batch"]: row for row in json.loads((run / "results.json").read_text())["trials"]}
    assert (rows[64]["state"], rows[32]["state"]) == ("done", "failed")
    assert "the loss of epoch 1 is not a number" in rows[32]["reason"]
    assert len(starts(run)) == 2


def test_where_every_training_fails_the_search_ends_with_the_reason(tmp_path):
    space, run = tmp_path / "space.toml", tmp_path / "run"
    space.write_text('[base]\nmodel = "report_fast"\nepochs = 1\n[space]\nbatch = { values = [32] }\n')
    queue, url, options = prepare(space, run, "--method", "grid", fake=("--fail-at", "32"))
    work(queue, url, options, run)
    with pytest.raises(ModelError, match="no trial has a result: .*the loss of epoch 1 is not a number"):
        manage.report(queue, url, options)


def test_a_full_disk_ends_the_worker_and_gives_its_trial_back(tmp_path):
    space, run = tmp_path / "space.toml", tmp_path / "run"
    space.write_text('[base]\nmodel = "report_fast"\nepochs = 1\n[space]\nbatch = { values = [32] }\n')
    queue, url, options = prepare(space, run, "--method", "grid", fake=("--full-at", "32"))
    with pytest.raises(OutputError, match="No space left on device"):
        work(queue, url, options, run)
    assert [found.state for found in queue.outcomes()] == ["waiting"]


@pytest.fixture
def transfer(tmp_path):
    """A space of a network that starts from weights, in a folder that has none."""
    (tmp_path / "weights").mkdir()
    space = tmp_path / "space.toml"
    space.write_text(
        f'[base]\nmodel = "efficientnet_lite0"\nfrom = "{tmp_path}/weights"\nepochs = 1\n'
        "[space]\nbatch = { values = [32, 64] }\n"
    )
    return space


MISSING = "efficientnet-lite0-57934424.pth: not found; get it with: python -m tools.fetch efficientnet-lite0"


def test_no_study_is_started_without_the_weights_that_its_trainings_start_from(transfer, tmp_path):
    with pytest.raises(ModelError, match=MISSING):
        prepare(transfer, tmp_path / "run", "--method", "grid")
    assert not (tmp_path / "run").exists()


def test_a_machine_without_the_weights_takes_no_trial_of_a_study_that_others_started(transfer, tmp_path, monkeypatch):
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(plan, "check_pretrained", lambda options: None)
        prepare(transfer, tmp_path / "run", "--method", "grid")
    options = parse(["--join", "--study", "space", "--run", str(tmp_path / "run"), "--trainer", trainer(0)])
    queue, url = manage.prepare(options)
    with pytest.raises(ModelError, match=MISSING):
        manage.search(queue, url, options)
    assert [found.state for found in queue.outcomes()] == ["waiting", "waiting"]
    assert not starts(tmp_path / "run")


def test_weights_that_are_gone_end_the_worker_and_are_not_held_against_the_draw(transfer, tmp_path, monkeypatch):
    run = tmp_path / "run"
    monkeypatch.setattr(plan, "check_pretrained", lambda options: None)
    queue, url, options = prepare(transfer, run, "--method", "grid", fake=("--fail-at", "32"))
    with pytest.raises(ModelError, match="trial 0 in .*the loss of epoch 1"):  # the fake has no error of weights
        work(queue, url, options, run)
    assert [found.state for found in queue.outcomes()] == ["waiting", "waiting"]


def test_a_database_that_is_gone_when_the_results_are_written_is_one_line(tmp_path):
    space, run = write_space(tmp_path, trials=1, epochs=1), tmp_path / "run"
    queue, url, options = prepare(space, run, "--grace", "2")
    queue.storage.engine.dispose()
    (run / "study.db").unlink()
    with pytest.raises(OutputError, match="the database does not answer, or not as it should: no such table"):
        manage.report(queue, url, options)
    assert not (run / "results.json").exists()


def test_a_study_that_does_not_exist_leaves_no_folder(tmp_path):
    url = f"sqlite:///{tmp_path}/other.db"
    (tmp_path / "other.db").touch()
    with pytest.raises(UsageError, match="--study space: there is no such study"):
        manage.prepare(parse(["--join", "--study", "space", "--run", str(tmp_path / "run"), "--storage", url]))
    assert not (tmp_path / "run").exists()
