"""The loop with something added, beside the loop alone."""

from functools import partial
from typing import Any, Dict, List, Tuple

from app.modelcard import read_card
from tools.bench.bare import Bare
from tools.bench.loops import input_shape, open_model, worker_name
from tools.bench.rivals import Loop, Network
from tools.bench.turns import FEWEST, Runner, Setting, rates, ratio, take_turns
from tools.json_file import Json


def compare_addition(setting: Setting, name: str, **added: Any) -> Json:
    """Rates and ratios of the loop with each number of workers, without and with an addition, in turns.

    name: of the loop that has it. added: the options of `Loop` that it is.
    """
    card = read_card(setting.model)
    shape = input_shape(setting)
    networks = {count: Network(partial(open_model, setting, count), shape) for count in setting.workers}
    runners: Dict[str, Runner] = {"bare": Bare(setting.model, shape, setting.threads)}
    pairs: List[Tuple[str, str]] = []
    for count, network in networks.items():
        plain, other = f"loop, {worker_name(count)}", f"{name}, {worker_name(count)}"
        runners[plain] = Loop(network.backend, card, setting.video, setting.size)
        runners[other] = Loop(network.backend, card, setting.video, setting.size, **added)
        pairs += [(plain, "bare"), (other, "bare"), (other, plain)]
    frames = max(FEWEST, int(setting.seconds * runners["bare"](FEWEST)))
    rounds = take_turns(runners, dict.fromkeys(runners, frames), setting)
    return {
        "input": list(shape),
        "frames": frames,
        "warm_up_ms": {worker_name(count): network.warm_up_ms for count, network in networks.items()},
        "fps": rates(rounds),
        **{f"{one}/{base}": ratio(rounds, one, base) for one, base in pairs},
    }
