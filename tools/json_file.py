"""Read JSON files, with an error of one line for one that is damaged or something else."""

import contextlib
import json
from typing import Any, Dict, Iterator

from app.errors import NanoyoloError, SourceError

Json = Dict[str, Any]


@contextlib.contextmanager
def expecting(path: str, what: str) -> Iterator[None]:
    """Raise SourceError for anything that reading `path` as `what`, such as `a COCO file`, raises."""
    try:
        yield
    except NanoyoloError:  # it names the problem already
        raise
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}") from error
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:100]
        raise SourceError(f"{path}: not {what}, or damaged ({reason})") from error


def read_json(path: str, what: str) -> Any:
    """The content of a JSON file. Raises SourceError."""
    with expecting(path, what), open(path, encoding="utf-8-sig") as file:
        return json.load(file)
