"""Build a TensorRT engine from an ONNX file, for one input size and the GPU of this machine.

The engine is written beside the model, with a sidecar that records what it fits. On a Jetson Nano this takes minutes.
"""

import argparse
import gc
import multiprocessing
import os
import re
import signal
import sys
from typing import Any, List, NamedTuple, NoReturn, Optional, Sequence, Tuple

from tqdm import tqdm

from app.artefact import read_artefact, write_artefact
from app.backends import importing, running
from app.command import Parser, exit_code, print_lines
from app.engine import EngineSource, EngineTarget, engine_path, size_axes, size_text, write_engine
from app.errors import ModelError, OutputError, UsageError, say, warn
from app.files import check_writable
from app.modelcard import CLASSIFICATION, input_multiple, read_card, read_fields

ADD_SWAP = (
    "sudo fallocate -l 4G /swapfile && sudo chmod 600 /swapfile && sudo mkswap /swapfile && sudo swapon /swapfile"
)
# Bytes of memory and swap that must be free. On a Nano a build needs about 4 GB of swap besides the 2 to 3 GB of memory
# that are free there. With a GPU that has its own memory, the host needs room for TensorRT and the weights only.
NEEDED_WHERE_SHARED = 5 << 30
NEEDED_ELSEWHERE = 2 << 30

EXAMPLES = """examples:
  python -m tools.build_engine weights/yolov3-tiny.onnx --size 416x320 --fp16
  python -m tools.build_engine weights/yolov3-tiny.onnx --size 160x128 --fp16 --workspace 128M
  python -m tools.build_engine weights/nano_resnet_s.onnx --fp16

SIZE is the network's input, width x height. For `app.detect --size 416` it is 416x320 with a 640x480 camera, 416x256
with 1280x720, and 416x416 with --square. A model with a fixed input size needs no --size.
"""

Size = Tuple[int, int]


def build(args: argparse.Namespace) -> int:
    """Build in a child process, and return its exit code. Raises ModelError when the system killed it.

    A child, so that Ctrl-C works while TensorRT is busy, and running out of memory can be told from other failures.
    """
    fields = read_fields(args.model)
    multiple = input_multiple(fields, args.model)
    if args.size is None and "size" in fields["input"] and fields.get("task") != CLASSIFICATION:
        card = read_card(args.model)
        args.size = card.sides(max(card.size or (0,)))
    if args.size is not None and any(side % multiple for side in args.size):
        raise UsageError(f"--size {args.size[0]}x{args.size[1]}: should be multiples of {multiple}")
    gc.collect()  # garbage must not be collected in the child, which lacks the threads of a runtime loaded here
    child = multiprocessing.get_context("fork").Process(target=_child, args=(args, fields["sha256"]))
    signal.signal(signal.SIGTERM, _leave)
    child.start()
    try:
        child.join()
    finally:
        child.terminate()
        child.join()
    code = child.exitcode or 0
    if code == -signal.SIGKILL:
        raise ModelError(f"the build was killed, most likely for lack of memory; add swap: {ADD_SWAP}")
    if code < 0:
        raise ModelError(f"TensorRT crashed ({signal.Signals(-code).name})")
    return code


def _leave(number: int, _: Any) -> NoReturn:
    """On a signal, exit so that every `finally` runs."""
    sys.exit(128 + number)


def _child(args: argparse.Namespace, model_hash: str) -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C, and ends this process
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # ends TensorRT at once; a handler in Python would wait for it
    sys.exit(exit_code(lambda: _build(args, model_hash)))


def _build(args: argparse.Namespace, model_hash: str) -> None:
    """Find the GPU, build for it, and write the engine."""
    from app.backends.tensorrt_releases import RUNTIME

    if args.capability is not None:
        check_memory(NEEDED_ELSEWHERE, args.no_memory_check)
        target, gpu_name = EngineTarget(RUNTIME, "sm{}{}".format(*args.capability)), "not here"
        built = _compile(args, model_hash, target)
    else:
        from app.backends.cuda import Gpu

        gpu = Gpu()
        target, gpu_name = EngineTarget(RUNTIME, gpu.architecture), gpu.name
        check_memory(NEEDED_WHERE_SHARED if gpu.shares_memory else NEEDED_ELSEWHERE, args.no_memory_check)
        with gpu:
            built = _compile(args, model_hash, target)
        gpu.close()
    print_lines([write_engine(built.engine, built.made, target, gpu_name, built.outputs)])
    if built.timings is not None:
        try:
            write_artefact(built.cache_path, built.timings, args.model, model_hash, {"runtime": target.runtime})
        except OutputError as error:
            warn(f"{error}; the next build will time all layers again")


