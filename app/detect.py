"""Detect objects in cameras, videos or images, and report the measured frame rate."""

import json
import os
from typing import Optional, Sequence

from app.arguments import DEFAULT_MODEL
from app.backends import list_backends
from app.cameras import Cameras
from app.command import exit_code, leave, print_lines
from app.config import Settings, check_text, read_settings
from app.errors import ModelError, say
from app.files import write_file
from app.modelcard import card_path, find_model
from app.pipeline import configure_process
from app.sinks.opening import check_outputs
from app.stop import Stop
from app.timing.summary import summary


def ensure_default_model(path: str, offline: bool) -> None:
    """Download and convert the default model if it is missing. Raises ModelError when that fails or is forbidden."""
    if os.path.exists(path) and os.path.exists(card_path(path)):
        return
    if offline:
        raise ModelError(
            f"{path}: missing, and --offline forbids downloading it; run: python -m tools.fetch {DEFAULT_MODEL} && "
            "python -m tools.convert"
        )
    # The one place where app needs tools: the first run on a fresh machine.
    from tools import convert
    from tools.fetch.manifest import fetch

    convert.convert(fetch(DEFAULT_MODEL), path)


def detect(settings: Settings) -> None:
    """Do what the settings say."""
    run = settings.run
    if run.check:
        print_lines([check_text(settings)])
        return
    if run.list_backends:
        for line in list_backends():
            print_lines([line])
        return
    check_outputs(run, settings.cameras)
    model = find_model(run.model)
    if run.model == DEFAULT_MODEL:
        ensure_default_model(model, run.offline)

    configure_process()
    with Stop() as stop, Cameras(settings, model, stop) as cameras:
        try:
            cameras.run()
        finally:
            if cameras.pipeline.timing.frames or stop.requested:
                fields = cameras.pipeline.report()
                if run.report is not None:
                    write_file(run.report, (json.dumps(fields, indent=2) + "\n").encode())
                say(summary(fields))


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    return exit_code(lambda: detect(read_settings(argv)))


if __name__ == "__main__":
    leave(main())
