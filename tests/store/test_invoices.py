"""Invoices in the store: terms, read model, lists."""

import asyncio
from datetime import date
from decimal import Decimal

import pytest

from receivables.case_file import CaseFile
from receivables.escalations import Trigger, Urgency
from receivables.invoice import EarlyPaymentDiscount, Invoice, InvoiceLine, Stage
from receivables.messages import MessageKind
from receivables.steps import Close, Contact, Escalate, NextStep, Reason, Wait
from store import customers, invoices
from store.customers import UnknownCustomer
from store.database import Database
from store.invoices import InvoiceExists, NothingBilled, UnknownInvoice
from tests.builders import a_customer, an_invoice, eur, utc
from tests.store.booked import NOW, of, open_account, pay

REASON = Reason(rule="level_due", words="level 1 is due", facts={"days past due": "10"})
LATER = utc(2024, 4, 1)


def a_full_invoice() -> Invoice:
    return an_invoice(
        lines=(
            InvoiceLine(description="Bolts, ☺ M8", amount=eur("60.00"), quantity=Decimal("12.50")),
            InvoiceLine(description="Nuts", amount=eur("40.00")),
        ),
        purchase_order="PO-7",
        discount=EarlyPaymentDiscount(percent=Decimal("2.0"), until_on=date(2024, 2, 11)),
        ladder="gentle",
        draft=True,
        policy_version="abc",
    )


async def test_an_invoice_comes_back_as_it_was_opened(database: Database):
    await open_account(database, a_full_invoice())
    async with database.reading() as connection:
        record = await of(connection)
    assert record.invoice == a_full_invoice()
    assert (record.open_balance, record.stage, record.segment) == (eur("100.00"), Stage.NOT_DUE, "")
    assert (record.next_step, record.next_look_at, record.decided_at, record.settled_on) == (None, None, None, None)


