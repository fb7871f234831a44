"""Builds a TensorRT engine of an ONNX file, for one input size and the GPU that is here.

The engine is written beside the model, with a sidecar that says what it fits. It takes minutes on a Jetson Nano.
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
from app.command import Parser, exit_code
from app.engine import EngineSource, EngineTarget, engine_path, size_axes, size_text, write_engine
from app.errors import ModelError, OutputError, UsageError, warn
from app.files import check_writable
from app.modelcard import input_multiple, read_fields

ADD_SWAP = (
    "sudo fallocate -l 4G /swapfile && sudo chmod 600 /swapfile && sudo mkswap /swapfile && sudo swapon /swapfile"
)
# Memory and swap that must be free, in bytes. On a Nano a build needs about 4 GB of swap beside the 2 to 3 GB of memory
# that are free there. A GPU with memory of its own leaves the host with TensorRT's libraries and the weights.
NEEDED_WHERE_SHARED = 5 << 30
NEEDED_ELSEWHERE = 2 << 30

EXAMPLES = """examples:
  python -m tools.build_engine weights/yolov3-tiny.onnx --size 416x320 --fp16
  python -m tools.build_engine weights/yolov3-tiny.onnx --size 160x128 --fp16 --workspace 128M

SIZE is the network's input, width x height. For `app.detect --size 416` it is 416x320 with a 640x480 camera, 416x256
with 1280x720, and 416x416 with --square. A model with a fixed size needs none.
"""

Size = Tuple[int, int]


def build(args: argparse.Namespace) -> int:
    """Build in a process of its own; its exit code. Raises ModelError when the system killed it.

    So Ctrl-C works while TensorRT is busy, and a build that runs out of memory is told from one that ended.
    """
    fields = read_fields(args.model)
    multiple = input_multiple(fields, args.model)
    if args.size is not None and any(side % multiple for side in args.size):
        raise UsageError("--size {}x{}: should be multiples of {}".format(args.size[0], args.size[1], multiple))
    gc.collect()  # what is garbage here must not be collected in the child: a runtime's threads are not there
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
        raise ModelError("the build was killed, most likely for lack of memory; add swap: {}".format(ADD_SWAP))
    if code < 0:
        raise ModelError("TensorRT crashed ({})".format(signal.Signals(-code).name))
    return code


def _leave(number: int, _: Any) -> NoReturn:
    """On a signal, end by way of every `finally`."""
    sys.exit(128 + number)


def _child(args: argparse.Namespace, model_hash: str) -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which ends this process
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # ends TensorRT at once, which a handler in Python would not
    sys.exit(exit_code(lambda: _build(args, model_hash)))


def _build(args: argparse.Namespace, model_hash: str) -> None:
    """Find the GPU, build for it, and write the engine."""
    from app.backends.tensorrt_releases import RUNTIME

    if args.capability is not None:
        check_memory(NEEDED_ELSEWHERE, args.no_memory_check)
        place, gpu_name = EngineTarget(RUNTIME, "sm{}{}".format(*args.capability)), "not here"
        built = _compile(args, model_hash, place)
    else:
        from app.backends.cuda import Gpu

        gpu = Gpu()
        place, gpu_name = EngineTarget(RUNTIME, gpu.architecture), gpu.name
        check_memory(NEEDED_WHERE_SHARED if gpu.shares_memory else NEEDED_ELSEWHERE, args.no_memory_check)
        with gpu:
            built = _compile(args, model_hash, place)
        gpu.close()
    print(write_engine(built.engine, built.made, place, gpu_name, built.outputs))
    if built.timings is not None:
        try:
            write_artefact(built.cache_path, built.timings, args.model, model_hash, {"runtime": place.runtime})
        except OutputError as error:
            warn("{}; the next build will time all layers again".format(error))


def check_memory(needed: int, ignore: bool = False) -> None:
    """Raise ModelError, with the command that adds swap, unless so many bytes of memory and swap are free."""
    free = free_memory()
    if free is not None and free < needed and not ignore:
        raise ModelError(
            "a build takes {:.1f} GB of memory and swap, {:.1f} GB are free; use --no-memory-check, or add swap: "
            "{}".format(needed / 1e9, free / 1e9, ADD_SWAP)
        )


def free_memory(meminfo: str = "/proc/meminfo") -> Optional[int]:
    """Bytes of memory and swap that are free; None where the system does not say."""
    try:
        with open(meminfo) as file:
            fields = dict(line.split(":", 1) for line in file)
        return sum(int(fields[name].split()[0]) for name in ("MemAvailable", "SwapFree")) << 10
    except (OSError, ValueError, KeyError):
        return None


class _Built(NamedTuple):
    """An engine with what it was made of, the names of its outputs, and the timings of layers for later builds."""

    engine: bytes
    made: EngineSource
    outputs: List[str]
    cache_path: str
    timings: Optional[bytes]


def _compile(args: argparse.Namespace, model_hash: str, place: EngineTarget) -> "_Built":
    """Parse and build. Raises ModelError, with TensorRT's reason."""
    from app.backends import tensorrt_releases as releases

    bar = tqdm(
        unit=" steps",
        disable=None,
        bar_format="building, {elapsed}, {n_fmt}{unit} {postfix}",
    )

    def step(name: str) -> None:
        bar.set_postfix_str(name, refresh=False)
        bar.update()

    def watch(message: str) -> None:
        layer = re.search(r"Timing Runner: (.*)", message)  # all that releases before 8.6 say of their progress
        if layer:
            step(layer.group(1))

    releases.LOG.watch = watch
    with bar:
        build = releases.Build()
        try:
            build.parse(_model_bytes(args, releases.has_fp16_flag()))
        except ModelError as error:
            raise ModelError("{}: {}".format(args.model, error)) from error
        name, free = build.input()
        shape = input_shape(free, args.size, args.model)
        build.fix_shape(name, shape)
        build.limit_workspace(args.workspace)
        if args.fp16 and releases.has_fp16_flag():
            build.allow_fp16()
        if args.capability is not None:
            build.aim_at(args.capability)
        build.watch_progress(step)
        cache_path = timing_cache_path(args.model, place)
        cache = build.use_timing_cache(_read_cache(cache_path))
        made = EngineSource(args.model, model_hash, shape, "fp16" if args.fp16 else "fp32")
        check_writable(engine_path(made, place))
        print("building for {}; this takes minutes on a Jetson Nano".format(place.gpu), file=sys.stderr, flush=True)
        engine = build.run()
        signal.signal(signal.SIGTERM, _leave)  # what is written from here on is written whole, or removed
        if engine is None:
            raise ModelError("{}: {}".format(args.model, _why(releases.LOG)))
    timings = None if cache is None else bytes(cache.serialize())
    outputs = [build.network.get_output(index).name for index in range(build.network.num_outputs)]
    return _Built(engine, made, outputs, cache_path, timings)


