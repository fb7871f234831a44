"""What a training command says and leaves behind when it is interrupted."""

import contextlib
import shlex
from collections.abc import Iterator

from app.errors import OutputError, SourceError, say
from tools.train.run_journal import RunJournal


@contextlib.contextmanager
def session(journal: RunJournal) -> Iterator[None]:
    """Train in this: where it is stopped, it says how to continue, and the journal is closed in any case."""
    with contextlib.closing(journal):
        try:
            yield
        except (KeyboardInterrupt, OutputError, SourceError) as error:  # Ctrl-C, a full disk, or data that are gone
            done = f"epoch {len(journal.epochs)}" if journal.epochs else "the probe"
            if journal.checkpoint:
                again = shlex.join(["python", "-m", journal.module, "--resume", journal.folder])
                say(f"stopped after {done}; continue with: {again}")
            elif not isinstance(error, SourceError):
                say(f"stopped before there was anything to keep; start anew with: {journal.options.command}")
            raise
        finally:
            journal.remove_if_empty()