async def test_an_invoice_is_opened_once(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        with pytest.raises(InvoiceExists, match="INV-1 is there already"):
            await invoices.add_invoice(connection, an_invoice(amount="7.00"))
        assert (await of(connection)).invoice.amount == eur("100.00")


async def test_of_twenty_who_open_it_at_once_one_does(database: Database):
    async with database.writing() as connection:
        await customers.save_customer(connection, a_customer(), at=NOW)

    async def add(_: int) -> int:
        try:
            async with database.writing() as connection:
                await invoices.add_invoice(connection, an_invoice())
        except InvoiceExists:
            return 0
        return 1

    assert sum(await asyncio.gather(*(add(number) for number in range(20)))) == 1


async def test_an_invoice_of_nobody_is_refused(database: Database):
    async with database.writing() as connection:
        with pytest.raises(UnknownCustomer, match="C-1"):
            await invoices.add_invoice(connection, an_invoice())


@pytest.mark.parametrize("amount", ["0.00", "-1.00"])
async def test_an_invoice_over_nothing_is_refused(sqlite_database: Database, amount: str):
    async with sqlite_database.writing() as connection:
        with pytest.raises(NothingBilled):
            await invoices.add_invoice(connection, an_invoice(amount=amount))


async def test_terms_that_are_not_named_stay(database: Database):
    await open_account(database, a_full_invoice())
    async with database.writing() as connection:
        await invoices.change_terms(connection, "INV-1", due_on=date(2024, 5, 1), at=LATER)
        assert (await of(connection)).invoice == a_full_invoice().model_copy(update={"due_on": date(2024, 5, 1)})


async def test_terms_can_be_taken_away(database: Database):
    await open_account(database, a_full_invoice())
    async with database.writing() as connection:
        await invoices.change_terms(
            connection, "INV-1", ladder=None, purchase_order=None, discount=None, draft=False, lines=(), at=LATER
        )
        invoice = (await of(connection)).invoice
    assert (invoice.ladder, invoice.purchase_order, invoice.discount, invoice.draft, invoice.lines) == (
        None, None, None, False, (),
    )  # fmt: skip


async def test_an_invoice_is_withdrawn_once(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        assert await invoices.withdraw(connection, "INV-1", at=NOW)
        assert not await invoices.withdraw(connection, "INV-1", at=LATER)
        assert (await of(connection)).invoice.withdrawn_at == NOW


async def test_what_is_not_there_is_not_found(database: Database):
    step = Close(stage=Stage.CLOSED, reason=REASON)
    async with database.writing() as connection:
        assert await invoices.find_invoice(connection, "INV-1") is None
        with pytest.raises(UnknownInvoice):
            await invoices.change_terms(connection, "INV-1", at=NOW)
        with pytest.raises(UnknownInvoice):
            await invoices.withdraw(connection, "INV-1", at=NOW)
        with pytest.raises(UnknownInvoice):
            await invoices.headline_of(connection, "INV-1")
        with pytest.raises(UnknownInvoice):
            await invoices.record_turn(
                connection, invoice_id="INV-1", stage=Stage.CLOSED, segment="", step=step, at=NOW
            )


@pytest.mark.parametrize(
    ("step", "next_look_at"),
    [
        (Contact(message=MessageKind.REMINDER, step="level-1", level=1, at=LATER, reason=REASON), LATER),
        (Wait(look_again_at=LATER, reason=REASON, held_back="level-1"), LATER),
        (
            Escalate(
                trigger=Trigger.AMOUNT, matter="amount:C-1", urgency=Urgency.HIGH, deadline_at=LATER, reason=REASON
            ),
            LATER,
        ),
        (Close(stage=Stage.SETTLED, reason=REASON), None),
    ],
)
async def test_the_decided_step_is_what_lists_show(database: Database, step: NextStep, next_look_at: object):
    await open_account(database)
    async with database.writing() as connection:
        await invoices.record_turn(
            connection, invoice_id="INV-1", stage=Stage.REMINDING, segment="key accounts", step=step, at=NOW
        )
        record = await of(connection)
    assert (record.stage, record.segment, record.next_step) == (Stage.REMINDING, "key accounts", step)
    assert (record.next_look_at, record.decided_at) == (next_look_at, NOW)


async def test_invoices_are_listed_by_customer_and_stage_in_pages(database: Database):
    await open_account(
        database,
        *(an_invoice(invoice_id=f"INV-{number}") for number in (3, 1, 2)),
        an_invoice(invoice_id="INV-0", customer_id="C-2"),
    )
    async with database.writing() as connection:
        await invoices.record_turn(
            connection, invoice_id="INV-2", stage=Stage.SETTLED, segment="",
            step=Close(stage=Stage.SETTLED, reason=REASON), at=NOW,
        )  # fmt: skip

        async def ids(**wanted: object) -> list[str]:
            return [record.invoice.invoice_id for record in await invoices.list_invoices(connection, **wanted)]

        assert await ids() == ["INV-0", "INV-1", "INV-2", "INV-3"]
        assert await ids(limit=2) == ["INV-0", "INV-1"]
        assert await ids(after="INV-1", limit=2) == ["INV-2", "INV-3"]
        assert await ids(customer_id="C-1", stage=Stage.NOT_DUE) == ["INV-1", "INV-3"]
        assert await ids(stage=Stage.SETTLED) == ["INV-2"]
        assert await invoices.running_of(connection, customer_id="C-1") == ("INV-1", "INV-3")


async def test_the_oldest_open_invoice_is_the_one_due_first(database: Database):
    await open_account(
        database,
        an_invoice(invoice_id="INV-1", due_on=date(2024, 3, 3)),
        an_invoice(invoice_id="INV-2", due_on=date(2024, 3, 1)),
        an_invoice(invoice_id="INV-3", due_on=date(2024, 3, 2)),
    )
    async with database.writing() as connection:
        assert await invoices.oldest_open(connection, customer_id="C-1") == "INV-2"
        await pay(connection, "100.00", "INV-2")
        assert await invoices.oldest_open(connection, customer_id="C-1") == "INV-3"
        await invoices.withdraw(connection, "INV-3", at=NOW)
        assert await invoices.oldest_open(connection, customer_id="C-1") == "INV-1"
        assert await invoices.oldest_open(connection, customer_id="C-2") is None


async def test_a_new_run_starts_with_a_line_that_names_the_invoice(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        assert await invoices.case_file_of(connection, "INV-1") == CaseFile(
            invoice_id="INV-1",
            customer_id="C-1",
            headline="INV-1 · Acme GmbH · EUR 100.00 due 1 Mar",
            stage=Stage.NOT_DUE,
            open_balance=eur("100.00"),
            due_on=date(2024, 3, 1),
        )
        await customers.save_customer(connection, a_customer(name="A" * 200), at=NOW)
        headline = await invoices.headline_of(connection, "INV-1")
    assert headline.words == f"INV-1 · {'A' * 59}… · EUR 100.00 due 1 Mar"
