"""Promise 9: every hold has a reason, an owner and an end."""

import asyncio

import pytest

from store import holds
from store.database import Database
from store.holds import NoSuchHold
from tests.builders import a_hold
from tests.store.known import MONDAY, know, minutes_later


async def test_a_hold_is_placed_once_by_its_id(database: Database) -> None:
    await know(database, C_1=("INV-1",))
    hold = a_hold(invoice_id="INV-1")

    async def place(words: str) -> bool:
        async with database.writing() as connection:
            return await holds.place(connection, hold.model_copy(update={"words": words}))

    assert sorted(await asyncio.gather(*(place(hold.words) for _ in range(4)))) == [False, False, False, True]
    assert await place("other words") is False
    async with database.reading() as connection:
        assert await holds.find_hold(connection, hold.hold_id) == hold
        assert await holds.holds_of(connection, customer_id="C-1") == [hold]


async def test_a_hold_is_released_once_and_stays_in_the_list(database: Database) -> None:
    await know(database, C_1=("INV-1",))
    async with database.writing() as connection:
        await holds.place(connection, a_hold())
        assert await holds.release(connection, hold_id="H-1", at=MONDAY, because="it was read") is True
        assert await holds.release(connection, hold_id="H-1", at=minutes_later(5), because="again") is False
        (hold,) = await holds.holds_of(connection, customer_id="C-1")
        assert hold.released_at == MONDAY
        with pytest.raises(NoSuchHold):
            await holds.release(connection, hold_id="H-9", at=MONDAY, because="")


async def test_active_holds_are_those_that_cover_the_invoice_at_that_instant(database: Database) -> None:
    await know(database, C_1=("INV-1", "INV-2"), C_2=())
    ending = a_hold(hold_id="ending", from_at=minutes_later(-60), until_at=MONDAY)
    begins = a_hold(hold_id="begins", from_at=MONDAY, until_at=minutes_later(60))
    one_invoice = a_hold(hold_id="one invoice", invoice_id="INV-1", until_at=minutes_later(30))
    later = a_hold(hold_id="later", from_at=minutes_later(1))
    of_another = a_hold(hold_id="of another", customer_id="C-2")
    released = a_hold(hold_id="released")
    async with database.writing() as connection:
        for hold in (ending, begins, one_invoice, later, of_another, released):
            await holds.place(connection, hold)
        await holds.release(connection, hold_id="released", at=MONDAY, because="done")
        assert await holds.active_holds(connection, customer_id="C-1", as_of=MONDAY) == [one_invoice, begins]
        assert await holds.active_holds(connection, customer_id="C-1", as_of=MONDAY, invoice_id="INV-2") == [begins]
        assert len(await holds.holds_of(connection, customer_id="C-1")) == 5
        all_holds = await holds.holds_of(connection, customer_id="C-1")
        active = await holds.active_holds(connection, customer_id="C-1", as_of=minutes_later(-1))
        # The query and the noun agree on what is active.
        assert {hold.hold_id for hold in active} == {
            hold.hold_id for hold in all_holds if hold.is_active(as_of=minutes_later(-1))
        }
