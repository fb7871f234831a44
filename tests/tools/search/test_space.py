import pytest
import tomllib

from app.errors import SourceError, UsageError
from tools.search.plan import make_plan
from tools.search.space import EXAMPLE, Dimension, parse_space, presets, read_space


def parse(text):
    return parse_space(tomllib.loads(text), "my.toml")


class Settings:
    """The options of a command line without any."""

    method = trials = None
    seed, prune, heartbeat, grace = 0, True, 60, 180


def test_the_example():
    space = parse(EXAMPLE)
    assert (space.method, space.trials, space.seeds) == ("random", 60, [0, 1, 2])
    assert space.base == {"model": "report_cnn", "epochs": 10}
    assert space.dimensions == [
        Dimension("lr", low=0.001, high=0.1, step=0.0, log=True),
        Dimension("batch", low=32, high=512, step=32),
        Dimension("optimiser", values=("momentum", "adam")),
    ]


def test_whole_limits_of_an_option_of_fractions_are_no_whole_numbers():
    momentum, batch = parse("[space]\nmomentum = { low = 0, high = 1 }\nbatch = { low = 1, high = 4 }").dimensions
    assert (type(momentum.low), momentum.size()) == (float, None)
    assert [batch.value(index) for index in range(batch.size())] == [1, 2, 3, 4]


def test_a_step_includes_both_ends():
    dimension = parse("[space]\nmomentum = { low = 0.1, high = 0.9, step = 0.2 }").dimensions[0]
    assert [dimension.value(index) for index in range(dimension.size())] == [0.1, 0.3, 0.5, 0.7, 0.9]


@pytest.mark.parametrize(
    "text, message",
    [
        ("[space]\nmomentun = { values = [1] }", r"my.toml: \[space\]: momentun: tools.train has no option --momentun"),
        (
            "[base]\nrun = 'x'\n[space]\nlr = { values = [1] }",
            "run: the search gives that option to every trial",
        ),
        ("[space]\nlr = { low = 1, high = 0 }", r"\[space\] lr: low should be below high"),
        ("[space]\nlr = { low = 0, high = 1, log = true }", "with log, low above 0"),
        ("[space]\nlr = { low = 0.1, hihg = 1 }", "hihg: unknown; should be one of high, log, low, step"),
        ("[space]\nlr = { low = 0.1 }", "lr: should have values = .* or low and high"),
        ("[space]\nlr = { low = '1', high = 2 }", "low, high, step: should be numbers, are '1', 2, 0"),
        ("[space]\nlr = { values = [] }", "values: should be numbers, texts"),
        ("[space]\nlr = { values = [0.1, 0.1] }", "values: one is there twice"),
        ("[space]\nlr = 0.1", "lr: should be a table, is 0.1"),
        ("[spaec]\nlr = 0.1", "my.toml: spaec: unknown; should be one of base, method"),
        ("method = 'best'\n[space]\nlr = { values = [1] }", "method: should be one of grid, random, tpe, is 'best'"),
        ("trials = 1.5\n[space]\nlr = { values = [1] }", "trials: should be a number from 1 to 10000, is 1.5"),
        ("seeds = [0, 0]\n[space]\nlr = { values = [1] }", "seeds: should be different whole numbers"),
        ("seeds = [1]\n[space]\nseed = { values = [1] }", "give either seeds or the option seed"),
        ("[base]\nepochs = 1", r"should have either a table \[space\] or tables"),
        ("[[variants]]\nlr = 0.1", "every variant needs a name of its own"),
        ("[[variants]]\nname = 'a'\n[[variants]]\nname = 'a'", "every variant needs a name of its own"),
        ("method = 'grid'\n[[variants]]\nname = 'a'", "variants are trained as they are"),
        ("[base]\nlr = { low = 1 }\n[space]\nbatch = { values = [1] }", "lr: should be a number, a text"),
    ],
)
def test_what_is_wrong_is_one_clear_line(text, message):
    with pytest.raises(UsageError, match=message):
        parse(text)


def test_a_file_that_is_none(tmp_path):
    (tmp_path / "a.toml").write_text("[space\n")
    with pytest.raises(UsageError, match="a.toml: is not TOML"):
        read_space(str(tmp_path / "a.toml"))
    with pytest.raises(SourceError, match="b.toml: cannot be read: No such file"):
        read_space(str(tmp_path / "b.toml"))
    with pytest.raises(UsageError, match="--space reprot: should be a .toml file or one of characters, lecture, "):
        read_space("reprot")


@pytest.mark.parametrize("name", presets())
def test_tools_train_takes_every_trial_of_a_preset(name):
    trials = {"report": 60, "report-rate": 7, "transfer": 12, "regularisers": 24, "lecture": 7, "characters": 5}
    assert len(make_plan(read_space(name), None, [], Settings()).draws) == trials[name]
