import pytest

pytest.importorskip("keras", "3")

from support import characters  # noqa: E402

from app.errors import UsageError  # noqa: E402
from tools.train.networks import NETWORKS  # noqa: E402
from tools.train.options import make_parser, parse  # noqa: E402
from tools.train.rates import make_optimiser  # noqa: E402


@pytest.mark.parametrize(
    "name, kind, expected",
    [
        ("sgd", "SGD", {"momentum": 0.0, "nesterov": False}),
        ("momentum", "SGD", {"momentum": 0.7, "nesterov": False}),
        ("nesterov", "SGD", {"momentum": 0.7, "nesterov": True}),
        ("adam", "Adam", {}),
        ("adamw", "AdamW", {}),
        ("rmsprop", "RMSprop", {"momentum": 0.7}),
        ("adagrad", "Adagrad", {}),
        ("nadam", "Nadam", {}),
    ],
)
def test_an_optimiser_is_what_its_name_says(name, kind, expected):
    given = ["--optimiser", name, "--lr", "0.02", "--momentum", "0.7", "--weight-decay", "0.3", "--ema", "0.8"]
    optimiser = make_optimiser(parse(["report_fast", *given]))
    config = optimiser.get_config()
    expected = {"weight_decay": 0.3, "use_ema": True, "ema_momentum": 0.8, **expected}
    assert type(optimiser).__name__ == kind
    assert float(optimiser.learning_rate) == pytest.approx(0.02)
    assert {key: config[key] for key in expected} == expected


def test_without_decay_and_average():
    config = make_optimiser(parse(["report_fast", "--weight-decay", "0", "--ema", "0"])).get_config()
    assert (config["weight_decay"], config["use_ema"]) == (None, False)


def test_the_reports_recipe():
    args = parse(["report_fast", "--recipe", "report"])
    found = (args.batch, args.lr, args.momentum, args.validation, args.schedule, args.boundaries, args.optimiser)
    assert found == (962, 0.005, 0.97256, 0.1352, "piecewise", [10000, 25000, 40000], "momentum")
    assert parse(["report_fast", "--recipe", "report", "--lr", "0.1"]).lr == 0.1, "what is given goes before it"
    assert (args.flip, args.crop, args.cutmix, args.label_smoothing, args.weight_decay, args.ema) == (False,) + (0,) * 5


@pytest.mark.parametrize(
    "model, given, expected",
    [
        pytest.param("nano_resnet", [], 0.1, id="residual"),
        pytest.param("report_cnn", [], 0.02, id="without shortcuts"),
        pytest.param("report_cnn", ["--optimiser", "adamw"], 0.001, id="an adaptive optimiser"),
        pytest.param("nano_resnet", ["--optimiser", "sgd", "--lr", "0.3"], 0.3, id="given"),
    ],
)
def test_the_learning_rate_is_the_networks_own(model, given, expected):
    assert parse([model, *given]).lr == expected


@pytest.mark.parametrize("name", NETWORKS)
def test_a_networks_defaults_are_options_within_their_limits(name):
    parser = make_parser()
    actions = {action.dest: action for action in parser._actions}
    for option, value in NETWORKS[name].defaults.items():
        action = actions[option]
        if action.type is not None:
            assert action.type(str(value)) == value
        if action.choices is not None:
            assert value in action.choices


def test_characters_have_a_validation_part_of_their_own(tmp_path):
    """So a share on the command line is an error; in a recipe, or by default, it says nothing about them."""
    path = characters.write_characters(tmp_path / "characters")
    for given in (["light2"], ["report_fast", "--data", "characters"], ["light2", "--data", path]):
        with pytest.raises(UsageError, match="--validation: characters have a validation part of their own"):
            parse([*given, "--validation", "0.2"])
    assert parse(["light2", "--recipe", "report"]).data == "characters"
    assert parse(["light2", "--data", "elsewhere", "--validation", "0.2"]).validation == 0.2


def test_what_is_given_goes_before_a_recipe_and_a_recipe_before_the_networks_own():
    assert parse(["nano_cifar"]).batch == NETWORKS["nano_cifar"].defaults["batch"]
    assert parse(["nano_cifar", "--recipe", "report"]).batch == 962
    assert parse(["nano_cifar", "--recipe", "report"]).small_first is None
    assert parse(["nano_cifar", "--recipe", "report", "--batch", "7"]).batch == 7
    assert parse(["nano_cifar"]).data == "cifar-100"
    assert parse(["nano_cifar", "--data", "elsewhere"]).data == "elsewhere"


def test_small_pictures_first_are_not_for_a_network_that_stretches_them():
    assert parse(["nano_cifar"]).small_first == 24
    assert parse(["nano_cifar", "--size", "64"]).small_first is None
    assert parse(["nano_cifar", "--size", "64", "--small-first", "24"]).small_first == 24, (
        "what is given is not dropped"
    )


def test_characters_are_not_mirrored_unless_told_so():
    assert parse(["nano_resnet_s"]).flip
    assert not parse(["light2"]).flip
    assert not parse(["nano_resnet_s", "--data", "characters"]).flip
    assert parse(["light2", "--flip"]).flip
