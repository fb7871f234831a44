"""The command line of `tools.bench`."""

from app.arguments import LARGEST_SIZE
from app.backends import physical_cores
from app.command import Parser, number
from tools.bench.networks import BACKENDS, KERAS

DESCRIPTION = """Measure the speed of the detection loop and of the backends on this machine.

With --cam, the loop is measured on that video, with one worker and with one per core, beside three references with the
same input shape:

  bare          an ONNX Runtime session alone, fed one tensor again and again, with all threads for one inference
  side by side  the same with one inference per core at the same time, in one thread each: the limit for several workers
  naive         the obvious sequential loop of OpenCV and ONNX Runtime

and once more with a recording. Or, with --cam and one of
  --camera   a camera that delivers this video: rate and latency of each number of workers
  --cameras  several of them through one model: what each gets, what all get, and what a fault of one costs the others
  --memory   peak memory with workers and with cameras, each run in a fresh process
  --backends the loop on each backend and each backend alone, beside bare and naive
  --overlap  the loop with overlay and recording, on a fake network that waits without using the CPU, like a GPU's
  --pacing   a rate kept by deadlines, beside one set by a delay after each frame
  --track    the loop with and without tracking, a line and a zone; what these cost a frame with 20 things; and what
             the small grey picture, --motion in it, and 20 boxes that follow with --detect-every cost
  --events   the loop with and without clips, continuous recording and a viewer

With --backends but no --cam, the network alone, on square input, in every installed backend and in Keras's predict().

Rivals take turns within each round, so that a drift of the machine's speed favours none. Figures are medians over the
rounds, with minimum and maximum; ratios are taken within a round. Warm-up (loading the model and its first inference)
is reported separately. A machine that is hot, busy or below its full clock causes a warning.
"""

EXAMPLES = """examples:
  python -m tools.bench --cam street.mp4
  python -m tools.bench --cam street.mp4 --sizes 160 --rounds 9 --report bench.json
  python -m tools.bench --cam street.mp4 --sizes 160 --rounds 9 --compare bench.json
  python -m tools.bench --cam street.mp4 --workers 1 2 4 --busy
  python -m tools.bench --cam street.mp4 --camera 30 --sizes 416
  python -m tools.bench --cam street.mp4 --camera 10 --cameras 4 --sizes 160
  python -m tools.bench --cam street.mp4 --memory --sizes 416
  python -m tools.bench --cam street.mp4 --track
  python -m tools.bench --cam street.mp4 --events --sizes 416
  python -m tools.bench --cam street.mp4 --backends onnx openvino:bf16
  python -m tools.bench --backends
"""

MOST_CAMERAS = 64
SIZES = (160, 320, 416)


def make_parser() -> Parser:
    """The command line."""
    parser = Parser(prog="python -m tools.bench", description=DESCRIPTION, epilog=EXAMPLES)
    add = parser.add_argument
    positive = number(int, 1, 1000, "a number")
    seconds = number(float, 0.01, 600, "a time")
    size = number(int, 1, LARGEST_SIZE, "a size")
    add("--cam", metavar="FILE", help="a video file to measure the loop on (default: no loop)")
    add(
        "--backends",
        nargs="*",
        choices=(*BACKENDS, KERAS),
        metavar="NAME",
        help="measure these backends, as openvino or openvino:bf16, without a name all that are installed",
    )
    way = parser.add_mutually_exclusive_group()
    way.add_argument(
        "--camera",
        type=number(float, 0.1, 1000, "a rate"),
        metavar="FPS",
        help="with --cam: film the video as a camera of this rate would deliver it",
    )
    way.add_argument("--memory", action="store_true", help="with --cam: peak memory, at 416 for example: --sizes 416")
    way.add_argument("--overlap", action="store_true", help="with --cam: the loop's share of a GPU's rate")
    way.add_argument("--pacing", action="store_true", help="with --cam: rates kept by delay and by deadlines")
    way.add_argument("--track", action="store_true", help="with --cam: what tracking costs")
    way.add_argument("--events", action="store_true", help="with --cam: what clips, recording and a viewer cost")
    add(
        "--cameras",
        type=number(int, 2, MOST_CAMERAS, "a number"),
        metavar="N",
        help="with --camera: film with so many at once; with --memory: how many (default there: 4)",
    )
    add(
        "--workers",
        type=number(int, 1, 256, "a number"),
        nargs="+",
        metavar="N",
        help=f"numbers of workers of the loop (default: 1 and one per physical core, here {physical_cores()})",
    )
    add("--busy", action="store_true", help="keep one core busy meanwhile, as another program would")
    add(
        "--model",
        default="yolov3-tiny",
        metavar="NAME",
        help="name in weights/, or an .onnx file (default: %(default)s)",
    )
    add("--sizes", type=size, nargs="+", metavar="N", help="network input sizes (default: the model's, or 160 320 416)")
    add("--rounds", type=positive, default=7, metavar="N", help="turns of each rival (default: %(default)s)")
    add("--seconds", type=seconds, default=3, metavar="S", help="length of one turn (default: %(default)s)")
    add("--threads", type=positive, metavar="N", help="threads of ONNX Runtime (default: one per physical core)")
    add("--report", metavar="FILE", help="write the figures as JSON (default: print them only)")
    add("--compare", metavar="FILE", help="print what got slower since this earlier --report")
    return parser
