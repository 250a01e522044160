"""The database: SQLite by default, PostgreSQL in production. One request or one activity is one transaction."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from store import sqlite

_SQLITE_IS_AWAY = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_READONLY,
    }
)
_POSTGRES_IS_AWAY = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.ConnectionDoesNotExistError,
)


class StoreAway(Exception):
    """The store cannot be reached (or its file is locked, or its disk full): try again, every write may be repeated."""


def async_url(url: str) -> str:
    """The URL with our drivers: sqlite:///… and postgresql://… are what people write."""
    parsed = make_url(url)
    driver = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}.get(parsed.get_backend_name())
    if driver is None:
        raise ValueError(f"{parsed.get_backend_name()} is no store of Baton's; use sqlite:///FILE or postgresql://…")
    return parsed.set(drivername=driver).render_as_string(hide_password=False)


class Database:
    """Connections to the store. `reading()` and `writing()` each give one transaction on one connection.

    `durable`: what is committed outlives a loss of power, which costs SQLite about a millisecond a transaction. For
    stores that are thrown away (a rehearsal, a test) it may be False.
    `at_once`: this process alone uses the SQLite file, and its statements run in the event loop itself, which costs
    half as much as handing each to a thread.
    """

    def __init__(self, url: str, *, pool_size: int = 8, durable: bool = True, at_once: bool = False) -> None:
        self.url = async_url(url)
        self.is_sqlite = self.url.startswith("sqlite")
        file = make_url(self.url).database or ":memory:"
        self.engine: AsyncEngine = create_async_engine(
            self.url,
            pool_size=pool_size,
            max_overflow=8,
            pool_pre_ping=not self.is_sqlite,
            poolclass=AsyncAdaptedQueuePool,
            **(
                {"async_creator": lambda: sqlite.connect(file, durable=durable, at_once=at_once)}
                if self.is_sqlite
                else {}
            ),
        )
        # SQLite takes one writer at a time, and polls for its lock: within this process writers queue up here instead.
        self._one_writer = asyncio.Lock() if self.is_sqlite else None

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A consistent read: all its queries see the same moment. Nothing is committed."""
        async with self._connection() as connection:
            if self.is_sqlite:
                await connection.exec_driver_sql("BEGIN")
            else:
                await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            try:
                yield connection
            finally:
                await connection.rollback()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """One transaction that commits at the end of the block. On SQLite it takes the write lock at its start."""
        async with AsyncExitStack() as stack:
            if self._one_writer is not None:
                await stack.enter_async_context(self._one_writer)
            connection = await stack.enter_async_context(self._connection())
            if self.is_sqlite:
                await connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                await connection.rollback()
                raise
            await connection.commit()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection]:
        async with AsyncExitStack() as stack:
            try:
                connection = await stack.enter_async_context(self.engine.connect())
            except (DBAPIError, NoConnectionFree, OSError, asyncpg.PostgresError) as fault:
                raise StoreAway(f"the store cannot be reached: {_in_words(fault)}") from fault
            try:
                yield connection
            except DBAPIError as fault:
                if _is_away(fault):
                    raise StoreAway(f"the store does not answer: {_in_words(fault)}") from fault
                raise

    async def close(self) -> None:
        await self.engine.dispose()


def _in_words(fault: Exception) -> str:
    return str(fault.orig if isinstance(fault, DBAPIError) else fault) or type(fault).__name__


def _is_away(fault: DBAPIError) -> bool:
    if fault.connection_invalidated:
        return True
    cause: BaseException | None = fault.orig
    while cause is not None:  # SQLAlchemy's asyncpg adapter keeps the driver's own error as the cause of its own
        if isinstance(cause, _POSTGRES_IS_AWAY):
            return True
        if isinstance(cause, sqlite3.Error) and (getattr(cause, "sqlite_errorcode", 0) & 0xFF) in _SQLITE_IS_AWAY:
            return True
        cause = cause.__cause__
    return False
