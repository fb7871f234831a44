"""Search good settings for a training: queue the trials, start the workers, wait, and tell what was found."""

import signal
import sys
from collections.abc import Sequence
from typing import Optional

from app.backends import importing
from app.command import exit_code
from app.errors import ModelError, OutputError, SourceError, say
from tools.search.options import parse
from tools.train.frameworks import INSTALL


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    code = 0

    def work() -> None:
        nonlocal code
        args = parse(sys.argv[1:] if argv is None else argv)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with importing("Optuna", INSTALL):
            import matplotlib  # noqa: F401
            import optuna  # noqa: F401
        from tools.search import manage
        from tools.search.storage import quiet_optuna

        quiet_optuna()
        queue, url = manage.prepare(args)
        try:
            manage.search(queue, url, args)
        except KeyboardInterrupt:
            say(f"stopped; continue with: {manage.again(args)}")
            code = 130  # told already, so not raised
            return
        except (OutputError, ModelError, SourceError) as error:
            raise type(error)(f"{error}; continue with: {manage.again(args)}") from error
        try:
            manage.report(queue, url, args)
        except OutputError as error:
            raise OutputError(f"{error}; write it again with: {manage.again(args)}") from error

    return exit_code(work) or code


if __name__ == "__main__":
    sys.exit(main())
