"""Small pictures early in a run, on a stand-in for a registered network: what a kill between the sizes changes."""

import json

import numpy as np
import pytest

keras = pytest.importorskip("keras", "3")
pytest.importorskip("tensorflow")
pytest.importorskip("matplotlib")

from support.program import call  # noqa: E402
from support.squares import write_squares  # noqa: E402

from models import cifar  # noqa: E402
from models.task import SAME, entrance, logits  # noqa: E402
from tools.train.__main__ import main  # noqa: E402
from tools.train.journal import Journal  # noqa: E402

pytestmark = pytest.mark.slow
RUN = ["report_fast", "--epochs", "4", "--batch", "100", "--precision", "float32", "--small-first", "16"]


def any_size(task, size=None, dropout=0.0):
    """A convolution, a norm, a mean and a dense layer, for pictures of any size."""
    inputs, x = entrance(task, size, any_size=True)
    x = keras.layers.Conv2D(8, 3, 2, use_bias=False, **SAME)(x)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization(axis=-1)(x))
    return keras.Model(inputs, logits(keras.layers.GlobalAveragePooling2D()(x), task))


@pytest.mark.parametrize("stopped_after", [2])  # any other passes where this one does, and takes as long
def test_a_run_that_is_stopped_before_at_or_after_the_growth_ends_as_one_that_is_not(
    monkeypatch, tmp_path, stopped_after
):
    """With averaged weights and decay, whose state an optimiser keeps over both sizes."""
    data = write_squares(tmp_path)
    monkeypatch.setitem(cifar.NETWORKS, "report_fast", any_size)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    code, _, err = call(main, *RUN, "--data", data, "--run", whole)
    assert code == 0, err
    publish = Journal.publish

    def stop(journal):
        publish(journal)
        if len(journal.epochs) == stopped_after:
            raise KeyboardInterrupt

    monkeypatch.setattr(Journal, "publish", stop)
    assert call(main, *RUN, "--data", data, "--run", parts)[0] == 130
    monkeypatch.setattr(Journal, "publish", publish)
    code, _, err = call(main, "--resume", parts)
    assert code == 0, err
    logs = [[json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()] for run in (whole, parts)]
    assert [line["size"] for line in logs[0]] == [16, 16, 32, 32]
    for one, other in zip(*logs):
        assert {**one, "elapsed_s": 0} == pytest.approx({**other, "elapsed_s": 0}, abs=1e-4)
    saved = [keras.models.load_model(run / "epoch-0004.keras") for run in (whole, parts)]
    for one, other in zip(saved[0].weights, saved[1].weights):
        np.testing.assert_allclose(one.numpy(), other.numpy(), atol=1e-5)