def check_memory(needed: int, ignore: bool = False) -> None:
    """Raise ModelError, with the command that adds swap, unless `needed` bytes of memory and swap are free."""
    free = free_memory()
    if free is not None and free < needed and not ignore:
        raise ModelError(
            f"a build takes {needed / 1e9:.1f} GB of memory and swap, {free / 1e9:.1f} GB are free; "
            f"use --no-memory-check, or add swap: {ADD_SWAP}"
        )


def free_memory(meminfo: str = "/proc/meminfo") -> Optional[int]:
    """Bytes of free memory and swap; None if the system does not tell."""
    try:
        with open(meminfo) as file:
            fields = dict(line.split(":", 1) for line in file)
        return sum(int(fields[name].split()[0]) for name in ("MemAvailable", "SwapFree")) << 10
    except (OSError, ValueError, KeyError):
        return None


class _Built(NamedTuple):
    """An engine, what it was built from, the names of its outputs, and the layer timings that speed up later builds."""

    engine: bytes
    made: EngineSource
    outputs: List[str]
    cache_path: str
    timings: Optional[bytes]


def _compile(args: argparse.Namespace, model_hash: str, target: EngineTarget) -> _Built:
    """Parse and build. Raises ModelError, with TensorRT's reason."""
    from app.backends import tensorrt_releases as releases

    bar = tqdm(unit=" steps", disable=None, bar_format="building, {elapsed}, {n_fmt}{unit} {postfix}")

    def step(name: str) -> None:
        bar.set_postfix_str(name, refresh=False)
        bar.update()

    def watch(message: str) -> None:
        layer = re.search(r"Timing Runner: (.*)", message)  # the only sign of progress before 8.6
        if layer:
            step(layer.group(1))

    releases.LOG.watch = watch
    with bar:
        build = releases.Build()
        try:
            build.parse(_model_bytes(args, releases.has_fp16_flag()))
        except ModelError as error:
            raise ModelError(f"{args.model}: {error}") from error
        name, free = build.input()
        shape = input_shape(free, args.size, args.model)
        build.fix_shape(name, shape)
        build.limit_workspace(args.workspace)
        if args.fp16 and releases.has_fp16_flag():
            build.allow_fp16()
        if args.capability is not None:
            build.aim_at(args.capability)
        build.watch_progress(step)
        cache_path = timing_cache_path(args.model, target)
        cache = build.use_timing_cache(_read_cache(cache_path))
        made = EngineSource(args.model, model_hash, shape, "fp16" if args.fp16 else "fp32")
        check_writable(engine_path(made, target))
        say(f"building for {target.gpu}; this takes minutes on a Jetson Nano")
        engine = build.run()
        signal.signal(signal.SIGTERM, _leave)  # files are written completely from here on, or removed
        if engine is None:
            raise ModelError(f"{args.model}: {_reason(releases.LOG)}")
    timings = None if cache is None else bytes(cache.serialize())
    outputs = [build.network.get_output(index).name for index in range(build.network.num_outputs)]
    return _Built(engine, made, outputs, cache_path, timings)


def _model_bytes(args: argparse.Namespace, has_fp16_flag: bool) -> bytes:
    """The ONNX file, converted to FP16 if wanted where TensorRT has no flag for that."""
    with open(args.model, "rb") as file:
        data = file.read()
    if not args.fp16 or has_fp16_flag:
        return data
    with importing("ONNX Runtime's converter to FP16", "python3 -m pip install onnx onnxruntime"):
        import onnx
        from onnxruntime.transformers.float16 import convert_float_to_float16
        from onnxruntime.transformers.onnx_model import OnnxModel
    with running("The conversion to FP16"):
        converted = convert_float_to_float16(onnx.load_from_string(data), keep_io_types=True)
        OnnxModel(converted).topological_sort()  # the converter puts its casts at the end
    serialized: bytes = converted.SerializeToString()
    return serialized


