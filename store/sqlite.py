"""SQLite connections that cross to their thread only where they may wait.

The driver gives each connection a thread, and crossing to it is many times dearer than a small query. What may wait
crosses: a write lock that somebody else holds, committing, whatever stands outside a transaction. Within a transaction
nothing waits for anybody (a reader sees its own moment of the WAL, a writer has the lock already), so that statements
run at once.
"""

import asyncio
import sqlite3
import time
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import aiosqlite

WAITS_FOR_A_LOCK_SECONDS = 30


async def connect(file: str, *, durable: bool, at_once: bool = False) -> "FewCrossings":
    """An open connection to a SQLite file. It begins no transactions by itself.

    `at_once`: nothing at all crosses to the thread; for a file that one process alone uses, where no statement ever
    waits for another's lock.
    """
    connection = (AtOnce if at_once else FewCrossings)(partial(_open, file, durable), iter_chunk_size=64)
    connection._thread.daemon = True  # as SQLAlchemy does: a process that ends does not wait for idle connections
    try:
        await connection
    except Exception:
        # The driver has told its thread to end and does not wait; the loop must be there until it has.
        await asyncio.to_thread(connection._thread.join)
        raise
    return connection


def _open(file: str, durable: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=WAITS_FOR_A_LOCK_SECONDS, isolation_level=None, check_same_thread=False)
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


class FewCrossings(aiosqlite.Connection):
    """What SQLAlchemy's adapter needs of a connection: its cursors fetch and close where they execute."""

    _crossed = 0
    """What is under way in the thread; also what nobody waits for any more, because the task that did was cancelled."""

    async def _execute(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        def in_the_thread() -> Any:
            try:
                return fn(*args, **kwargs)
            finally:
                self._crossed -= 1

        self._crossed += 1
        return await super()._execute(in_the_thread)

    @property
    def waits_for_nobody(self) -> bool:
        """Whether the next statement can run at once: in a transaction, and nothing is under way in the thread."""
        return self._conn.in_transaction and not self._crossed

    def takes_the_lock_at_once(self) -> bool:
        """Begins to write where nobody else does; False, and nothing has happened, where it would have to wait."""
        if self._crossed or self._conn.in_transaction:
            return False
        self._conn.execute("PRAGMA busy_timeout=0")
        try:
            self._conn.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as fault:
            if fault.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            return False
        finally:
            self._conn.execute(f"PRAGMA busy_timeout={WAITS_FOR_A_LOCK_SECONDS * 1000}")
        return True

    async def rollback(self) -> None:
        if self.waits_for_nobody:
            self._conn.rollback()
        else:
            await super().rollback()

    def cursor(self) -> "_Cursor":  # pyright: ignore[reportIncompatibleMethodOverride] the adapter never awaits it
        return _Cursor(self)


class AtOnce(FewCrossings):
    """Its thread opens and closes it; everything between runs in the caller's."""

    async def _execute(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        return fn(*args, **kwargs)


class _Cursor:
    def __init__(self, connection: FewCrossings) -> None:
        self._connection = connection
        self._rows: Sequence[Any] = ()
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.arraysize = 1

    async def __aenter__(self) -> "_Cursor":
        return self

    async def execute(self, operation: str, parameters: Sequence[Any] = ()) -> "_Cursor":
        await self._run_where_it_belongs(sqlite3.Cursor.execute, operation, parameters)
        return self

    async def executemany(self, operation: str, parameters: Iterable[Sequence[Any]]) -> "_Cursor":
        await self._run_where_it_belongs(sqlite3.Cursor.executemany, operation, parameters)
        return self

    async def fetchall(self) -> Sequence[Any]:
        rows, self._rows = self._rows, ()
        return rows

    async def close(self) -> None:
        self._rows = ()

    async def _run_where_it_belongs(self, execute: Any, operation: str, parameters: Any) -> None:
        if self._connection.waits_for_nobody or operation == "BEGIN":  # (a reader's; it takes no lock)
            self._run(execute, operation, parameters)
        elif not (operation == "BEGIN IMMEDIATE" and self._connection.takes_the_lock_at_once()):
            await self._connection._execute(self._run, execute, operation, parameters)

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
