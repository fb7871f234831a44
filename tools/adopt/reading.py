"""Reads an ONNX file that may be anything: bounded in size, with all weights in memory, and nothing of it executed."""

import os
from typing import Any, Iterator

import onnx
from graphlib import CycleError, TopologicalSorter

from app.backends import running
from app.errors import ModelError

LARGEST = 1 << 30  # bytes of a file with its weights; the largest detectors of today have 300 MB
OTHERS = {  # files that are not ONNX, and what to do with them
    ".pt": "export it first, with its own program: yolo export model={} format=onnx opset=13",
    ".pth": "export it first, with the program that trained it, as ONNX",
    ".cfg": "convert it: python -m tools.convert --cfg {} --weights FILE.weights",
    ".weights": "convert it: python -m tools.convert --cfg FILE.cfg --weights {}",
}


def read_model(path: str) -> Any:
    """The model in an ONNX file, as onnx.ModelProto. Raises ModelError."""
    other = OTHERS.get(os.path.splitext(path)[1].lower())
    if other is not None:
        raise ModelError(f"{path}: is not an ONNX file; {other.format(path)}")
    if not os.path.isfile(path):
        raise ModelError(f"{path}: is not a file" if os.path.exists(path) else f"{path}: no such file")
    data = _read(path, 0, os.path.getsize(path))
    try:
        model = onnx.ModelProto.FromString(data)
    except Exception as error:  # of protobuf's, whose classes differ between releases
        raise ModelError(f"{path}: is not an ONNX file, or it is damaged") from error
    if not model.graph.node or not model.graph.output:
        raise ModelError(f"{path}: is not an ONNX file, or it has no network")
    _embed(model, path)
    _sort(model.graph)
    with running("onnx", path):
        onnx.checker.check_model(model)
    return model


def _read(path: str, start: int, length: int) -> bytes:
    if length > LARGEST:
        raise ModelError(f"{path}: has {length / 1e9:.1f} GB, may have {LARGEST / 1e9:.1f}; no detector is so large")
    try:
        with open(path, "rb") as file:
            file.seek(start)
            return file.read(length)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error


def _embed(model: Any, path: str) -> None:
    """Load weights that are in files of their own, which must lie beside the model."""
    left = LARGEST
    for tensor in _tensors(model.graph):
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        where = {entry.key: entry.value for entry in tensor.external_data}
        location = where.get("location", "")
        beside = os.path.join(os.path.dirname(path), location)
        if os.path.basename(location) != location or os.path.islink(beside) or not os.path.isfile(beside):
            raise ModelError(f"{path}: its weights should be in a file beside it, not in {location!r}")
        try:
            start, size = int(where.get("offset", 0)), os.path.getsize(beside)
            length = int(where.get("length", size - start))
        except ValueError:
            start, length, size = 0, -1, 0
        if start < 0 or length < 0 or start + length > size or length > left:
            raise ModelError(f"{path}: {location!r} is too short for its weights, or too large; export it again")
        left -= length
        tensor.raw_data = _read(beside, start, length)
        tensor.data_location = onnx.TensorProto.DEFAULT
        del tensor.external_data[:]


def _sort(graph: Any) -> None:
    """Put the operators into an order in which they can run, where they are not: half precision exports have a
    conversion of the input at their end. ONNX asks for that order, and ONNX Runtime does not mind.
    """
    makers = {name: number for number, node in enumerate(graph.node) for name in node.output}
    needs = {number: {makers[name] for name in node.input if name in makers} for number, node in enumerate(graph.node)}
    if all(maker < number for number, makers in needs.items() for maker in makers):
        return
    try:
        order = list(TopologicalSorter(needs).static_order())
    except CycleError:
        return  # the checker says what is wrong
    nodes = [graph.node[number] for number in order]
    del graph.node[:]
    graph.node.extend(nodes)


def _tensors(graph: Any) -> Iterator[Any]:
    """All constants of a graph, but not of graphs within it: those are refused."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for attribute in node.attribute:
            yield attribute.t
            yield from attribute.tensors
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)
