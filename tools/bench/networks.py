"""The backends without a loop: the network alone, on one tensor of noise."""

import os
from typing import Any, Dict, Sequence, Tuple

from app.backends import backend_class, open_backend
from app.errors import ModelError
from tools.bench.rivals import KerasPredict, Network
from tools.bench.turns import Setting, rates, ratio, take_turns
from tools.json_file import Json

# Backends, and backends in a precision.
BACKENDS = ("onnx", "openvino", "openvino:bf16", "tensorflow", "opencv", "tensorrt")
KERAS = "keras"  # not a backend, but the obvious alternative
PROBE = 10  # frames from which the length of a turn is estimated


def compare_networks(setting: Setting) -> Json:
    """The network alone, on square input, in each backend that runs here and in Keras's predict()."""
    shape = (setting.size, setting.size)
    networks, absent = open_networks(setting, shape, (*BACKENDS, KERAS))
    try:
        frames = {name: max(PROBE, int(setting.seconds * network(PROBE))) for name, network in networks.items()}
        rounds = take_turns(dict(networks), frames, setting)
    finally:
        for network in networks.values():
            network.close()
    ratios = {
        f"{name}/{base}": ratio(rounds, name, base)
        for base in ("onnx", KERAS)
        for name in networks
        if base in networks and name != base
    }
    return {"input": list(shape), **about(networks, absent), "fps": rates(rounds), **ratios}


def open_networks(
    setting: Setting, shape: Tuple[int, int], all_names: Sequence[str]
) -> Tuple[Dict[str, Any], Dict[str, str]]:
    """The setting's backends, else those of `all_names` that run here; and the reasons of those that do not, by name.

    Raises ModelError if a backend that was named does not run, or none does.
    """
    networks: Dict[str, Any] = {}
    absent: Dict[str, str] = {}
    try:
        for name in setting.backends or all_names:
            try:
                networks[name] = _open(setting.model, name, shape)
            except ModelError as error:
                if setting.backends:
                    raise
                absent[name] = str(error)
        if not networks:
            raise ModelError("no backend runs here; see: python -m app.detect --list-backends")
    except BaseException:
        for network in networks.values():
            network.close()
        raise
    return networks, absent


def about(networks: Dict[str, Any], absent: Dict[str, str]) -> Json:
    """What runs and on what, what does not and why, and the warm-up times."""
    return {
        "what": {name: network.description for name, network in networks.items()},
        "absent": absent,
        "warm_up_ms": {name: network.warm_up_ms for name, network in networks.items()},
    }


def _open(model: str, name: str, shape: Tuple[int, int]) -> Any:
    if name == KERAS:
        return KerasPredict(os.path.splitext(model)[0] + ".weights", shape)
    backend, _, precision = name.partition(":")
    backend_class(backend)  # imports the runtime, which is no part of the warm-up
    return Network(lambda: open_backend(model, backend, "auto", precision or "auto"), shape)
