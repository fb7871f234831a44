"""Download models, clips and data sets into weights/, verify them, and prepare models for app.detect.

Names and sources come from weights/manifest.json. A file that is already there and intact is not fetched again.
"""

import signal
import sys
import textwrap
from typing import Optional, Sequence

from app.command import Parser, exit_code, print_lines
from tools.fetch.download import short
from tools.fetch.manifest import entry_name, fetch, is_wanted_unnamed, read_manifest
from tools.fetch.models import DEFAULT_MODEL, is_model, prepare, table

EXAMPLES = """examples:
  python -m tools.fetch yolov3-tiny
  python -m tools.fetch yolox-nano && python -m app.detect --model yolox-nano
  python -m tools.fetch yolov3-tiny bikes --from /media/usb-stick
  python -m tools.fetch efficientnet-lite0
  python -m tools.fetch cifar-100 --from ~/Downloads/cifar-100-binary.tar.gz
  python -m tools.fetch --list
"""


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    parser = Parser(prog="python -m tools.fetch", description=__doc__, epilog=EXAMPLES)
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help="what to fetch (default: what detection needs)")
    add(
        "--from",
        dest="place",
        metavar="PLACE",
        help="copy from this folder, file or, for a data set, archive, instead of downloading (default: download)",
    )
    add("--list", action="store_true", help="list names, sizes, licences and the models' accuracy, and fetch nothing")

    def work() -> None:
        args = parser.parse_args(argv)
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that SIGTERM cleans up too
        manifest = read_manifest()
        if args.list:
            models = table(manifest)
            print_lines([models.as_text(), "", *textwrap.wrap(models.note, 100), ""])
            for name, entry in sorted(manifest.items()):
                if not is_model(entry):
                    print_lines([f"{name:20} {entry['size']:>12,} bytes  {entry['licence']}"])
            return
        names = [entry_name(name) for name in args.names]
        for name in names or sorted(name for name in manifest if is_wanted_unnamed(manifest[name])):
            path = fetch(name, args.place)
            print_lines([short(path)])
            if is_model(manifest[name]) and name != DEFAULT_MODEL:
                print_lines([f"{prepare(name, path)}; next: python -m app.detect --model {name}"])

    return exit_code(work)


if __name__ == "__main__":
    sys.exit(main())
