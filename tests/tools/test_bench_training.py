import os
import sys

import numpy as np
import pytest

from app.errors import ModelError, UsageError
from tools.bench_training.__main__ import flags_line, main, peak_libraries, steps_of
from tools.bench_training.configurations import FORMER, PRESENT, Configuration, environment, installed, limits, plan
from tools.bench_training.process import Process, serve
from tools.bench_training.results import goal_lines, step_table

TORCH = Configuration("torch")


@pytest.mark.parametrize(
    "name, size, macs",
    [
        # Stem 3x3x3x32 at 32x32; then per stage 3x3 from and to its width and 1x1, at 16x16, 8x8, 4x4; logits.
        (
            "nano_resnet_s",
            None,
            1024 * 27 * 32
            + 256 * (9 * 32 * 64 + 9 * 64 * 64 + 32 * 64)
            + 64 * (9 * 64 * 128 + 9 * 128 * 128 + 64 * 128)
            + 16 * (9 * 128 * 256 + 9 * 256 * 256 + 128 * 256)
            + 256 * 100,
        ),
        ("report_fast", None, 256 * 27 * 32 + 64 * 288 * 64 + 16 * 576 * 128 + 2048 * 100),
        ("report_fast", 64, 1024 * 27 * 32 + 256 * 288 * 64 + 64 * 576 * 128 + 8192 * 100),
    ],
)
def test_macs_of_our_networks_are_those_by_hand(name, size, macs):
    keras = pytest.importorskip("keras", "3")
    from tools.bench_training.macs import count_macs
    from tools.train.networks import builder

    keras.mixed_precision.set_dtype_policy("float32")
    assert count_macs(builder(name)(size=size), (32, 32, 3)) == macs


def test_macs_of_other_layers_and_of_inner_models():
    keras = pytest.importorskip("keras", "3")
    from tools.bench_training.macs import count_macs

    layers = keras.layers
    inner = keras.Sequential([keras.Input((8, 8, 6)), layers.DepthwiseConv2D(3, 2, padding="same", depth_multiplier=2)])
    model = keras.Sequential(
        [
            keras.Input((None, None, 4)),
            layers.Conv2D(6, 3, padding="same", groups=2),  # 8x8 x 3x3x2 x 6
            layers.ReLU(),
        ]
    )
    assert count_macs(model, (8, 8, 4)) == 64 * 9 * 2 * 6
    model = keras.Sequential(
        [keras.Input((8, 8, 6)), inner, layers.SeparableConv2D(5, 3, padding="same"), layers.Flatten(), layers.Dense(7)]
    )
    # Depthwise at 4x4 to 12 channels; 3x3 for each of them and 12x5 between them; 80x7.
    assert count_macs(model, (8, 8, 6)) == 16 * 9 * 12 + 16 * (9 * 12 + 12 * 5) + 80 * 7


def test_macs_do_not_depend_on_the_place_of_the_channels():
    keras = pytest.importorskip("keras", "3")
    from tools.bench_training.macs import count_macs

    model = keras.Sequential([keras.Input((3, 8, 10)), keras.layers.Conv2D(4, 3, 2, data_format="channels_first")])
    assert count_macs(model, (3, 8, 10)) == 3 * 4 * 27 * 4  # 3 x 4 places


@pytest.mark.slow
def test_channels_first_is_the_same_function():
    keras = pytest.importorskip("keras", "3")
    from models.task import CIFAR100
    from tools.bench_training.step import channels_first
    from tools.train.network import build_model
    from tools.train.options import parse

    options = parse(["nano_resnet_s", "--precision", "float32", "--size", "16"])
    model = build_model(options, CIFAR100, False)
    first = channels_first(model, options, on_gpu=False)
    first.set_weights(model.get_weights())
    formats = {layer.data_format for layer in first.layers if isinstance(layer, keras.layers.Conv2D)}
    assert formats == {"channels_first"}
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.float32)
    outputs = [keras.ops.convert_to_numpy(each(images, training=False)) for each in (model, first)]
    np.testing.assert_allclose(*outputs, atol=1e-4)


def test_plan_varies_one_thing_at_a_time_and_only_what_a_backend_can():
    labels = [
        one.label for one in plan(["tensorflow", "torch"], ["onednn", "precision", "channels", "steps"], False, True)
    ]
    assert labels == [
        "tensorflow, float32, oneDNN",
        "tensorflow, float32, oneDNN, 4 steps per execution",
        "tensorflow, float32, no oneDNN",
        "tensorflow, bfloat16, oneDNN",
        "torch, float32",
        "torch, float32, channels first",
        "torch, bfloat16",
    ]
    assert [one.jit for one in plan(["jax"], ["jit"], False, False)] == [True]
    assert len(plan(["tensorflow"], ["onednn", "precision", "steps", "jit"], True, True)) == 16
    assert {one.precision for one in plan(["torch"], ["precision"], False, bfloat16=False)} == {"float32"}


def test_what_is_not_measured_is_said():
    lines = limits(["tensorflow", "torch"], ["precision", "channels", "steps"], False)
    assert [line.split(":")[0] for line in lines] == ["bfloat16", "tensorflow", "torch"]
    assert limits(["torch"], ["channels"], True) == []


def test_the_environment_chooses_backend_onednn_and_instructions(monkeypatch):
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    assert FORMER.environment(False)["TF_ENABLE_ONEDNN_OPTS"] == "0"
    own = environment("torch", avx2=True)
    assert (own["KERAS_BACKEND"], own["TF_ENABLE_ONEDNN_OPTS"], own["ONEDNN_MAX_CPU_ISA"]) == ("torch", "1", "AVX2")
    assert "ONEDNN_MAX_CPU_ISA" not in PRESENT.environment(False)


