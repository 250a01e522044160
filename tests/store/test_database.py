"""Transactions, and what is told apart when one cannot be had."""

import asyncio
import sqlite3
import threading
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError

from store import tables
from store.database import Database, StoreAway, async_url
from tests.builders import utc


def a_fact(fact_id: str = "payment:P-1") -> dict[str, object]:
    return {"fact_id": fact_id, "kind": "payment", "fingerprint": "0", "stored_at": utc(2024, 3, 1)}


def a_line(number: int) -> dict[str, object]:
    key = {"natural_key": str(number), "customer_id": "C-1", "at": utc(2024, 3, 1)}
    return key | {"kind": "fact", "words": "payment", "rule": "", "facts": {}}


async def no_connecting_is_left() -> None:
    """A connection that was cancelled ends its thread a moment later; the loop must still be there then."""
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:
            await asyncio.to_thread(thread.join)


async def facts_in(database: Database) -> list[str]:
    async with database.reading() as connection:
        return list((await connection.execute(select(tables.facts.c.fact_id))).scalars())


async def test_what_was_written_is_there(database: Database):
    async with database.writing() as connection:
        await connection.execute(insert(tables.facts), [a_fact()])
    assert await facts_in(database) == ["payment:P-1"]


async def test_nothing_is_written_where_the_block_raises(database: Database):
    async def fail() -> None:
        async with database.writing() as connection:
            await connection.execute(insert(tables.facts), [a_fact()])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await facts_in(database) == []


async def test_a_read_commits_nothing(sqlite_database: Database):
    async with sqlite_database.reading() as connection:
        await connection.execute(insert(tables.facts), [a_fact()])
    assert await facts_in(sqlite_database) == []


@pytest.mark.parametrize(("durable", "synchronous"), [(True, 2), (False, 0)])
async def test_a_durable_store_waits_for_the_disk(sqlite_url: str, durable: bool, synchronous: int):
    database = Database(sqlite_url, durable=durable)
    async with database.reading() as connection:
        assert (await connection.exec_driver_sql("PRAGMA synchronous")).scalar_one() == synchronous
        assert (await connection.exec_driver_sql("PRAGMA journal_mode")).scalar_one() == "wal"
        assert (await connection.exec_driver_sql("PRAGMA foreign_keys")).scalar_one() == 1
    await database.close()


async def test_rows_and_counts_come_back_from_a_statement(database: Database):
    """The driver's own cursor is replaced for SQLite (store/sqlite.py)."""
    async with database.writing() as connection:
        await connection.execute(insert(tables.timeline), [a_line(1), a_line(2), a_line(3)])
        last = await connection.execute(insert(tables.timeline).values(a_line(4)))
        assert last.rowcount == 1
        assert last.inserted_primary_key is not None
        changed = await connection.execute(update(tables.timeline).values(words="changed"))
        assert changed.rowcount == 4
        nothing = await connection.execute(update(tables.facts).values(words=""))
        assert nothing.rowcount == 0
        rows = await connection.execute(select(tables.timeline.c.natural_key).order_by(tables.timeline.c.line_id))
        assert rows.keys() == ["natural_key"]
        assert rows.fetchmany(2) == [("1",), ("2",)]
        assert rows.scalars().all() == ["3", "4"]
        assert (await connection.execute(select(tables.facts))).one_or_none() is None


@pytest.mark.postgres
async def test_on_postgresql_a_read_cannot_write(postgres_url: str):
    database = Database(postgres_url)
    with pytest.raises(DBAPIError, match="read-only"):
        async with database.reading() as connection:
            await connection.execute(insert(tables.facts), [a_fact()])
    # … and the connection writes again when it is taken for that.
    async with database.writing() as connection:
        await connection.execute(insert(tables.facts), [a_fact()])
    await database.close()


async def test_a_read_sees_one_moment(database: Database):
    async with database.reading() as connection:
        assert (await connection.execute(select(tables.facts))).all() == []
        async with database.writing() as other:
            await other.execute(insert(tables.facts), [a_fact()])
        assert (await connection.execute(select(tables.facts))).all() == []


async def test_twenty_writers_at_once_all_write(database: Database):
    async def write(number: int) -> None:
        async with database.writing() as connection:
            await connection.execute(insert(tables.facts), [a_fact(f"payment:P-{number}")])

    await asyncio.gather(*(write(number) for number in range(20)))
    assert len(await facts_in(database)) == 20


