"""What a customer said about an invoice: taken once, ended once."""

import asyncio

import pytest

from receivables.disputes import DisputeState
from receivables.promises import PromiseState
from store import disputes, promises
from store.database import Database
from store.disputes import DisputeClosed, DisputeOfNothing, NoSuchDispute
from store.promises import NoSuchPromise, WrongPromiseState
from tests.builders import a_dispute, a_promise, eur
from tests.store.known import MONDAY, know, minutes_later


async def test_a_promise_is_taken_once_and_read_back_as_it_was_said(database: Database) -> None:
    await know(database, C_1=("INV-1",))
    promise = a_promise(amount=eur("40.00"))

    async def add() -> bool:
        async with database.writing() as connection:
            return await promises.add(connection, promise)

    assert sorted(await asyncio.gather(add(), add())) == [False, True]
    async with database.reading() as connection:
        assert await promises.find_promise(connection, "P-1") == promise
        assert await promises.open_promises(connection, customer_id="C-1") == [promise]


async def test_a_promise_ends_once(database: Database) -> None:
    await know(database, C_1=("INV-1",))
    ends = [PromiseState.KEPT, PromiseState.BROKEN, PromiseState.WITHDRAWN]
    async with database.writing() as connection:
        for end in ends:
            await promises.add(connection, a_promise(promise_id=end))
            assert await promises.set_state(connection, promise_id=end, state=end) is True
            assert await promises.set_state(connection, promise_id=end, state=end) is False
            for other in set(PromiseState) - {end}:
                with pytest.raises(WrongPromiseState, match=f"is {end}"):
                    await promises.set_state(connection, promise_id=end, state=other)
        assert await promises.open_promises(connection, customer_id="C-1") == []
        all_of_them = await promises.promises_of(connection, invoice_id="INV-1")
        assert {promise.promise_id: promise.state for promise in all_of_them} == {end: end for end in ends}
        with pytest.raises(NoSuchPromise):
            await promises.set_state(connection, promise_id="P-9", state=PromiseState.KEPT)


async def test_open_promises_of_one_invoice_leave_out_the_others(database: Database) -> None:
    await know(database, C_1=("INV-1", "INV-2"))
    async with database.writing() as connection:
        await promises.add(connection, a_promise())
        await promises.add(connection, a_promise(promise_id="P-2", invoice_id="INV-2"))
        found = await promises.open_promises(connection, customer_id="C-1", invoice_id="INV-2")
    assert [promise.promise_id for promise in found] == ["P-2"]


async def test_a_dispute_is_taken_once_and_read_back_as_it_was_opened(database: Database) -> None:
    await know(database, C_1=("INV-1",))
    whole = a_dispute(dispute_id="D-1", words="the goods were wet")
    part = a_dispute(dispute_id="D-2", disputed_amount=eur("40.00"))
    nothing = a_dispute(dispute_id="D-3", disputed_amount=eur("0.00"))
    async with database.writing() as connection:
        for dispute in (whole, part, nothing):
            assert await disputes.add(connection, dispute) is True
            assert await disputes.add(connection, dispute) is False
            assert await disputes.find_dispute(connection, dispute.dispute_id) == dispute
        assert await disputes.open_disputes(connection, customer_id="C-1") == [whole, part, nothing]
        assert await disputes.open_disputes(connection, customer_id="C-1", invoice_id="INV-2") == []


async def test_a_dispute_is_closed_once(database: Database) -> None:
    await know(database, C_1=("INV-1",))
    async with database.writing() as connection:
        await disputes.add(connection, a_dispute())
        upheld = {"dispute_id": "D-1", "verdict": DisputeState.UPHELD}
        assert await disputes.close(connection, **upheld, at=MONDAY) is True
        assert await disputes.close(connection, **upheld, at=minutes_later(5)) is False
        with pytest.raises(DisputeClosed, match="is upheld"):
            await disputes.close(connection, dispute_id="D-1", verdict=DisputeState.REJECTED, at=MONDAY)
        with pytest.raises(ValueError, match="upheld, rejected or withdrawn"):
            await disputes.close(connection, dispute_id="D-1", verdict=DisputeState.OPEN, at=MONDAY)
        with pytest.raises(NoSuchDispute):
            await disputes.close(connection, dispute_id="D-9", verdict=DisputeState.UPHELD, at=MONDAY)
        (dispute,) = await disputes.disputes_of(connection, invoice_id="INV-1")
        assert (dispute.state, dispute.closed_at) == (DisputeState.UPHELD, MONDAY)
        assert await disputes.open_disputes(connection, customer_id="C-1") == []


async def test_a_dispute_of_an_unknown_invoice_is_refused(database: Database) -> None:
    async with database.writing() as connection:
        with pytest.raises(DisputeOfNothing):
            await disputes.add(connection, a_dispute(invoice_id="INV-9"))