def input_shape(free: Sequence[int], size: Optional[Size], model: str) -> Tuple[int, ...]:
    """The input shape to build for: batch 1, and `size` (width, height) where the model leaves it free.

    free: the shape of the model's input, -1 where free. Raises ModelError when the model takes no images, or none of
    this size, and UsageError when it needs a size.
    """
    if len(free) != 4:
        raise ModelError(f"{model}: its input has {len(free)} dimensions, should have 4")
    shape = [1 if side == -1 else side for side in free[:1]] + list(free[1:])
    wanted = (-1, -1) if size is None else (size[1], size[0])
    for axis, side in zip(size_axes(shape), wanted):
        if shape[axis] == -1:
            shape[axis] = side
        elif side not in (-1, shape[axis]):
            raise ModelError(f"{model}: takes images of {size_text(shape)} only")
    if -1 in shape:
        raise UsageError(f"{model}: takes any size; choose one with --size WIDTHxHEIGHT")
    return tuple(shape)


def timing_cache_path(model: str, target: EngineTarget) -> str:
    """Where layer timings are kept, for all models in a folder."""
    name = f"timing.{target.runtime.replace(' ', '')}.{target.gpu}.cache"
    return os.path.join(os.path.dirname(model), name)


def _read_cache(path: str) -> bytes:
    """The timings of earlier builds; empty if there are none, or they are damaged."""
    if not os.path.exists(path):
        return b""
    try:
        return read_artefact(path, "python -m tools.build_engine")
    except ModelError as error:
        warn(f"{error}; timing all layers again")
        return b""


def _reason(log: Any) -> str:
    if log.out_of_memory:
        return f"TensorRT ran out of memory; lower --workspace, or, where the GPU shares it, add swap: {ADD_SWAP}"
    return f"TensorRT cannot build it: {log.reason()}"


def _match(pattern: str, text: str, expected: str) -> Any:
    match = re.match(pattern, text)
    if not match:
        raise argparse.ArgumentTypeError(f"should be {expected}, is {text}")
    return match


def _size(text: str) -> Size:
    match = _match(r"^([1-9]\d{0,4})(?:x([1-9]\d{0,4}))?$", text, "WIDTHxHEIGHT, as 416x320")
    return int(match.group(1)), int(match.group(2) or match.group(1))


def _memory(text: str) -> int:
    match = _match(r"^(\d{1,6})([KMG])$", text, "memory, as 256M or 1G")
    return int(match.group(1)) << {"K": 10, "M": 20, "G": 30}[match.group(2)]


def _capability(text: str) -> Tuple[int, int]:
    match = _match(r"^(\d{1,2})\.(\d)$", text, "a compute capability, as 8.9")
    return int(match.group(1)), int(match.group(2))


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    parser = Parser(prog="python -m tools.build_engine", description=__doc__, epilog=EXAMPLES)
    parser.add_argument("model", metavar="MODEL", help="an .onnx file with its card beside it")
    parser.add_argument(
        "--size",
        type=_size,
        metavar="WIDTHxHEIGHT",
        help="input size of the network, one number for a square (default: the model's own, where it has one)",
    )
    parser.add_argument(
        "--fp16", action="store_true", help="compute in FP16, on a Jetson Nano about twice as fast (default: FP32)"
    )
    parser.add_argument(
        "--workspace", type=_memory, default="256M", metavar="N", help="memory for the layers (default: %(default)s)"
    )
    parser.add_argument(
        "--capability",
        type=_capability,
        metavar="X.Y",
        help="build for another GPU, with this compute capability; TensorRT for RTX only (default: this machine's)",
    )
    parser.add_argument(
        "--no-memory-check", action="store_true", help="build even when little memory is free (default: check)"
    )
    code = 0

    def work() -> None:
        nonlocal code
        code = build(parser.parse_args(argv))

    return exit_code(work) or code


if __name__ == "__main__":
    sys.exit(main())
