import pytest

from app.errors import UsageError
from tools.search.options import parse


def test_the_defaults():
    args = parse(["--space", "some/my-space.toml", "--", "--epochs", "3"])
    assert (args.study, args.run) == ("my-space", "runs/search/my-space")
    assert (args.heartbeat, args.grace, args.extra) == (60, 180, ["--epochs", "3"])
    assert parse(["--space", "report", "--heartbeat", "5"]).grace == 15


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "--space: give a .toml file or one of characters, "),
        (["--join"], "--join: needs --study NAME"),
        (["--join", "--study", "x", "--space", "report"], "--join: .*leave out --space"),
        (["report_cnn", "--join", "--study", "x"], "--join: .*leave out MODEL"),
        (["--join", "--study", "x", "--", "--epochs", "3"], "--join: .*leave out --no-prune and what follows --"),
        (["--space", "report", "--study", "../x"], "--study ../x: should be of letters"),
        (["--space", "report", "--grace", "100"], "--grace 100: should be twice --heartbeat or more"),
        (["--space", "report", "--workers", "0"], "workers should be from 1 to 256, is 0"),
    ],
)
def test_contradictions(arguments, message):
    with pytest.raises(UsageError, match=message):
        parse(arguments)
