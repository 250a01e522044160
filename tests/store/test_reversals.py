"""Money goes back: refunds, chargebacks, cancelled payments; and comes again."""

import asyncio
from datetime import date

import pytest

from receivables.invoice import Stage
from receivables.ledger import EntryKind
from receivables.money import CurrencyMismatch, Money
from receivables.promises import PromiseState
from store import invoices, promises
from store.accounts import read_account
from store.database import Database
from store.invoices import UnknownInvoice
from store.ledger import DocumentConflict, NotAPositiveAmount, NothingToReverse, ReversedTooMuch
from tests.builders import a_promise, an_invoice, eur, utc
from tests.store.booked import (
    NOW,
    amounts_unapplied,
    assert_balances,
    assert_nothing_is_lost,
    give_up,
    of,
    open_account,
    pay,
    place,
    undo,
)

REFUND, CHARGEBACK = EntryKind.REFUND, EntryKind.CHARGEBACK
CANCELLED, REVERSED = EntryKind.PAYMENT_CANCELLED, EntryKind.CHARGEBACK_REVERSED


@pytest.mark.parametrize("kind", [REFUND, CHARGEBACK, CANCELLED])
async def test_a_settled_invoice_whose_money_went_back_is_open_again_in_its_next_cycle(
    database: Database, kind: EntryKind
):
    """Scenario 23: its age counts from the original due date."""
    await open_account(database)
    async with database.writing() as connection:
        await pay(connection, "100.00", "INV-1")
        assert await undo(connection, kind) == ("INV-1",)
        record = await of(connection)
        assert (record.open_balance, record.settled_on, record.stage) == (eur("100.00"), None, Stage.REMINDING)
        assert (record.invoice.cycle, record.invoice.due_on) == (2, date(2024, 3, 1))
        await assert_balances(connection)


async def test_an_invoice_opened_again_before_its_due_day_is_not_due(database: Database):
    await open_account(database, an_invoice(due_on=date(2024, 4, 30)))
    async with database.writing() as connection:
        await pay(connection, "100.00", "INV-1")
        await undo(connection, REFUND)
        assert (await of(connection)).stage is Stage.NOT_DUE


