import re

import pytest

from app.errors import UsageError
from tools.sweep.grid import ACCURACY, Combination, as_json, combinations, from_json, tasks
from tools.sweep.options import SIZES, make_parser


def grid_of(*options):
    args = make_parser().parse_args(options)
    return combinations(args.captures, args.sizes or SIZES, args.fps, args.backends, args.pacing)


def test_the_default_grid_is_that_of_the_report():
    expected = {
        (capture, size, fps, "auto", "deadline")
        for capture in ((320, 240), (640, 480))
        for size in (160, 320)
        for fps in (24.0, 40.0)
    }
    grid = grid_of()
    assert len(grid) == 8
    assert set(grid) == expected


def test_max_has_nothing_to_pace_and_is_tried_once():
    grid = grid_of("--fps", "max", "24", "--pacing", "delay", "deadline", "--sizes", "32", "--captures", "own")
    assert [(combination.fps, combination.pacing) for combination in grid] == [
        (None, "deadline"),
        (24.0, "delay"),
        (24.0, "deadline"),
    ]


def test_what_is_named_twice_is_tried_once():
    grid = grid_of("--sizes", "64", "32", "64", "--fps", "24", "24.0", "max", "--captures", "own", "own")
    assert [(combination.size, combination.fps) for combination in grid] == [(64, 24), (64, None), (32, 24), (32, None)]


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(["--fps", "29.97", "29.970001", "30"], id="rates that are called the same"),
        pytest.param(["--captures", "own", "64x48", "48x64", "640x48", "64x480"], id="captures"),
        pytest.param(["--backends", "auto", "onnx", "openvino", "openvino:bf16", "openvino:fp32"], id="backends"),
        pytest.param(["--pacing", "delay", "deadline", "--fps", "max", "1", "0.1", "1000"], id="pacing"),
    ],
)
def test_keys_are_unique_and_file_names(options):
    planned = tasks(grid_of(*options), 3, labelled=True)
    keys = [task.key for task in planned]
    assert len(set(keys)) == len(keys)
    for task in planned:
        assert re.match(r"[a-z0-9_.-]+$", task.combination.key)


def test_each_round_is_another_order_of_all():
    grid = grid_of()
    planned = tasks(grid, 3, labelled=False)
    rounds = [[task.combination for task in planned if task.round == turn] for turn in (1, 2, 3)]
    assert [task.round for task in planned] == [1] * 8 + [2] * 8 + [3] * 8
    for combinations_of_round in rounds:
        assert sorted(map(str, combinations_of_round)) == sorted(map(str, grid))
    assert rounds[0] != rounds[1] != rounds[2] != rounds[0]


def test_the_order_is_repeatable_and_more_rounds_change_none_before():
    grid = grid_of()
    assert tasks(grid, 2, labelled=True) == tasks(grid, 5, labelled=True)[: 3 * len(grid)]


def test_accuracy_is_measured_once_and_first():
    grid = grid_of()
    planned = tasks(grid, 2, labelled=True)
    assert [task.combination for task in planned[:8]] == grid
    assert {task.round for task in planned[:8]} == {ACCURACY}
    assert ACCURACY not in {task.round for task in planned[8:]}


@pytest.mark.parametrize(
    "combination",
    [
        Combination(None, 160, None, "auto", "deadline"),
        Combination((320, 240), 416, 29.97, "openvino:bf16", "delay"),
    ],
)
def test_json_and_back(combination):
    assert from_json(as_json(combination)) == combination


@pytest.mark.parametrize("damage", [{"size": "big"}, {"capture": [320]}, {"capture": 320}, {"fps": "x"}])
def test_what_is_not_a_combination(damage):
    fields = dict(as_json(Combination(None, 160, None, "auto", "deadline")), **damage)
    with pytest.raises((KeyError, TypeError, ValueError, IndexError)):
        from_json(fields)


@pytest.mark.parametrize(
    "options, named",
    [
        (["--captures", "axb"], "a resolution other than own should be WIDTHxHEIGHT, as 640x480, from"),
        (["--fps", "0"], "0.1 to 1000, is 0"),
        (["--sizes", "8192"], "a size should be from 1 to 4096"),
        (["--rounds", "0"], "is 0"),
        (["--frames", "3"], "from 5"),
        (["--conf", "1.5"], "is 1.5"),
        (["--backends", "keras"], "choose from auto, onnx"),
        (["--backends", "onnx:int4"], "choose from auto, onnx"),
        (["--backends", "onnx:"], "choose from auto, onnx"),
        (["--pacing", "never"], "invalid choice"),
        (["--sizes"], "expected at least one"),
    ],
)
def test_options_that_make_no_sense(options, named):
    with pytest.raises(UsageError) as caught:
        make_parser().parse_args(options)
    assert named in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
