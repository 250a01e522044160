"""Money on no invoice: seen by a person, and placed."""

import asyncio

import pytest

from receivables.ledger import EntryKind
from receivables.money import CurrencyMismatch
from store import ledger
from store.database import Database
from store.invoices import UnknownInvoice
from store.ledger import DocumentConflict, PlacedTooMuch
from store.paging import BadCursor
from tests.builders import an_invoice, eur
from tests.store.booked import PAID_ON, amounts_unapplied, assert_balances, of, open_account, pay, place


async def test_unapplied_money_is_placed_later_and_counts_from_the_day_it_came(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        await pay(connection, "130.00")
        placed = await place(connection, "INV-1", placement_id="by anna 1")
        assert placed == eur("100.00")
        assert (await of(connection)).settled_on == PAID_ON
        assert await amounts_unapplied(connection, "C-1") == {"P-1": "EUR 30.00"}
        entries = await ledger.entries_of_document(connection, document_id="P-1", kind=EntryKind.PAYMENT)
        assert sum(entry.amount.minor for entry in entries) == -13000
        await assert_balances(connection)


async def test_a_payment_is_answered_the_same_after_its_money_was_placed(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        first = await pay(connection, "130.00")
        await place(connection, "INV-1", placement_id="1")
        assert await pay(connection, "130.00") == first


async def test_a_placing_is_done_once(database: Database):
    await open_account(database, an_invoice(), an_invoice(invoice_id="INV-2"))
    async with database.writing() as connection:
        await pay(connection, "130.00")
        for _ in range(2):
            placed = await place(connection, amount=eur("20.00"))
            assert placed == eur("20.00")
        with pytest.raises(DocumentConflict):
            await place(connection, "INV-2", placement_id="1")
        await place(connection, "INV-1", placement_id="2", amount=eur("5.00"))
        assert (await of(connection)).open_balance == eur("75.00")
        assert await amounts_unapplied(connection) == {"P-1": "EUR 105.00"}


async def test_twenty_placings_at_once_place_no_more_than_there_is(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        await pay(connection, "50.00")

    async def take_ten(number: int) -> int:
        try:
            async with database.writing() as connection:
                await place(connection, placement_id=f"{number}", amount=eur("10.00"))
        except PlacedTooMuch:
            return 0
        return 1

    assert sum(await asyncio.gather(*(take_ten(number) for number in range(20)))) == 5
    async with database.reading() as connection:
        assert await amounts_unapplied(connection) == {}
        await assert_balances(connection)


async def test_what_is_not_there_or_not_open_cannot_be_placed(database: Database):
    await open_account(
        database,
        an_invoice(),
        an_invoice(invoice_id="INV-2", amount="10.00"),
        an_invoice(invoice_id="US", currency="USD"),
    )
    async with database.writing() as connection:
        await pay(connection, "50.00")
        with pytest.raises(PlacedTooMuch, match=r"EUR 50\.00 is unapplied, EUR 100\.00 is open"):
            await place(connection, amount=eur("50.01"))
        with pytest.raises(PlacedTooMuch, match=r"EUR 10\.00 is open"):
            await place(connection, "INV-2", amount=eur("10.01"))
        with pytest.raises(PlacedTooMuch, match="nothing of payment P-404 is unapplied"):
            await place(connection, document_id="P-404")
        with pytest.raises(UnknownInvoice):
            await place(connection, "INV-404")
        with pytest.raises(CurrencyMismatch):
            await place(connection, "US")


async def test_unapplied_money_is_listed_in_pages(database: Database):
    async with database.writing() as connection:
        for number in (3, 1, 2):
            await pay(connection, f"{number}.00", document_id=f"P-{number}")
        await pay(connection, "9.00", document_id="CN-9", kind=EntryKind.CREDIT_NOTE)
        first = await ledger.unapplied(connection, limit=2)
        rest = await ledger.unapplied(connection, after=first[-1].cursor, limit=9)
        assert [money.document_id for money in (*first, *rest)] == ["CN-9", "P-1", "P-2", "P-3"]
        with pytest.raises(BadCursor):
            await ledger.unapplied(connection, after="P-1")
