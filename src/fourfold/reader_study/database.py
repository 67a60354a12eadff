"""The store of a reader study: SQLite, to which ratings are added and from which nothing is taken.

Each rating is one transaction in write-ahead mode with full synchronisation. What the server has confirmed is on the
disk, whatever happens to the process after it.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from fourfold.errors import InputError

__all__ = ["CLOSE", "COMMENT", "FINISH", "OPEN", "RATING", "Database", "Event", "token_hash"]

RATING, COMMENT, OPEN, FINISH, CLOSE = "rating", "comment", "open", "finish", "close"
"""Kinds of events: a rating of an image, a comment, a case shown, a case finished, the study closed."""

_SCHEMA = """
CREATE TABLE reader (id INTEGER PRIMARY KEY, name TEXT NOT NULL, token_hash TEXT NOT NULL UNIQUE);
CREATE TABLE picture_case (
    id INTEGER PRIMARY KEY, height INTEGER NOT NULL, width INTEGER NOT NULL, pixel_aspect REAL NOT NULL,
    white INTEGER NOT NULL
);
CREATE TABLE presentation (
    id INTEGER PRIMARY KEY, reader INTEGER NOT NULL REFERENCES reader, position INTEGER NOT NULL,
    picture_case INTEGER NOT NULL REFERENCES picture_case, repeated INTEGER NOT NULL, UNIQUE (reader, position)
);
CREATE TABLE shown (
    token TEXT PRIMARY KEY, presentation INTEGER NOT NULL REFERENCES presentation, place INTEGER NOT NULL,
    file TEXT NOT NULL, UNIQUE (presentation, place)
);
CREATE TABLE event (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, kind TEXT NOT NULL, presentation INTEGER,
    criterion TEXT, token TEXT, value INTEGER, words TEXT
);
CREATE INDEX event_by_presentation ON event (presentation);
CREATE TRIGGER event_stays BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'events are only added'); END;
CREATE TRIGGER event_is_kept BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'events are only added'); END;
"""


def token_hash(token: str) -> str:
    """Return the hash by which a reader's token is stored."""
    return hashlib.sha256(token.encode()).hexdigest()


@dataclass(frozen=True)
class Event:
    """Something that happened, at a time in UTC."""

    kind: str
    presentation: int | None = None
    criterion: str | None = None
    token: str | None = None
    """Of the image."""
    value: int | None = None
    """Rating; None takes it back."""
    words: str | None = None
    at: str = ""


class Database:
    """The store of one study; calls from several threads follow each other.

    Parameters
    ----------
    path
        The file; it must exist unless `create` is called.

    Raises
    ------
    InputError
        Where there is no such file.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise InputError(f"There is no reader study in '{path.parent}': make one with 'fourfold reader create'.")
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._lock = Lock()
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("PRAGMA busy_timeout = 10000")

    @staticmethod
    @contextmanager
    def create(path: Path) -> Iterator[sqlite3.Connection]:
        """Yield the connection to a new store, into which the design is written; committed at the end."""
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(_SCHEMA)
            with connection:
                yield connection

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        """Return what a query finds."""
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    def add(self, events: Sequence[Event]) -> None:
        """Add events in one transaction; they are on the disk when this returns."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        rows = [(now, e.kind, e.presentation, e.criterion, e.token, e.value, e.words) for e in events]
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany(
                    "INSERT INTO event (at, kind, presentation, criterion, token, value, words) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?)",
                    rows,
                )
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise

    @property
    def closed(self) -> bool:
        """Whether the study is closed."""
        return bool(self.rows("SELECT 1 FROM event WHERE kind = ? LIMIT 1", CLOSE))

    def reader(self, token: str) -> sqlite3.Row | None:
        """Return the reader with a token, None where nobody has it."""
        found = self.rows("SELECT id, name FROM reader WHERE token_hash = ?", token_hash(token))
        return found[0] if found else None

    def events(self, presentation: int | None = None) -> list[Event]:
        """Return the events of a presentation, or all, the earliest first."""
        query = "SELECT kind, presentation, criterion, token, value, words, at FROM event"
        if presentation is None:
            found = self.rows(f"{query} ORDER BY id")
        else:
            found = self.rows(f"{query} WHERE presentation = ? ORDER BY id", presentation)
        return [Event(**dict(row)) for row in found]
