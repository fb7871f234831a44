"""The file of the store: SQLite with a write-ahead log, so that it can be read while it is written, and holds whatever
was committed however the program ends. Each thread has a connection of its own.

A file that is damaged, or from a newer version of this program, is moved aside and a new one begins: what was in it can
still be looked at, and what happens from now on is kept.
"""

import os
import sqlite3
import threading
import time
from contextlib import contextmanager
from typing import Iterator
from urllib.parse import quote

from app.errors import OutputError, SourceError, warn

VERSION = 1  # of the tables below
BUSY = 10.0  # seconds to wait for another thread's or program's transaction
EXTRA = ("", "-wal", "-shm")  # what belongs to the file

SCHEMA = """
CREATE TABLE incidents (
    id TEXT PRIMARY KEY, number INTEGER NOT NULL, camera TEXT NOT NULL, label TEXT NOT NULL, began REAL NOT NULL,
    ended REAL, seen REAL NOT NULL, zones TEXT NOT NULL, picture TEXT NOT NULL, clip TEXT NOT NULL, body TEXT NOT NULL
);
CREATE INDEX by_number ON incidents (number);
CREATE INDEX by_time ON incidents (began);
CREATE INDEX by_clip ON incidents (clip) WHERE clip <> '';
CREATE INDEX unended ON incidents (id) WHERE ended IS NULL;
CREATE TABLE outbox (
    row INTEGER PRIMARY KEY AUTOINCREMENT, destination TEXT NOT NULL, due REAL NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0, body TEXT NOT NULL
);
CREATE INDEX by_destination ON outbox (destination, row);
CREATE TABLE counter (number INTEGER NOT NULL);
INSERT INTO counter VALUES (0);
"""


class Database:
    """The connections to the file at `path`. replaced: how often it was moved aside."""

    def __init__(self, path: str, *, read_only: bool = False) -> None:
        """Raises OutputError where it cannot be written; of one that is only read SourceError where it cannot be read,
        is damaged or is of another version.
        """
        self.path = path
        self.replaced = 0
        self._read_only = read_only
        self._local = threading.local()
        self._lock = threading.Lock()
        self._closed = False
        if read_only:
            self._check_readable()
        else:
            self._begin()

    def connection(self) -> sqlite3.Connection:
        """The one of this thread. Raises sqlite3.Error."""
        if self._closed:
            raise sqlite3.ProgrammingError("it is closed")
        found = getattr(self._local, "connection", None)
        if found is None or self._local.replaced != self.replaced:
            if self._read_only:
                uri = f"file:{quote(os.path.abspath(self.path))}?mode=ro"
                found = sqlite3.connect(uri, uri=True, timeout=BUSY, check_same_thread=False)
            else:
                found = sqlite3.connect(self.path, timeout=BUSY, isolation_level=None, check_same_thread=False)
            self._local.connection, self._local.replaced = found, self.replaced
            if not self._read_only:
                found.execute("PRAGMA journal_mode = WAL")  # stays as it was where the file system cannot share memory
                found.execute("PRAGMA synchronous = FULL")  # what was committed outlasts a power cut
        return found

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection of this thread. Raises OutputError, or SourceError where the file is only read."""
        try:
            yield self.connection()
        except sqlite3.Error as error:
            raise self._failed(error) from error

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it is kept, or nothing. Raises OutputError."""
        try:
            self._begin_if_deleted()
            connection = self.connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Close the connection of this thread, and let nobody use another. Closing twice is allowed.

        Those of other threads close when these end: one that hangs on a bad disk may be in it, and would crash.
        """
        self._closed = True
        self._disconnect()

    def _disconnect(self) -> None:
        connection, self._local.connection = getattr(self._local, "connection", None), None
        if connection is not None:
            connection.close()

    def _failed(self, error: sqlite3.Error) -> OSError:
        if self._read_only:
            return SourceError(f"{self.path}: cannot be read: {error}")
        if _is_damage(error):
            with self._lock:
                first = self._local.replaced == self.replaced  # else another thread has done it already
                if first:
                    self._set_aside("damaged")
                    self.replaced += 1
            if first:
                self._begin()
            return OutputError(f"{self.path}: was damaged")
        return OutputError(f"{self.path}: cannot be written: {error}")

    def _begin_if_deleted(self) -> None:
        """Somebody may clear the folder during a run. What is written to a file without a name would be lost."""
        if os.path.exists(self.path):
            return
        with self._lock:
            if os.path.exists(self.path):  # another thread was here first
                return
            self.replaced += 1
            try:
                os.makedirs(os.path.dirname(os.path.abspath(self.path)), exist_ok=True)
            except OSError as error:
                raise OutputError(f"{self.path}: was deleted, and cannot be made: {error.strerror}") from error
            self._begin()
        warn(f"{self.path}: was deleted; a new one begins, without what was in it")

    def _begin(self) -> None:
        """Make sure that there is a file of this version. Raises OutputError."""
        for _ in range(2):
            try:
                reason = self._fault()
            except sqlite3.OperationalError as error:
                raise OutputError(f"{self.path}: cannot be written: {error}") from error
            if not reason:
                return
            self._disconnect()
            self._set_aside(reason)
        raise OutputError(f"{self.path}: a new one cannot be made")

    def _fault(self) -> str:
        """What is wrong with the file, as a word for its new name; empty if nothing is. Fills one that is empty."""
        try:
            connection = self.connection()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version > VERSION:
                return "newer"
            if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                return "damaged"
            if not version:
                if connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                    return "damaged"  # it is no store at all
                connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
            connection.execute("SELECT number FROM counter").fetchone()[0]
            connection.executescript("BEGIN; UPDATE counter SET number = number; ROLLBACK;")  # or it can only be read
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return "damaged"
            raise
        except (sqlite3.DatabaseError, TypeError):
            return "damaged"
        return ""

    def _set_aside(self, reason: str) -> None:
        """Give the file another name. Raises OutputError."""
        start = f"{self.path}.{reason}-{time.strftime('%Y%m%d-%H%M%S')}"
        name, number = start, 1
        while os.path.exists(name):
            number += 1
            name = f"{start}-{number}"
        try:
            for extra in EXTRA:
                if os.path.exists(self.path + extra):
                    os.rename(self.path + extra, name + extra)
        except OSError as error:
            raise OutputError(f"{self.path}: is {reason}, and cannot be renamed: {error.strerror}") from error
        what = "is from a newer version" if reason == "newer" else "is damaged"
        warn(f"{self.path}: {what}; it was kept as {name}, and a new one begins; messages that wait there stay there")

    def _check_readable(self) -> None:
        if not os.path.isfile(self.path):
            raise SourceError(f"{self.path}: there is no store; make one with: python -m app.detect --store DIR")
        with self.reading() as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
        if not version:
            raise SourceError(f"{self.path}: is empty; there will be events once app.detect has begun")
        if version != VERSION:
            raise SourceError(f"{self.path}: is of version {version}, and this program reads version {VERSION}")


def _is_damage(error: sqlite3.Error) -> bool:
    text = str(error)
    return "malformed" in text or "not a database" in text
