import pytest

pytest.importorskip("optuna")

from optuna.trial import TrialState, create_trial  # noqa: E402

from tools.search import results  # noqa: E402
from tools.search.plan import Draw, Plan  # noqa: E402
from tools.search.queue import Outcome, outcome  # noqa: E402
from tools.search.space import Dimension  # noqa: E402

LR = Dimension("lr", values=(0.1, 0.2, 0.3, 0.4))


def plan_of(draws, method="random"):
    dimensions = [] if method == "variants" else [LR]
    return Plan("id", method, {"model": "report_fast"}, [], dimensions, draws, 0, True, 60, 180)


def done(value, state=TrialState.COMPLETE, **attributes):
    return create_trial(state=state, value=value, user_attrs=attributes, intermediate_values={1: 0.1, 2: value or 0.0})


def failed(reached=0, **attributes):
    """An attempt that ended after so many epochs."""
    values = dict.fromkeys(range(1, reached + 1), 0.1)
    return create_trial(state=TrialState.FAIL, user_attrs=attributes, intermediate_values=values)


def waiting():
    return create_trial(state=TrialState.WAITING)


def test_how_far_a_draw_is():
    assert outcome([]) == ("waiting", None)
    assert outcome([waiting()]).state == "waiting"
    assert outcome([failed(), done(0.5)]).value == 0.5
    assert outcome([done(0.5), waiting()]).state == "done", "another worker queued it at the same moment"
    assert outcome([failed(reason="no data")]).reason == "no data"
    assert outcome([done(0.2, TrialState.PRUNED)]).state == "pruned"
    assert outcome([failed()] * 5).state == "waiting", "lost before their training began"
    stopped = [failed(given_back="its worker was stopped")] * 5 + [failed(superseded="true")] * 5
    assert outcome(stopped).state == "waiting", "nobody's fault"


@pytest.mark.parametrize(
    "epochs, state",
    [
        pytest.param([0, 0], "waiting", id="two in vain"),
        pytest.param([0, 0, 0], "lost", id="three in vain"),
        pytest.param(range(1, 10), "waiting", id="each an epoch further"),
        pytest.param([1, 1, 1, 2], "waiting", id="further after two in vain"),
        pytest.param([2, 1, 2, 0], "lost", id="three in vain, one of them in another folder"),
    ],
)
def test_a_draw_is_given_up_where_killed_workers_get_no_further(epochs, state):
    """Else a machine that is switched off three times in a long training would lose its draw."""
    found = outcome([failed(reached, worker="vm, process 1") for reached in epochs])
    assert found.state == state
    assert (found.reason == "its worker or its training was killed 3 times before a new epoch") is (state == "lost")


@pytest.fixture
def rows():
    draws = [Draw(number, "", {"lr": rate}, None) for number, rate in enumerate(LR.values)]
    found = [
        Outcome("done", done(0.3, words=["report_fast", "--lr", "0.1"], seconds=2.4)),
        Outcome("pruned", done(0.9, TrialState.PRUNED)),
        Outcome("done", done(0.5, words=["report_fast", "--lr", "0.3"], seconds=3.0)),
        Outcome("failed", failed(reason="no data")),
    ]
    return plan_of(draws), results.make_rows(plan_of(draws), found)


def test_the_table_of_trials(rows):
    table = results.trials_table(*rows)
    assert table.header == ["trial", "lr", "top-1 %", "epochs", "s", "state"]
    assert table.rows == [
        ["2", "0.3", "50.00", "2", "3", "done"],
        ["0", "0.1", "30.00", "2", "2", "done"],
        ["1", "0.2", "90.00", "2", "", "pruned"],
        ["3", "0.4", "", "0", "", "failed: no data"],
    ]
    assert results.settings_table(rows[1]) is None


def test_the_best_was_trained_to_its_end(rows):
    plan, found = rows
    top = results.best(found)
    assert (top.row.number, top.value, top.runs) == (2, 0.5, 1)
    assert results.command(top.row) == "python -m tools.train report_fast --lr 0.3"
    assert results.as_json(plan, "name", found)["best"]["command"] == results.command(top.row)


def test_the_promise_counts_what_was_compared(rows):
    plan, found = rows
    assert results.promise(plan, found) == (
        "With 3 independent random draws, the best is within the top 5 % of the space with a probability of 14.3 %, "
        "and within the top 63.2 % with 95 %."
    )
    assert results.promise(plan._replace(method="grid"), found) == ""


def seeded(draws, values, method):
    plan = plan_of(draws, method)
    return plan, results.make_rows(plan, [Outcome("done", done(value, words=["report_fast"])) for value in values])


def test_variants_are_compared_with_the_first():
    draws = [Draw(0, "none", {}, 0), Draw(1, "none", {}, 1), Draw(2, "more", {}, 0), Draw(3, "more", {}, 1)]
    _, rows = seeded(draws, [0.10, 0.12, 0.50, 0.54], "variants")
    # |0.41| / sqrt((0.0002 + 0.0008) / 2) = 18.3 against t with 1.47 degrees of freedom, between 12.7 and 4.3
    assert results.settings_table(rows).rows == [
        ["none", "11.00", "1.41", "2", "", ""],
        ["more", "52.00", "2.83", "2", "+41.00", "real"],
    ]
    assert results.best(rows)[1:] == (pytest.approx(0.52), 2)


def test_settings_without_names_are_compared_with_the_best():
    draws = [Draw(number, "", {"lr": rate}, seed) for number, (rate, seed) in enumerate([(0.1, 0), (0.1, 1), (0.2, 0)])]
    plan, rows = seeded(draws, [0.2, 0.3, 0.6], "random")
    assert [row[:2] + row[4:] for row in results.settings_table(rows).rows] == [
        ["lr 0.2", "60.00", "", ""],
        ["lr 0.1", "25.00", "-35.00", "one run"],
    ]
    assert results.promise(plan, rows).startswith("With 2 independent random draws")