def _model_bytes(args: argparse.Namespace, has_fp16_flag: bool) -> bytes:
    """The ONNX file, converted to FP16 where it is the only way to have TensorRT compute so."""
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
    """The shape to build for: that of the model's input, -1 where free, with a batch of 1 and the size asked for.

    Raises ModelError when the model takes no images, or not of this size, and UsageError when the size is needed.
    """
    if len(free) != 4:
        raise ModelError("{}: its input has {} dimensions, should have 4".format(model, len(free)))
    shape = [1 if side == -1 else side for side in free[:1]] + list(free[1:])
    wanted = (-1, -1) if size is None else (size[1], size[0])
    for axis, side in zip(size_axes(shape), wanted):
        if shape[axis] == -1:
            shape[axis] = side
        elif side not in (-1, shape[axis]):
            raise ModelError("{}: takes images of {} only".format(model, size_text(shape)))
    if -1 in shape:
        raise UsageError("{}: takes any size; say which with --size WIDTHxHEIGHT".format(model))
    return tuple(shape)


def timing_cache_path(model: str, place: EngineTarget) -> str:
    """Where the timings of layers are kept, for all models in a folder."""
    name = "timing.{}.{}.cache".format(place.runtime.replace(" ", ""), place.gpu)
    return os.path.join(os.path.dirname(model), name)


def _read_cache(path: str) -> bytes:
    """The timings of earlier builds; none where there are none, or they are damaged."""
    if not os.path.exists(path):
        return b""
    try:
        return read_artefact(path, "python -m tools.build_engine")
    except ModelError as error:
        warn("{}; layers are timed anew".format(error))
        return b""


def _why(log: Any) -> str:
    if log.out_of_memory:
        return "TensorRT ran out of memory; lower --workspace, or, where the GPU shares it, add swap: {}".format(
            ADD_SWAP
        )
    return "TensorRT cannot build it: {}".format(log.reason())


def _size(text: str) -> Size:
    match = re.match(r"^([1-9]\d{0,4})(?:x([1-9]\d{0,4}))?$", text)
    if not match:
        raise argparse.ArgumentTypeError("a size should be WIDTHxHEIGHT, as 416x320, is {}".format(text))
    return int(match.group(1)), int(match.group(2) or match.group(1))


def _memory(text: str) -> int:
    match = re.match(r"^(\d{1,6})([KMG])$", text)
    if not match:
        raise argparse.ArgumentTypeError("memory should be given as 256M or 1G, is {}".format(text))
    return int(match.group(1)) << {"K": 10, "M": 20, "G": 30}[match.group(2)]


def _capability(text: str) -> Tuple[int, int]:
    match = re.match(r"^(\d{1,2})\.(\d)$", text)
    if not match:
        raise argparse.ArgumentTypeError("a compute capability should be given as 8.9, is {}".format(text))
    return int(match.group(1)), int(match.group(2))


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    parser = Parser(prog="python -m tools.build_engine", description=__doc__, epilog=EXAMPLES)
    parser.add_argument("model", metavar="MODEL", help="an .onnx file with its card beside it")
    parser.add_argument("--size", type=_size, help="WIDTHxHEIGHT of the network's input")
    parser.add_argument("--fp16", action="store_true", help="compute in FP16: about twice as fast on a Jetson Nano")
    parser.add_argument(
        "--workspace", type=_memory, default="256M", help="memory for the layers (default: %(default)s)"
    )
    parser.add_argument(
        "--capability", type=_capability, metavar="X.Y", help="for a GPU that is not here (TensorRT for RTX only)"
    )
    parser.add_argument("--no-memory-check", action="store_true", help="build even when little memory is free")
    code = 0

    def work() -> None:
        nonlocal code
        code = build(parser.parse_args(argv))

    return exit_code(work) or code


if __name__ == "__main__":
    sys.exit(main())
