"""Detect objects in cameras, videos or images, and report the measured frame rate."""

import json
import os
from typing import Optional, Sequence

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


def ensure_model(name: str, path: str, offline: bool) -> None:
    """Download and prepare a model that is missing, if it is one of those that can be fetched by name.

    path: where it belongs. Raises ModelError when that fails or is forbidden.
    """
    if path == name or (os.path.exists(path) and os.path.exists(card_path(path))):
        return
    # The one place where app needs tools: the first run with a model on a fresh machine.
    from tools.fetch.models import command, fetch_model, is_known

    if is_known(name):
        if offline:
            raise ModelError(f"{path}: missing, and --offline forbids downloading it; run: {command(name)}")
        fetch_model(name)


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
    ensure_model(run.model, model, run.offline)

    configure_process()
    with Stop() as stop, Cameras(settings, model, stop) as cameras:
        try:
            cameras.run()
        finally:
            if cameras.pipeline.timing.frames or stop.requested:
                fields = cameras.report()
                if run.report is not None:
                    write_file(run.report, (json.dumps(fields, indent=2) + "\n").encode())
                say(summary(fields))


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    return exit_code(lambda: detect(read_settings(argv)))


if __name__ == "__main__":
    leave(main())
