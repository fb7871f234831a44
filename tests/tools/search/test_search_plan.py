import argparse

import pytest

from app.errors import UsageError
from tools.search.plan import Draw, from_json, make_plan, to_json
from tools.search.space import parse_space


def plan_of(content, model=None, extra=(), **settings):
    given = {"method": None, "trials": None, "seed": 0, "prune": True, "heartbeat": 60, "grace": 180, **settings}
    return make_plan(parse_space(content, "my.toml"), model, extra, argparse.Namespace(**given))


SPACE = {"base": {"model": "report_fast", "epochs": 2, "flip": False}, "space": {"lr": {"values": [0.1, 0.2]}}}
NAMED = {
    "seeds": [4, 5],
    "base": {"model": "report_fast", "jitter": 0.1},
    "variants": [{"name": "none"}, {"name": "other", "model": "report_cnn", "jitter": 0.2, "boundaries": [3, 7]}],
}


def test_the_words_of_a_grid():
    plan = plan_of(SPACE, method="grid", extra=["--epochs", "7"])
    assert plan.words(plan.draws[1]) == "report_fast --epochs 2 --no-flip --epochs 7 --lr 0.2".split()
    assert [draw.options for draw in plan.draws] == [{"lr": 0.1}, {"lr": 0.2}]
    assert plan.prune


def test_the_model_of_the_command_line_goes_before_the_files():
    assert plan_of(SPACE, "report_cnn", method="grid").words(Draw(0, "", {"lr": 0.1}, None))[0] == "report_cnn"


def test_variants_are_trained_with_every_seed():
    plan = plan_of(NAMED)
    assert [(draw.variant, draw.seed) for draw in plan.draws] == [("none", 4), ("other", 4), ("none", 5), ("other", 5)]
    assert plan.words(plan.draws[0]) == "report_fast --jitter 0.1 --seed 4".split()
    assert plan.words(plan.draws[3]) == "report_cnn --jitter 0.2 --boundaries 3,7 --seed 5".split()
    assert not plan.prune, "means are of full trainings"


def test_tpe_fixes_the_number_of_draws_but_not_what_they_are():
    plan = plan_of(SPACE, method="tpe", trials=5)
    assert [draw.options for draw in plan.draws] == [{}] * 5
    assert plan.words(plan.draws[0], {"lr": 0.15})[-2:] == ["--lr", "0.15"]


@pytest.mark.parametrize("content, settings", [(SPACE, {"method": "grid"}), (NAMED, {}), (SPACE, {"method": "tpe"})])
def test_a_plan_survives_json(content, settings):
    import json

    plan = plan_of(content, **settings)
    assert from_json(json.loads(json.dumps(to_json(plan)))) == plan


def test_a_plan_of_another_version():
    with pytest.raises(UsageError, match="the study is of another version of tools.search"):
        from_json({"id": "x"})


@pytest.mark.parametrize(
    "content, settings, message",
    [
        ({"space": SPACE["space"]}, {}, "choose a MODEL: report_cnn, "),
        (SPACE, {"method": "grid", "trials": 3}, "--trials: a grid has as many trials as combinations"),
        (NAMED, {"method": "random"}, "--method, --trials: the variants of a space file are trained as they are"),
        ({**SPACE, "seeds": [1]}, {"method": "tpe"}, "--method tpe: trains every draw once"),
        (SPACE, {"method": "random", "trials": 3}, "the space has only 2 combinations"),
        (SPACE, {"method": "grid", "extra": ["--lr=1"]}, "--lr: is searched"),
        (SPACE, {"method": "grid", "extra": ["--time-budget", "1m"]}, "--epochs and --time-budget: give only one"),
        (SPACE, {"method": "grid", "extra": ["--run", "x"]}, "--run: the search gives that option to every trial"),
        (SPACE, {"method": "grid", "extra": ["--validation", "0"]}, "trials are compared on validation images"),
        ({**SPACE, "space": {"batch": {"low": 1, "high": 9000}}}, {}, "batch 9000: .*should be from 1 to 8192"),
        ({**SPACE, "space": {"flip": {"values": [1]}}}, {"method": "grid"}, "flip: should be true or false, is 1"),
        (
            {**SPACE, "space": {"lr": {"values": [True]}}},
            {"method": "grid"},
            "lr: should be a number or a text",
        ),
        ({**SPACE, "space": {"model": {"values": ["vgg"]}}}, {"method": "grid"}, "invalid choice: 'vgg'"),
    ],
)
def test_contradictions_are_found_before_the_first_training(content, settings, message):
    with pytest.raises(UsageError, match=message):
        plan_of(content, **settings)
