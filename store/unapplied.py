"""Money that lies on no invoice: overpaid, for nothing known, or not allocated. It waits for a person to place it."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from receivables.frozen import Frozen
from receivables.ledger import EntryKind
from receivables.money import CurrencyMismatch, Money
from store import tables
from store.booking import (
    Document,
    DocumentConflict,
    Line,
    Tolerance,
    lock_customers_of,
    move_balance,
    read_invoices,
    require_positive,
    write_entries,
)
from store.invoices import UnknownInvoice
from store.paging import BadCursor, page_size
from store.shares import root_document, root_kind


class PlacedTooMuch(ValueError):
    """More is to be placed than is unapplied of the document, or than is open on the invoice. Nothing was written."""


class UnappliedMoney(Frozen):
    """What is left of a document that lies on no invoice. `named`: invoices its teller named that are not ours."""

    document_id: str
    kind: EntryKind
    customer_id: str | None
    amount: Money
    booked_on: date
    recorded_at: datetime
    named: str = ""

    @property
    def cursor(self) -> str:
        """Where `unapplied` goes on after this one."""
        return f"{self.kind.value}|{self.document_id}"


async def unapplied(
    connection: AsyncConnection, *, customer_id: str | None = None, after: str | None = None, limit: int = 100
) -> list[UnappliedMoney]:
    """Documents with money on no invoice, of one customer or of all, by kind and id. `after`: a `cursor`."""
    query = _unapplied().limit(page_size(limit))
    if customer_id is not None:
        query = query.where(tables.entries.c.customer_id == customer_id)
    if after is not None:
        kind, found, document_id = after.partition("|")
        if not found:
            raise BadCursor(f"{after!r} is no cursor; give back the one that came with the page before")
        query = query.where(or_(root_kind > kind, and_(root_kind == kind, root_document > document_id)))
    return [_unapplied_of_row(row) for row in await connection.execute(query)]


async def place_unapplied(
    connection: AsyncConnection,
    *,
    placement_id: str,
    document_id: str,
    invoice_id: str,
    recorded_at: datetime,
    kind: EntryKind = EntryKind.PAYMENT,
    amount: Money | None = None,
    tolerance: Tolerance | None = None,
) -> Money:
    """Puts unapplied money of a document on an invoice; says how much. It counts from the day the document was booked.

    `amount` None: as much as there is and is open. Placed again under the same `placement_id` it does nothing and
    answers the same; with other content it raises DocumentConflict. Raises PlacedTooMuch, UnknownInvoice,
    NotAPositiveAmount, CurrencyMismatch.
    """
    if amount is not None:
        require_positive(f"placement {placement_id}", amount)
    if not placement_id:
        raise ValueError("a placement has an id")
    documents = tables.documents.c
    await connection.execute(
        select(documents.document_id)
        .where(documents.document_id == document_id, documents.kind == kind.value)
        .with_for_update(key_share=True)
    )
    await lock_customers_of(connection, invoice_ids=[invoice_id])
    before = await _placed(connection, document_id=document_id, kind=kind, placement_id=placement_id)
    if before is not None:
        if before[0] != invoice_id or (amount is not None and before[1] != amount):
            raise DocumentConflict(placement_id, kind)
        return before[1]
    rows = await connection.execute(_unapplied().where(root_document == document_id, root_kind == kind.value))
    found = rows.one_or_none()
    if found is None:
        raise PlacedTooMuch(f"nothing of {kind.value} {document_id} is unapplied")
    there = _unapplied_of_row(found)
    invoice = (await read_invoices(connection, [invoice_id])).get(invoice_id)
    if invoice is None:
        raise UnknownInvoice(invoice_id)
    if invoice.currency != there.amount.currency:
        raise CurrencyMismatch(f"{there.amount} cannot be placed on {invoice_id}, which is in {invoice.currency}")
    is_open = Money(minor=invoice.open_minor, currency=invoice.currency)
    most = min(there.amount, is_open, key=lambda money: money.minor)
    placed = amount if amount is not None else most
    if placed > most or placed.minor <= 0:
        raise PlacedTooMuch(
            f"{placed} of {kind.value} {document_id} cannot be placed on {invoice_id}:"
            f" {there.amount} is unapplied, {is_open} is open"
        )
    document = Document(document_id=document_id, kind=kind, content=None, recorded_at=recorded_at)
    lines = [
        Line(minor=placed.minor, currency=placed.currency, customer_id=there.customer_id, invoice_id=None),
        Line(minor=-placed.minor, currency=placed.currency, customer_id=invoice.customer_id, invoice_id=invoice_id),
    ]
    await write_entries(connection, document, lines, booked_on=there.booked_on, placement=placement_id)
    await move_balance(connection, invoice, -placed.minor, booked_on=there.booked_on, tolerance=tolerance)
    return placed


async def _placed(
    connection: AsyncConnection, *, document_id: str, kind: EntryKind, placement_id: str
) -> tuple[str, Money] | None:
    entries = tables.entries.c
    rows = await connection.execute(
        select(entries.invoice_id, entries.amount_minor, entries.currency).where(
            entries.document_id == document_id,
            entries.kind == kind.value,
            entries.placement == placement_id,
            entries.invoice_id.is_not(None),
        )
    )
    row = rows.one_or_none()
    return None if row is None else (row.invoice_id, Money(minor=-row.amount_minor, currency=row.currency))


_left: ColumnElement[Any] = -func.sum(tables.entries.c.amount_minor)


def _unapplied() -> Select[*tuple[Any, ...]]:
    entries = tables.entries.c
    return (
        select(
            root_document.label("document_id"),
            root_kind.label("kind"),
            entries.customer_id,
            entries.currency,
            _left.label("minor"),
            func.min(entries.booked_on).label("booked_on"),
            func.min(entries.recorded_at).label("recorded_at"),
            func.max(entries.named).label("named"),
        )
        .where(entries.invoice_id.is_(None))
        .group_by(root_document, root_kind, entries.customer_id, entries.currency)
        .having(_left != 0)
        .order_by(root_kind, root_document)
    )


def _unapplied_of_row(row: Row[Any]) -> UnappliedMoney:
    return UnappliedMoney(
        document_id=row.document_id,
        kind=row.kind,
        customer_id=row.customer_id,
        amount=Money(minor=int(row.minor), currency=row.currency),
        booked_on=row.booked_on,
        recorded_at=row.recorded_at,
        named=row.named,
    )
