import numpy as np
import pytest

pytest.importorskip("keras", "3")

from tools.bench_classifier import main, right, rounds, table  # noqa: E402


def test_right_is_what_a_loop_says():
    rng = np.random.default_rng(0)
    logits, labels = rng.integers(0, 6, (200, 12)).astype(np.float32), rng.integers(0, 12, 200)  # with many ties
    for own, label, top1, top5 in zip(logits, labels, *right(logits, labels)):
        order = sorted(range(12), key=lambda index: (-own[index], index))
        assert (top1, top5) == (order[0] == label, label in order[:5])


def test_rivals_take_turns_and_the_first_round_does_not_count():
    calls = []
    seconds = rounds({name: lambda name=name: calls.append(name) or len(calls) for name in "ab"}, 2)
    assert calls == list("ababab")
    assert seconds == {"a": [3, 5], "b": [4, 6]}


def test_ratios_are_to_the_faster_keras_of_the_same_round():
    seconds = {"keras": [4.0, 8.0], "keras, no XLA": [6.0, 6.0], "app.evaluate, onnx": [2.0, 2.0]}
    *_, ours = table(seconds, images=100).splitlines()
    assert ours.split()[-5:] == ["20.00", "2.50", "(2.00", "to", "3.00)"]


@pytest.mark.parametrize(
    "args, code", [(["resnet"], 2), (["report_fast", "--data", "no-such"], 3), (["report_fast", "--images", "1"], 2)]
)
def test_bad_input_is_one_line(args, code, capfd):
    assert main(args) == code
    assert capfd.readouterr().err.count("error: ") == 1