async def test_a_chargeback_that_is_reversed_settles_the_invoice_again(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        await pay(connection, "100.00", "INV-1")
        await undo(connection, CHARGEBACK)
        again = {"document_id": "R-2", "of_document_id": "R-1", "booked_on": date(2024, 3, 25)}
        assert await undo(connection, REVERSED, **again) == ("INV-1",)
        record = await of(connection)
        assert (record.open_balance, record.settled_on, record.invoice.cycle) == (eur("0.00"), date(2024, 3, 25), 2)
        await assert_balances(connection)
        with pytest.raises(NothingToReverse):
            await undo(connection, REVERSED, document_id="R-3", of_document_id="R-1")


@pytest.mark.parametrize("named", [{"of_document_id": "P-1"}, {"of_document_id": None, "invoice_id": "INV-1"}])
async def test_a_reversed_chargeback_may_name_the_payment_or_the_invoice(database: Database, named: dict[str, str]):
    await open_account(database)
    async with database.writing() as connection:
        await pay(connection, "100.00", "INV-1")
        await undo(connection, CHARGEBACK)
        assert await undo(connection, REVERSED, document_id="R-2", **named) == ("INV-1",)
        with pytest.raises(NothingToReverse):
            await undo(connection, REVERSED, document_id="R-3", **named)


async def test_a_reversed_chargeback_of_an_invoice_paid_otherwise_is_unapplied(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        await pay(connection, "100.00", "INV-1")
        await undo(connection, CHARGEBACK)
        await pay(connection, "80.00", "INV-1", document_id="P-2")
        await undo(connection, REVERSED, document_id="R-2", of_document_id="R-1")
        assert (await of(connection)).open_balance == eur("0.00")
        assert await amounts_unapplied(connection) == {"P-1": "EUR 80.00"}
        with pytest.raises(NothingToReverse):
            await undo(connection, REVERSED, document_id="R-3", of_document_id="R-1")
        await assert_balances(connection)
        await assert_nothing_is_lost(
            connection, [("P-1", EntryKind.PAYMENT, 10000), ("R-1", CHARGEBACK, 10000), ("R-2", REVERSED, 10000)]
        )


async def test_a_chargeback_is_trouble_with_the_customer(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        await pay(connection, "100.00", "INV-1")
        await undo(connection, CHARGEBACK)
        history = (await read_account(connection, customer_id="C-1", as_of=NOW)).history
        assert (history.last_trouble_on, history.last_trouble) == (date(2024, 3, 22), "chargeback R-1")


async def test_a_refund_of_what_was_paid_too_much_opens_no_invoice(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        await pay(connection, "130.00", "INV-1")
        assert await undo(connection, REFUND, amount=eur("30.00")) == ()
        record = await of(connection)
        assert (record.open_balance, record.invoice.cycle) == (eur("0.00"), 1)
        assert await amounts_unapplied(connection) == {}


async def test_a_part_is_taken_from_where_it_was_placed_last(database: Database):
    await open_account(database, an_invoice(), an_invoice(invoice_id="INV-2"))
    async with database.writing() as connection:
        await pay(connection, "205.00", "INV-1", "INV-2")
        assert await undo(connection, REFUND, amount=eur("125.00")) == ("INV-1", "INV-2")
        assert await amounts_unapplied(connection) == {}
        assert (await of(connection, "INV-2")).open_balance == eur("100.00")
        assert (await of(connection, "INV-1")).open_balance == eur("20.00")
        await assert_balances(connection)


async def test_money_that_was_placed_later_goes_back_from_there(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        await pay(connection, "100.00")
        await place(connection, "INV-1")
        assert await undo(connection, CANCELLED) == ("INV-1",)
        assert (await of(connection)).open_balance == eur("100.00")
        assert await amounts_unapplied(connection) == {}


async def test_a_refund_may_name_the_invoice_alone(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        await pay(connection, "60.00", "INV-1")
        await pay(connection, "40.00", "INV-1", document_id="P-2")
        touched = await undo(connection, REFUND, of_document_id=None, invoice_id="INV-1", amount=eur("50.00"))
        assert touched == ("INV-1",)
        assert (await of(connection)).open_balance == eur("50.00")
        # 40.00 came from P-2, the last, and 10.00 from P-1: so much is no longer there to be cancelled.
        with pytest.raises(ReversedTooMuch, match=r"only EUR 50\.00 is left"):
            await undo(connection, CANCELLED, document_id="R-2", amount=eur("50.01"))
        with pytest.raises(NothingToReverse):
            await undo(connection, CANCELLED, document_id="R-3", of_document_id="P-2")
        await assert_balances(connection)


async def test_a_refund_may_name_both_the_payment_and_the_invoice(database: Database):
    await open_account(database, an_invoice(), an_invoice(invoice_id="INV-2"))
    async with database.writing() as connection:
        await pay(connection, "250.00", "INV-1", "INV-2")
        assert await undo(connection, REFUND, invoice_id="INV-1") == ("INV-1",)
        assert (await of(connection)).open_balance == eur("100.00")
        assert await amounts_unapplied(connection) == {"P-1": "EUR 50.00"}


async def test_what_was_never_paid_cannot_go_back(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        with pytest.raises(NothingToReverse, match="no payment or credit note P-1"):
            await undo(connection, REFUND)
        with pytest.raises(NothingToReverse, match="no chargeback P-1"):
            await undo(connection, REVERSED)
        with pytest.raises(NothingToReverse, match="nothing is left"):
            await undo(connection, REFUND, of_document_id=None, invoice_id="INV-1")
        with pytest.raises(UnknownInvoice):
            await undo(connection, REFUND, of_document_id=None, invoice_id="INV-404")
        await pay(connection, "100.00", "INV-1")
        with pytest.raises(ReversedTooMuch, match=r"only EUR 100\.00 is left"):
            await undo(connection, REFUND, amount=eur("100.01"))
        with pytest.raises(CurrencyMismatch):
            await undo(connection, REFUND, amount=Money.of("1.00", "USD"))
        for amount in ("0.00", "-1.00"):
            with pytest.raises(NotAPositiveAmount):
                await undo(connection, REFUND, amount=eur(amount))
        with pytest.raises(ValueError, match="neither which document nor which invoice"):
            await undo(connection, REFUND, of_document_id=None)
        with pytest.raises(ValueError, match="undoes nothing"):
            await undo(connection, EntryKind.PAYMENT)
        assert await undo(connection, REFUND) == ("INV-1",)  # its id is free


async def test_a_credit_note_cannot_be_charged_back(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        await pay(connection, "100.00", "INV-1", kind=EntryKind.CREDIT_NOTE)
        with pytest.raises(NothingToReverse, match="no payment P-1"):
            await undo(connection, CHARGEBACK)
        with pytest.raises(NothingToReverse):
            await undo(connection, CHARGEBACK, of_document_id=None, invoice_id="INV-1")
        assert await undo(connection, CANCELLED) == ("INV-1",)


async def test_the_same_reversal_again_is_booked_once_and_answered_the_same(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        await pay(connection, "100.00", "INV-1")
        for _ in range(2):
            assert await undo(connection, REFUND, amount=eur("40.00")) == ("INV-1",)
        assert (await of(connection)).open_balance == eur("40.00")
        with pytest.raises(DocumentConflict, match="refund R-1"):
            await undo(connection, REFUND, amount=eur("41.00"))


@pytest.mark.parametrize("named", [{"of_document_id": "P-1"}, {"of_document_id": None, "invoice_id": "INV-1"}])
async def test_the_same_reversal_twenty_times_at_once_is_booked_once(database: Database, named: dict[str, str]):
    await open_account(database)
    async with database.writing() as connection:
        await pay(connection, "100.00", "INV-1")

    async def book(_: int) -> tuple[str, ...]:
        async with database.writing() as connection:
            return await undo(connection, CHARGEBACK, **named)

    assert set(await asyncio.gather(*(book(number) for number in range(20)))) == {("INV-1",)}
    async with database.reading() as connection:
        record = await of(connection)
        assert (record.open_balance, record.invoice.cycle) == (eur("100.00"), 2)
        await assert_balances(connection)


async def test_twenty_refunds_at_once_give_back_no_more_than_came(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        await pay(connection, "50.00", "INV-1")

    async def book(number: int) -> int:
        try:
            async with database.writing() as connection:
                named = {} if number % 2 else {"of_document_id": None, "invoice_id": "INV-1"}
                await undo(connection, REFUND, document_id=f"R-{number}", amount=eur("10.00"), **named)
        except (NothingToReverse, ReversedTooMuch):
            return 0
        return 1

    assert sum(await asyncio.gather(*(book(number) for number in range(20)))) == 5
    async with database.reading() as connection:
        assert (await of(connection)).open_balance == eur("100.00")
        await assert_balances(connection)


async def test_a_cancelled_payment_kept_no_promise(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        await promises.add(connection, a_promise(amount=eur("40.00")))
        await pay(connection, "40.00", "INV-1")
        await undo(connection, CANCELLED)
        promise = await promises.find_promise(connection, "P-1")
        assert promise is not None
        assert promise.state is PromiseState.OPEN


async def test_a_refunded_payment_had_kept_its_promise(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        await promises.add(connection, a_promise(amount=eur("40.00")))
        await pay(connection, "40.00", "INV-1")
        await undo(connection, REFUND)
        promise = await promises.find_promise(connection, "P-1")
        assert promise is not None
        assert promise.state is PromiseState.KEPT


async def test_a_rest_within_the_tolerance_does_not_open_the_invoice_again(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        await pay(connection, "100.00", "INV-1")
        await undo(connection, REFUND, amount=eur("1.00"), tolerance={"EUR": "1.00"})
        record = await of(connection)
        assert (record.open_balance, record.invoice.cycle) == (eur("1.00"), 1)
        assert record.settled_on is not None


async def test_a_part_paid_invoice_stays_in_its_cycle(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        await pay(connection, "40.00", "INV-1")
        await undo(connection, CANCELLED)
        record = await of(connection)
        assert (record.open_balance, record.invoice.cycle, record.stage) == (eur("100.00"), 1, Stage.NOT_DUE)


async def test_a_chargeback_opens_an_invoice_that_was_written_off(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        await pay(connection, "60.00", "INV-1")
        await give_up(connection, "INV-1", document_id="W-1")
        await undo(connection, CHARGEBACK)
        record = await of(connection)
        assert (record.open_balance, record.invoice.cycle, record.invoice.written_off_at) == (eur("60.00"), 2, None)
        await assert_balances(connection)


async def test_a_withdrawn_invoice_stays_closed_when_its_money_goes_back(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        await pay(connection, "100.00", "INV-1")
        await invoices.withdraw(connection, "INV-1", at=utc(2024, 3, 21))
        await undo(connection, REFUND)
        record = await of(connection)
        assert record.invoice.withdrawn_at is not None
        assert record.open_balance == eur("100.00")
