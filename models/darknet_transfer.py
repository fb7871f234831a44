"""Turns a network that was trained for some classes into one for others: new heads on the old layers."""

from typing import Iterable, Iterator, List, Optional, Sequence, Set, Tuple

import numpy as np

from models import darknet_table as table
from models.darknet import Parameters

BOX, OBJECTNESS = 4, 4  # an anchor's logits: four of its box, then its objectness, then the classes
# Of a cell's objectness before training: about 1 % of the cells see an object, and a loss that begins at a half for all
# of them would first unlearn what the network knows. After Lin et al. 2017 (Focal Loss), section 4.1.
PRIOR = 0.01
DEVIATION = 0.01  # of the new kernels
CERTAIN = 5.0  # logit of a class that is the only one

Anchors = Sequence[Tuple[float, float]]


def with_classes(network: table.Network, classes: int, anchors: Optional[Sequence[Anchors]] = None) -> table.Network:
    """The same network with heads for so many classes. anchors: new ones for each head, as many as it has.

    Raises ValueError where a head is not a convolution of its own without batch normalisation.
    """
    filters = {head.source: len(head.anchors) * (5 + classes) for head in network.heads}
    layers: List[table.Layer] = []
    for layer in network.layers:
        if filters.keys() & set(layer.sources):
            raise ValueError(f"{layer.name} uses what a head returns, which changes with the classes")
        if layer.name in filters:
            if not isinstance(layer, table.Conv) or layer.batch_norm or layer.groups > 1:
                raise ValueError(f"{layer.name} is no plain convolution, as the last layer before a head should be")
            layer = layer._replace(filters=filters[layer.name])
        layers.append(layer)
    chosen = [head.anchors for head in network.heads] if anchors is None else [tuple(own) for own in anchors]
    heads = tuple(head._replace(anchors=own) for head, own in zip(network.heads, chosen))
    return network._replace(layers=tuple(layers), heads=heads, classes=classes)


def transferred(
    old: table.Network, parameters: Iterable[Parameters], new: table.Network, seed: int = 0
) -> Iterator[Parameters]:
    """The parameters of `new`, which is `with_classes` of `old`: the old ones, but for objectness and classes.

    What a head knows of boxes does not depend on the classes, so it is kept where the anchors are the same.
    """
    rng = np.random.default_rng(seed)
    heads = {head.source: (head, other) for head, other in zip(old.heads, new.heads)}
    convolutions = [layer for layer in old.layers if isinstance(layer, table.Conv)]
    for layer, own in zip(convolutions, parameters):
        if layer.name in heads:
            before, after = heads[layer.name]
            yield _head(own, before, after, old.classes, new.classes, rng)
        else:
            yield own


def shared_layers(network: table.Network) -> Set[str]:
    """Names of the layers that every head depends on, the backbone; a head's own last layer is not one of them."""
    found: List[Set[str]] = []
    for head in network.heads:
        needed = {head.source}
        for layer in reversed(network.layers):
            if layer.name in needed:
                needed.update(layer.sources)
        found.append(needed - {head.source})
    return set.intersection(*found) - {table.INPUT}


def _head(
    own: Parameters, before: table.Head, after: table.Head, old: int, new: int, rng: np.random.Generator
) -> Parameters:
    """The last convolution of a head."""
    count, inputs = len(after.anchors), own.kernel.shape[1:]
    kernel = rng.normal(0, DEVIATION, (count, 5 + new, *inputs)).astype(np.float32)
    bias = np.zeros((count, 5 + new), np.float32)
    bias[:, OBJECTNESS] = np.log(PRIOR / (1 - PRIOR))
    bias[:, 5:] = -np.log(new - 1) if new > 1 else CERTAIN
    if before.anchors == after.anchors:
        kernel[:, :BOX] = own.kernel.reshape(count, 5 + old, *inputs)[:, :BOX]
        bias[:, :BOX] = own.beta.reshape(count, 5 + old)[:, :BOX]
    return Parameters(kernel.reshape(-1, *inputs), bias.ravel())