async def test_a_writer_who_is_cancelled_leaves_nothing_and_blocks_nobody(database: Database):
    is_in = asyncio.Event()

    async def write() -> None:
        async with database.writing() as connection:
            await connection.execute(insert(tables.facts), [a_fact()])
            is_in.set()
            await asyncio.Event().wait()

    writer = asyncio.create_task(write())
    await is_in.wait()
    writer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writer
    async with database.writing() as connection:
        await connection.execute(insert(tables.facts), [a_fact("payment:P-2")])
    assert await facts_in(database) == ["payment:P-2"]


async def test_a_writer_who_is_cancelled_while_waiting_blocks_nobody(sqlite_database: Database):
    other = Database(sqlite_database.url)  # another process: it shares no lock with the first
    async with other.writing():
        waiting = asyncio.create_task(_write_nothing(sqlite_database))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    await other.close()
    await _write_nothing(sqlite_database)
    await sqlite_database.close()
    await no_connecting_is_left()


async def _write_nothing(database: Database) -> None:
    async with database.writing():
        pass


async def test_a_broken_constraint_is_no_absence_of_the_store(database: Database):
    with pytest.raises(IntegrityError):
        async with database.writing() as connection:
            await connection.execute(insert(tables.facts), [a_fact(), a_fact()])


async def test_a_wrong_statement_is_no_absence_of_the_store(database: Database):
    with pytest.raises(DBAPIError, match="no_such_table"):
        async with database.reading() as connection:
            await connection.execute(text("SELECT 1 FROM no_such_table"))


async def test_an_error_of_the_callers_own_passes_through(database: Database):
    """An OSError in the block is about the caller's file, not about our connection."""
    with pytest.raises(FileNotFoundError):
        async with database.writing():
            raise FileNotFoundError


async def test_a_file_that_cannot_be_opened_is_an_absence_of_the_store(tmp_path: Path):
    database = Database(f"sqlite:///{tmp_path / 'no such folder' / 'baton.db'}")
    with pytest.raises(StoreAway, match="unable to open database file"):
        async with database.reading():
            pass
    await database.close()


async def test_a_locked_file_is_an_absence_of_the_store(sqlite_url: str):
    database = Database(sqlite_url)
    holder = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    async with database.reading() as connection:
        await connection.exec_driver_sql("PRAGMA busy_timeout=0")
    with pytest.raises(StoreAway, match="locked"):
        async with database.writing():
            pass
    holder.close()
    await database.close()


async def test_a_server_that_does_not_listen_is_an_absence_of_the_store(tmp_path: Path):
    database = Database(f"postgresql://baton@/baton?host={tmp_path}")
    with pytest.raises(StoreAway):
        async with database.writing():
            pass
    await database.close()


@pytest.mark.postgres
async def test_a_server_that_cuts_us_off_is_an_absence_of_the_store(postgres_url: str):
    database = Database(postgres_url)
    other = Database(postgres_url)

    async def write_and_be_cut_off() -> None:
        async with database.writing() as connection:
            process = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
            async with other.writing() as killer:
                await killer.execute(text("SELECT pg_terminate_backend(:process)"), {"process": process})
            await connection.execute(insert(tables.facts), [a_fact()])

    with pytest.raises(StoreAway):
        await write_and_be_cut_off()
    assert await facts_in(database) == []  # and the next connection works
    await other.close()
    await database.close()


@pytest.mark.postgres
async def test_a_server_without_our_database_says_so(postgres_server: str):
    database = Database(postgres_server.replace("/postgres?", "/nobody_made_this?"))
    with pytest.raises(StoreAway, match="nobody_made_this"):
        async with database.writing():
            pass
    await database.close()


@pytest.mark.parametrize("naive", [datetime(2024, 3, 1)])  # noqa: DTZ001 a naive one is what the test is about
async def test_an_instant_without_a_zone_is_refused(sqlite_database: Database, naive: datetime):
    with pytest.raises(StatementError, match="no time zone"):
        async with sqlite_database.writing() as connection:
            await connection.execute(insert(tables.facts), [a_fact() | {"stored_at": naive}])


def test_urls_are_written_without_drivers():
    assert async_url("sqlite:///var/baton.db") == "sqlite+aiosqlite:///var/baton.db"
    assert async_url("postgresql://me:se%40cret@host/baton") == "postgresql+asyncpg://me:se%40cret@host/baton"


def test_another_database_is_refused_with_those_that_work():
    with pytest.raises(ValueError, match="mysql is no store of Baton's; use sqlite"):
        async_url("mysql://host/baton")
