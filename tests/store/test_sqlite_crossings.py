"""What may wait on SQLite waits in the connection's thread, and the loop goes on meanwhile."""

import asyncio
import threading

from sqlalchemy import insert, select

from store import tables
from store.database import Database
from tests.builders import utc
from tests.waiting import until


def a_fact(fact_id: str) -> dict[str, object]:
    return {"fact_id": fact_id, "kind": "payment", "fingerprint": "0", "stored_at": utc(2024, 3, 1)}


async def write(database: Database, fact_id: str) -> None:
    async with database.writing() as connection:
        await connection.execute(insert(tables.facts), [a_fact(fact_id)])


async def test_a_writer_who_waits_for_another_process_holds_up_no_reader(sqlite_url: str) -> None:
    ours, theirs = Database(sqlite_url), Database(sqlite_url)
    try:
        await write(ours, "P-0")
        async with theirs.writing() as connection:
            await connection.execute(insert(tables.facts), [a_fact("P-1")])
            waiting = asyncio.create_task(write(ours, "P-2"))
            async with ours.reading() as reader:
                assert list((await reader.execute(select(tables.facts.c.fact_id))).scalars()) == ["P-0"]
            assert not waiting.done()
        await waiting
    finally:
        await ours.close()
        await theirs.close()


async def test_a_writer_cancelled_while_it_waits_for_another_process_leaves_nothing_behind(sqlite_url: str) -> None:
    ours, theirs = Database(sqlite_url, pool_size=1), Database(sqlite_url)
    try:
        await write(ours, "P-0")
        async with theirs.writing() as connection:
            await connection.execute(insert(tables.facts), [a_fact("P-1")])
            waiting = asyncio.create_task(write(ours, "P-2"))
            await until(lambda: ours._one_writer is not None and ours._one_writer.locked())
            await asyncio.sleep(0)
            waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert waiting.cancelled()
        await write(ours, "P-3")
        async with ours.reading() as reader:
            found = list((await reader.execute(select(tables.facts.c.fact_id).order_by("fact_id"))).scalars())
        assert found == ["P-0", "P-1", "P-3"]
    finally:
        await ours.close()
        await theirs.close()
        for thread in threading.enumerate():
            if "_connection_worker_thread" in thread.name:
                await asyncio.to_thread(thread.join)
