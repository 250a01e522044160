"""An open account, and what its ledger must always agree on."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from receivables.invoice import Invoice
from receivables.ledger import Allocation, Applied, EntryKind
from receivables.money import Money
from store import customers, invoices, ledger, tables
from store.database import Database
from store.invoices import InvoiceRecord
from tests.builders import a_customer, an_invoice, eur, utc

NOW = utc(2024, 3, 20, 10)
PAID_ON = date(2024, 3, 20)


async def open_account(database: Database, *opened: Invoice) -> None:
    """These invoices (INV-1 over EUR 100.00 of C-1 where none is given), with their customers."""
    async with database.writing() as connection:
        for invoice in opened or (an_invoice(),):
            await customers.save_customer(connection, a_customer(customer_id=invoice.customer_id), at=NOW)
            await invoices.add_invoice(connection, invoice)


async def pay(connection: AsyncConnection, amount: str | Money, *to: str | Allocation, **changes: Any) -> Applied:
    """A payment P-1 of C-1 that is for these invoices, as much as is open on each."""
    money = eur(amount) if isinstance(amount, str) else amount
    values: dict[str, Any] = {
        "document_id": "P-1",
        "customer_id": "C-1",
        "amount": money,
        "allocations": [part if isinstance(part, Allocation) else Allocation(invoice_id=part) for part in to],
        "booked_on": PAID_ON,
        "recorded_at": NOW,
    }
    return await ledger.book_payment(connection, **(values | changes))


async def undo(connection: AsyncConnection, kind: EntryKind, **changes: Any) -> tuple[str, ...]:
    """A reversal R-1 of P-1, two days later."""
    values: dict[str, Any] = {
        "document_id": "R-1",
        "kind": kind,
        "booked_on": date(2024, 3, 22),
        "recorded_at": utc(2024, 3, 22, 10),
        "of_document_id": "P-1",
    }
    return await ledger.book_reversal(connection, **(values | changes))


async def place(connection: AsyncConnection, invoice_id: str = "INV-1", **changes: Any) -> Money:
    """Unapplied money of P-1, as much as can be placed."""
    values: dict[str, Any] = {"placement_id": "1", "document_id": "P-1", "invoice_id": invoice_id, "recorded_at": NOW}
    return await ledger.place_unapplied(connection, **(values | changes))


async def give_up(connection: AsyncConnection, invoice_id: str = "INV-1", **changes: Any) -> Money:
    values: dict[str, Any] = {"document_id": "W-1", "invoice_id": invoice_id, "booked_on": PAID_ON, "recorded_at": NOW}
    return await ledger.write_off(connection, **(values | changes))


async def of(connection: AsyncConnection, invoice_id: str = "INV-1") -> InvoiceRecord:
    record = await invoices.find_invoice(connection, invoice_id)
    assert record is not None
    return record


async def is_open(database: Database, invoice_id: str = "INV-1") -> str:
    async with database.reading() as connection:
        return str((await of(connection, invoice_id)).open_balance)


async def amounts_unapplied(connection: AsyncConnection, customer_id: str | None = None) -> dict[str, str]:
    """By document."""
    rows = await ledger.unapplied(connection, customer_id=customer_id, limit=1000)
    return {row.document_id: str(row.amount) for row in rows}


async def assert_balances(connection: AsyncConnection) -> None:
    """Each invoice's open balance is its amount plus its entries, and lies between nothing and its amount."""
    entries = tables.entries.c
    rows = await connection.execute(
        select(
            tables.invoices.c.invoice_id,
            tables.invoices.c.amount_minor,
            tables.invoices.c.open_minor,
            select(func.coalesce(func.sum(entries.amount_minor), 0))
            .where(entries.invoice_id == tables.invoices.c.invoice_id)
            .scalar_subquery()
            .label("booked"),
        )
    )
    for row in rows:
        assert row.open_minor == row.amount_minor + row.booked, row
        assert 0 <= row.open_minor <= row.amount_minor, row


async def assert_nothing_is_lost(connection: AsyncConnection, amounts: Iterable[tuple[str, EntryKind, int]]) -> None:
    """The entries of each document sum to its amount: minus for money that came in, plus for money that went."""
    for document_id, kind, minor in amounts:
        entries = await ledger.entries_of_document(connection, document_id=document_id, kind=kind)
        comes_in = kind in (
            EntryKind.PAYMENT,
            EntryKind.CREDIT_NOTE,
            EntryKind.CHARGEBACK_REVERSED,
            EntryKind.WRITE_OFF,
        )
        assert sum(entry.amount.minor for entry in entries) == (-minor if comes_in else minor), (document_id, kind)


def at(day: int, hour: int = 10) -> datetime:
    return utc(2024, 3, day, hour)
