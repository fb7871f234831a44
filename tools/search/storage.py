"""The database of a study: opened so that two workers never get one trial, and one line where it does not answer."""

import os
import time
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import optuna
import sqlalchemy
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from app.errors import OutputError, UsageError

FAILURES = (StorageInternalError, SQLAlchemyError)
SQLITE_TIMEOUT = 30  # seconds that a worker waits for its turn to write
# A network that went silent is noticed in about a minute, where TCP by itself takes a quarter of an hour or more.
POSTGRESQL = {"connect_timeout": 10, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
CANNOT_USE = "the database does not answer, or not as it should"
RETRY = 1.0  # seconds between attempts to reach it
POSTGRESQL_INSTALL = "python3 -m pip install -e '.[postgresql]'"

Found = TypeVar("Found")


def sqlite_url(path: str) -> str:
    """The address of a database in a file."""
    return URL.create("sqlite", database=path).render_as_string()


def shown(url: str) -> str:
    """An address without its password, for messages."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return url


def quiet_optuna() -> None:
    """No log lines of Optuna's, and no warnings: that its heartbeat may change in a later version, for example."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", module="optuna")
    warnings.filterwarnings("ignore", category=ExperimentalWarning)


def open_storage(url: str) -> optuna.storages.RDBStorage:
    """Connect to a database, and create Optuna's tables where it has none. Raises UsageError and OutputError."""
    engine_options: dict[str, Any] = {}
    try:
        address = make_url(url)
        kind = address.get_backend_name()
    except ArgumentError:
        raise UsageError("--storage: should be an address as postgresql://user:password@host/database") from None
    if kind == "sqlite":
        engine_options["connect_args"] = {"timeout": SQLITE_TIMEOUT}
    else:
        engine_options["pool_pre_ping"] = True  # a connection from before a restart of the server is replaced
    if kind == "postgresql":
        engine_options["connect_args"] = POSTGRESQL
        if address.drivername == kind:  # else which driver that means depends on SQLAlchemy's version
            address = address.set(drivername="postgresql+psycopg2")
    plain = address.render_as_string(hide_password=False)
    plain = plain.replace("{", "{{").replace("}", "}}")  # Optuna fills in its schema's version
    try:
        storage = optuna.storages.RDBStorage(plain, engine_kwargs=engine_options)
    except ImportError:
        raise UsageError(f"--storage {shown(url)}: its driver is not installed; {POSTGRESQL_INSTALL}") from None
    except NoSuchModuleError:
        raise UsageError(f"--storage {shown(url)}: no such kind of database; use postgresql://...") from None
    except FAILURES as error:
        raise OutputError(f"{shown(url)}: {CANNOT_USE}: {reason(error)}") from error
    except RuntimeError as error:  # tables of another version of Optuna
        raise UsageError(f"--storage {shown(url)}: {str(error).splitlines()[0]}") from None
    if kind == "sqlite":
        _take_turns(storage.engine)
    return storage


def _take_turns(engine: sqlalchemy.Engine) -> None:
    """Lock the file from a transaction's first read on, as `SELECT ... FOR UPDATE` locks a row elsewhere.

    By itself SQLite locks it at the first write, and two workers that have read that a trial waits would both take it.
    """
    engine.dispose()

    @sqlalchemy.event.listens_for(engine, "connect")
    def no_implicit_begin(connection: Any, record: Any) -> None:
        connection.isolation_level = None

    @sqlalchemy.event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def patiently(url: str, patience: float, work: Callable[[], Found]) -> Found:
    """The result of `work`, which is tried again for `patience` seconds while the database does not answer.

    Raises OutputError after that. What works on trials may be done twice: a state that is set already is no harm.
    """
    until = time.monotonic() + patience
    while True:
        try:
            return work()
        except FAILURES as error:
            if time.monotonic() >= until:
                raise OutputError(f"{shown(url)}: {CANNOT_USE}: {reason(error)}") from error
            time.sleep(min(RETRY, max(0.0, until - time.monotonic())))


def reason(error: BaseException) -> str:
    """The first line of what the database's driver said."""
    cause: BaseException = error.__cause__ if isinstance(error, StorageInternalError) and error.__cause__ else error
    original = getattr(cause, "orig", None) or cause
    lines = [line.strip() for line in str(original).splitlines() if line.strip()]
    return lines[0] if lines else type(original).__name__


def file_of(url: str) -> str:
    """The file of a SQLite database, "" for any other."""
    try:
        address = make_url(url)
    except ArgumentError:
        return ""
    return os.path.abspath(address.database or "") if address.get_backend_name() == "sqlite" else ""
