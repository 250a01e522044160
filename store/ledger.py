"""The ledger: what was paid, credited, given back and written off, each document once, never lost.

Always, in the transaction that books: an invoice's open balance is its amount plus its entries, and a document's
entries sum to its amount. Money that lies on no invoice is unapplied, for a person to see and to place.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from receivables.ledger import Allocation, Applied, EntryKind, LedgerEntry, apply_money
from receivables.money import Money
from store import tables
from store.booking import (
    Document,
    DocumentConflict,
    Line,
    NotAPositiveAmount,
    Tolerance,
    is_booked,
    lock_customers_of,
    move_balance,
    read_invoices,
    require_positive,
    take_document,
    write_entries,
)
from store.invoices import UnknownInvoice
from store.reversals import book_reversal
from store.shares import NothingToReverse, ReversedTooMuch
from store.unapplied import PlacedTooMuch, UnappliedMoney, place_unapplied, unapplied

__all__ = [
    "DocumentConflict",
    "NotAPositiveAmount",
    "NothingToReverse",
    "NothingToWriteOff",
    "PlacedTooMuch",
    "ReversedTooMuch",
    "UnappliedMoney",
    "book_payment",
    "book_reversal",
    "entries_of",
    "entries_of_document",
    "place_unapplied",
    "unapplied",
    "write_off",
]

MONEY_IN = (EntryKind.PAYMENT, EntryKind.CREDIT_NOTE)


class NothingToWriteOff(ValueError):
    """The invoice has no open balance, or a smaller one."""


async def book_payment(
    connection: AsyncConnection,
    *,
    document_id: str,
    customer_id: str | None,
    amount: Money,
    allocations: Iterable[Allocation],
    booked_on: date,
    recorded_at: datetime,
    kind: EntryKind = EntryKind.PAYMENT,
    tolerance: Tolerance | None = None,
) -> Applied:
    """Places a payment or credit note on the invoices that its teller named; says where it went.

    What exceeds an invoice's open balance, names no invoice of ours or one of another currency, or was not allocated,
    stays unapplied. Booked again with the same content it does nothing and answers the same; with other content it
    raises DocumentConflict. Raises NotAPositiveAmount, `NotAllOfOneCurrency`, `AllocatedTooMuch`; then nothing was
    written. `customer_id` is who paid, where that is known; it may be a customer that we do not know yet.
    """
    allocations = tuple(allocations)
    if kind not in MONEY_IN:
        raise ValueError(f"{kind.value} {document_id} is no payment; book_reversal and write_off book the others")
    require_positive(f"{kind.value} {document_id}", amount)
    for allocation in allocations:
        if allocation.amount is not None:
            require_positive(f"what {kind.value} {document_id} gives to {allocation.invoice_id}", allocation.amount)
    document = Document(
        document_id=document_id,
        kind=kind,
        content=[customer_id, amount, [[a.invoice_id, a.amount] for a in allocations], booked_on],
        recorded_at=recorded_at,
    )
    invoice_ids = [allocation.invoice_id for allocation in allocations]
    await lock_customers_of(connection, invoice_ids=invoice_ids, also=customer_id)
    if await is_booked(connection, document):
        return await _as_applied(connection, document, currency=amount.currency)
    invoices = await read_invoices(connection, invoice_ids)
    balances = {invoice_id: Money(minor=row.open_minor, currency=row.currency) for invoice_id, row in invoices.items()}
    applied = apply_money(amount=amount, allocations=allocations, open_balances=balances)
    payer = customer_id if customer_id is not None else _only_customer(invoices.values())
    if not await take_document(connection, replace(document, customer_id=payer)):
        return await _as_applied(connection, document, currency=amount.currency)
    lines = [
        Line(
            minor=-share.minor,
            currency=share.currency,
            customer_id=invoices[invoice_id].customer_id,
            invoice_id=invoice_id,
        )
        for invoice_id, share in _shares(applied)
    ]
    if applied.unapplied.minor > 0:
        not_ours = [
            invoice_id
            for invoice_id in dict.fromkeys(invoice_ids)
            if invoice_id not in invoices or invoices[invoice_id].currency != amount.currency
        ]
        lines.append(
            Line(
                minor=-applied.unapplied.minor,
                currency=amount.currency,
                customer_id=payer,
                invoice_id=None,
                named=", ".join(not_ours),
            )
        )
    await write_entries(connection, document, lines, booked_on=booked_on)
    for invoice_id, share in _shares(applied):
        await move_balance(connection, invoices[invoice_id], -share.minor, booked_on=booked_on, tolerance=tolerance)
    return applied


async def write_off(
    connection: AsyncConnection,
    *,
    document_id: str,
    invoice_id: str,
    booked_on: date,
    recorded_at: datetime,
    amount: Money | None = None,
) -> Money:
    """Gives up what is open on an invoice, or a part of it; says how much. An invoice given up whole is closed, not
    settled. Raises UnknownInvoice, NothingToWriteOff, NotAPositiveAmount, DocumentConflict; twice the same is once.
    """
    if amount is not None:
        require_positive(f"write-off {document_id}", amount)
    document = Document(
        document_id=document_id,
        kind=EntryKind.WRITE_OFF,
        content=[invoice_id, amount, booked_on],
        recorded_at=recorded_at,
    )
    await lock_customers_of(connection, invoice_ids=[invoice_id])
    if not await is_booked(connection, document):
        invoice = (await read_invoices(connection, [invoice_id])).get(invoice_id)
        if invoice is None:
            raise UnknownInvoice(invoice_id)
        is_open = Money(minor=invoice.open_minor, currency=invoice.currency)
        given_up = amount if amount is not None else is_open
        if given_up.minor <= 0 or given_up > is_open:
            raise NothingToWriteOff(f"{given_up} of {invoice_id} cannot be written off: {is_open} is open")
        await take_document(connection, document)
        line = Line(
            minor=-given_up.minor,
            currency=given_up.currency,
            customer_id=invoice.customer_id,
            invoice_id=invoice_id,
        )
        await write_entries(connection, document, [line], booked_on=booked_on)
        left = invoice.open_minor - given_up.minor
        values: dict[str, Any] = {"open_minor": left}
        if left == 0:
            values |= {"written_off_at": recorded_at}
        await connection.execute(
            update(tables.invoices).where(tables.invoices.c.invoice_id == invoice_id).values(**values)
        )
    entries = [entry for entry in await entries_of(connection, invoice_id) if _is_of(entry, document)]
    return Money(minor=-sum(entry.amount.minor for entry in entries), currency=entries[0].amount.currency)


async def entries_of(connection: AsyncConnection, invoice_id: str) -> list[LedgerEntry]:
    """All entries of an invoice, in the order in which they were booked."""
    rows = await connection.execute(
        select(tables.entries).where(tables.entries.c.invoice_id == invoice_id).order_by(tables.entries.c.entry_id)
    )
    return [entry_of_row(row) for row in rows]


async def entries_of_document(connection: AsyncConnection, *, document_id: str, kind: EntryKind) -> list[LedgerEntry]:
    """All entries of a document, on invoices and unapplied, in the order in which they were booked."""
    entries = tables.entries.c
    rows = await connection.execute(
        select(tables.entries)
        .where(entries.document_id == document_id, entries.kind == kind.value)
        .order_by(entries.entry_id)
    )
    return [entry_of_row(row) for row in rows]


def entry_of_row(row: Row[Any]) -> LedgerEntry:
    return LedgerEntry(
        document_id=row.document_id,
        kind=row.kind,
        customer_id=row.customer_id,
        invoice_id=row.invoice_id,
        amount=Money(minor=row.amount_minor, currency=row.currency),
        booked_on=row.booked_on,
        recorded_at=row.recorded_at,
    )


async def _as_applied(connection: AsyncConnection, document: Document, *, currency: str) -> Applied:
    """What was answered when it was booked, whatever became of the money since."""
    entries = tables.entries.c
    rows = await connection.execute(
        select(entries.invoice_id, entries.amount_minor)
        .where(
            entries.document_id == document.document_id, entries.kind == document.kind.value, entries.placement == ""
        )
        .order_by(entries.entry_id)
    )
    booked = [(row.invoice_id, Money(minor=-row.amount_minor, currency=currency)) for row in rows]
    return Applied(
        to_invoices=tuple(Allocation(invoice_id=to, amount=share) for to, share in booked if to is not None),
        unapplied=next((share for to, share in booked if to is None), Money.zero(currency)),
    )


def _shares(applied: Applied) -> list[tuple[str, Money]]:
    return [(share.invoice_id, share.amount) for share in applied.to_invoices if share.amount is not None]


def _only_customer(invoices: Iterable[Row[*tuple[Any, ...]]]) -> str | None:
    found = {invoice.customer_id for invoice in invoices}
    return found.pop() if len(found) == 1 else None


def _is_of(entry: LedgerEntry, document: Document) -> bool:
    return (entry.document_id, entry.kind) == (document.document_id, document.kind)
