"""SQLite connections that cross to their thread once a statement.

The driver gives each connection a thread. SQLAlchemy asks it for a cursor, to execute, to fetch and to close: four
crossings, each many times dearer than a small query. Here all four are one.
"""

import asyncio
import sqlite3
import time
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import aiosqlite

WAITS_FOR_A_LOCK_SECONDS = 30


async def connect(file: str, *, durable: bool, at_once: bool = False) -> "OneCrossing":
    """An open connection to a SQLite file. It begins no transactions by itself.

    `at_once`: statements run where they are asked for, without crossing to a thread; for a file that one process alone
    uses, where no statement ever waits for another's lock.
    """
    connection = (AtOnce if at_once else OneCrossing)(partial(_open, file, durable, at_once), iter_chunk_size=64)
    connection._thread.daemon = True  # as SQLAlchemy does: a process that ends does not wait for idle connections
    try:
        await connection
    except Exception:
        # The driver has told its thread to end and does not wait; the loop must be there until it has.
        await asyncio.to_thread(connection._thread.join)
        raise
    return connection


def _open(file: str, durable: bool, at_once: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(
        file, timeout=WAITS_FOR_A_LOCK_SECONDS, isolation_level=None, check_same_thread=not at_once
    )
    try:
        _write_ahead(connection)
        connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'OFF'}")
        connection.execute("PRAGMA foreign_keys=ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _write_ahead(connection: sqlite3.Connection) -> None:
    """The first to open a new file changes its mode; whoever opens it at that moment is refused and does not wait."""
    give_up_at = time.monotonic() + WAITS_FOR_A_LOCK_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as fault:
            if fault.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up_at:
                raise
            time.sleep(0.01)  # in the connection's own thread
        else:
            return


class OneCrossing(aiosqlite.Connection):
    """What SQLAlchemy's adapter needs of a connection: its cursors fetch and close where they execute."""

    def cursor(self) -> "_Cursor":  # pyright: ignore[reportIncompatibleMethodOverride] the adapter never awaits it
        return _Cursor(self)


class AtOnce(OneCrossing):
    """Its thread opens and closes it; everything between runs in the caller's."""

    async def _execute(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        return fn(*args, **kwargs)


class _Cursor:
    def __init__(self, connection: OneCrossing) -> None:
        self._connection = connection
        self._rows: Sequence[Any] = ()
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.arraysize = 1

    async def __aenter__(self) -> "_Cursor":
        return self

    async def execute(self, operation: str, parameters: Sequence[Any] = ()) -> "_Cursor":
        await self._connection._execute(self._run, sqlite3.Cursor.execute, operation, parameters)
        return self

    async def executemany(self, operation: str, parameters: Iterable[Sequence[Any]]) -> "_Cursor":
        await self._connection._execute(self._run, sqlite3.Cursor.executemany, operation, parameters)
        return self

    async def fetchall(self) -> Sequence[Any]:
        rows, self._rows = self._rows, ()
        return rows

    async def close(self) -> None:
        self._rows = ()

    def _run(self, execute: Any, operation: str, parameters: Any) -> None:
        cursor = self._connection._conn.cursor()
        try:
            execute(cursor, operation, parameters)
            self.description = cursor.description
            self._rows = cursor.fetchall() if cursor.description else ()
            self.rowcount = cursor.rowcount
            self.lastrowid = cursor.lastrowid
        finally:
            cursor.close()
