"""Replies: kept as they came, their consequences drawn once."""

import asyncio
from datetime import date

import pytest

from receivables.money import Money
from receivables.replies import Intent, IntentRead, Reading, Reply
from store import replies
from store.database import Database
from store.replies import NoSuchReply
from tests.store.known import MONDAY, another_process, know, minutes_later


def a_written_reply(reply_id: str = "R-1", **changes: object) -> Reply:
    values: dict[str, object] = {
        "reply_id": reply_id,
        "customer_id": "C-1",
        "invoice_ids": ("INV-1", "INV-2"),
        "received_at": MONDAY,
        "subject": "Re: Ihre Rechnung",
        "body": "Wir zahlen am 30. August. Grüße 👋",
        "reading": Reading(
            intents=(IntentRead(intent=Intent.PROMISE_TO_PAY, confidence=0.9, evidence="30. August"),),
            promised_on=date(2024, 8, 30),
            promised_amount=Money.of("40.125", "KWD"),
            language="de",
        ),
    }
    return Reply.model_validate(values | changes)


async def test_a_reply_is_taken_once_and_read_back_as_it_came(database: Database) -> None:
    await know(database, C_1=("INV-1", "INV-2"))
    reply = a_written_reply()

    async def add() -> bool:
        async with database.writing() as connection:
            return await replies.add_reply(connection, reply)

    assert sorted(await asyncio.gather(add(), add(), add())) == [False, False, True]
    async with database.reading() as connection:
        assert await replies.find_reply(connection, "R-1") == reply
        assert await replies.find_reply(connection, "R-9") is None
        assert await replies.replies_of(connection, customer_id="C-1") == [reply]


async def test_characters_that_no_database_takes_are_replaced(database: Database) -> None:
    await know(database, C_1=())
    async with database.writing() as connection:
        reply = a_written_reply().model_copy(update={"subject": "a\x00b\r\nBcc: x", "body": "half a pair: \ud83d"})
        await replies.add_reply(connection, reply)
        found = await replies.find_reply(connection, "R-1")
    assert found is not None
    assert (found.subject, found.body) == ("a\ufffdb\r\nBcc: x", "half a pair: ?")


async def test_exactly_one_of_many_draws_the_consequences_of_a_reply(database: Database) -> None:
    await know(database, C_1=())
    other = another_process(database)
    async with database.writing() as connection:
        await replies.add_reply(connection, a_written_reply())

    async def take_in(way: Database) -> bool:
        async with way.writing() as connection:
            return await replies.mark_taken_in(connection, reply_id="R-1", at=MONDAY)

    try:
        outcomes = await asyncio.gather(*(take_in(way) for way in (database, other, database, other)))
        assert sorted(outcomes) == [False, False, False, True]
        with pytest.raises(NoSuchReply):
            async with database.writing() as connection:
                await replies.mark_taken_in(connection, reply_id="R-9", at=MONDAY)
    finally:
        await other.close()


async def test_consequences_that_were_rolled_back_are_drawn_by_the_next(database: Database) -> None:
    await know(database, C_1=())
    async with database.writing() as connection:
        await replies.add_reply(connection, a_written_reply())

    async def take_in_and_fail() -> None:
        async with database.writing() as connection:
            assert await replies.mark_taken_in(connection, reply_id="R-1", at=MONDAY)
            raise RuntimeError("the process dies here")

    with pytest.raises(RuntimeError):
        await take_in_and_fail()
    async with database.writing() as connection:
        assert await replies.mark_taken_in(connection, reply_id="R-1", at=MONDAY)


async def test_replies_not_taken_in_wait_oldest_first(database: Database) -> None:
    await know(database, C_1=(), C_2=())
    async with database.writing() as connection:
        await replies.add_reply(connection, a_written_reply("R-2", received_at=minutes_later(2)))
        await replies.add_reply(connection, a_written_reply("R-1"))
        await replies.add_reply(connection, a_written_reply("R-3", customer_id="C-2"))
        await replies.add_reply(connection, a_written_reply("R-4"))
        await replies.mark_taken_in(connection, reply_id="R-4", at=MONDAY)
        assert [reply.reply_id for reply in await replies.untaken(connection, customer_id="C-1")] == ["R-1", "R-2"]
        assert [reply.reply_id for reply in await replies.untaken(connection)] == ["R-1", "R-3", "R-2"]