def test_absent_backends_are_skipped(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name == "torch" or None)
    assert installed(["tensorflow", "torch"]) == (["torch"], ["tensorflow: not installed, skipped"])
    with pytest.raises(ModelError, match="tensorflow and jax: not installed; type: "):
        installed(["tensorflow", "jax"])


def test_figures_of_a_step():
    # 1 M MACs x 6 x 100 images = 0.6 GFLOP a step; what misses a round is left out.
    rounds = [{PRESENT: 0.02, FORMER: 0.06, TORCH: 1.0}, {PRESENT: 0.04, FORMER: 0.04}, {PRESENT: 0.03, FORMER: 0.15}]
    table = step_table(rounds, 100, 1_000_000, {"float32": 40.0})
    assert table.rows == [
        ["tensorflow, float32, oneDNN", "30.0", "3333", "1.00", "20", "50%"],
        ["tensorflow, float32, no oneDNN", "60.0", "1667", "3.00", "10", "25%"],  # ratios 3, 1, 5
    ]
    assert step_table(rounds, 100, 1_000_000, {}).rows[0][-1] == ""


def test_goals_are_of_ratios_within_rounds():
    slow, fast = TORCH._replace(channels="first"), TORCH
    rounds = [{PRESENT: 1.0, FORMER: 1.3, fast: 1.2, slow: 2.0}, {PRESENT: 2.0, FORMER: 3.0, fast: 2.4, slow: 4.0}] * 2
    former, torch = goal_lines(rounds)
    assert "is 1.40 times as fast" in former  # the median of 1.3 and 1.5
    assert former.endswith("reached)")
    assert "(torch, float32) takes 1.20 times" in torch
    assert torch.endswith("reached)")
    assert goal_lines([{PRESENT: 1.0, FORMER: 1.39}])[0].endswith("missed)")
    assert goal_lines([{fast: 1.0}]) == []


def test_turns_are_of_whole_executions():
    assert [steps_of(1.0, step) for step in (0.3, 0.1, 0.05)] == [4, 8, 20]


def test_peaks_are_measured_by_what_is_there():
    assert peak_libraries([PRESENT]) == {"float32": "numpy"}
    both = [Configuration("tensorflow", "bfloat16"), Configuration("torch", "bfloat16")]
    assert peak_libraries(both) == {"float32": "numpy", "bfloat16": "torch"}


def test_flags_are_read_by_people():
    assert flags_line({"avx2", "sse"}, False).startswith("instructions: avx2 yes, avx512f no, ")
    assert "AVX2 simulated" in flags_line({"avx2"}, True)


@pytest.mark.parametrize(
    "args, words",
    [
        (["resnet"], "no network resnet"),
        (["--rounds", "0"], "--rounds"),
        (["--vary", "colour"], "--vary"),
        (["--backends", "caffe"], "--backends"),
    ],
)
def test_bad_input_is_one_line(args, words, capfd):
    assert main(args) == 2
    error = capfd.readouterr().err
    assert error.count("\n") == 1
    assert words in error


def echo(spec):
    """Of the process below: answers with the question, or fails as it says."""
    print("a library prints this")
    if spec.get("fails"):
        raise UsageError("refused")

    def answer(question):
        if "divisor" in question:
            return {"quotient": 1 / question["divisor"]}
        return question

    return {"ready": spec}, answer


@pytest.mark.slow
def test_a_process_answers_until_it_is_closed_and_its_errors_are_raised_here():
    module = "tests.tools.test_bench_training"
    with Process("echo", module, os.environ, {"a": 1}) as process:
        assert process.answer() == {"ready": {"a": 1}}
        assert process.ask({"b": 2}) == {"b": 2}
        with pytest.raises(ModelError, match="echo: ZeroDivisionError: "):
            process.ask({"divisor": 0})
    with Process("echo", module, os.environ, {"fails": True}) as process:
        with pytest.raises(UsageError, match="^echo: refused$"):
            process.answer()
    with Process("echo", module, os.environ, {}) as process:
        process.answer()
        process._process.kill()
        with pytest.raises(ModelError, match="signal 9"):
            process.ask({})


@pytest.mark.slow
def test_a_silent_process_is_given_up():
    with Process(
        "silent", "tools.bench_training.peak", os.environ, {"library": "numpy", "precision": "float32"}
    ) as own:
        with pytest.raises(ModelError, match="silent: no answer within 0 s"):
            own.answer(patience=0.0)


@pytest.mark.slow
def test_tiny_rounds(capfd):
    pytest.importorskip("tensorflow")
    args = ["report_fast", "--backends", "tensorflow", "--batch", "2", "--rounds", "1", "--seconds", "0"]
    assert main([*args, "--vary", "onednn"]) == 0
    lines = capfd.readouterr().out.splitlines()
    title = next(index for index, line in enumerate(lines) if line.startswith("report_fast: "))
    assert "2.8 M MACs, batches of 2" in lines[title]
    assert lines[title + 2].startswith("tensorflow, float32, oneDNN ")
    assert lines[title + 3].startswith("tensorflow, float32, no oneDNN ")
    assert lines[title + 4].startswith("peak: ")
    assert lines[title + 5].startswith("TensorFlow with oneDNN is ")


if __name__ == "__main__":
    sys.exit(serve(echo))
