"""Where the money of a document lies now: on which invoices, how much unapplied, and what of it can be undone."""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, literal_column, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from receivables.ledger import EntryKind
from receivables.money import CurrencyMismatch, Money
from store import tables

UNDOES = {
    EntryKind.REFUND: (EntryKind.PAYMENT, EntryKind.CREDIT_NOTE),
    EntryKind.CHARGEBACK: (EntryKind.PAYMENT,),
    EntryKind.PAYMENT_CANCELLED: (EntryKind.PAYMENT, EntryKind.CREDIT_NOTE),
    EntryKind.CHARGEBACK_REVERSED: (EntryKind.CHARGEBACK,),
}

# A reversal's entries count for the payment or credit note that they undo. (Written as they are, not as parameters:
# PostgreSQL must see the same expression where it selects and where it groups.)
_is_own: ColumnElement[bool] = tables.entries.c.of_document_id == literal_column("''")
root_document: ColumnElement[Any] = case((_is_own, tables.entries.c.document_id), else_=tables.entries.c.of_document_id)
root_kind: ColumnElement[Any] = case((_is_own, tables.entries.c.kind), else_=tables.entries.c.of_kind)


class NothingToReverse(LookupError):
    """The document that is to be undone was never booked, or nothing of it is left. Nothing was written."""


class ReversedTooMuch(ValueError):
    """More is to be undone than is left. Nothing was written."""


@dataclass(frozen=True)
class Share:
    """How much of a payment or credit note can be undone on an invoice, or of what is unapplied; positive."""

    of_document_id: str
    of_kind: str
    invoice_id: str | None
    customer_id: str | None
    payer: str | None
    minor: int
    currency: str


def concerns(document_id: str, kind: EntryKind) -> ColumnElement[bool]:
    """Entries of a document and of all that undid some of it."""
    entries, reversal = tables.entries.c, tables.documents.alias("reversal").c
    is_own = and_(entries.document_id == document_id, entries.kind == kind.value)
    if kind is not EntryKind.CHARGEBACK:
        return or_(is_own, and_(entries.of_document_id == document_id, entries.of_kind == kind.value))
    reversals = select(reversal.document_id, reversal.kind).where(
        reversal.of_document_id == document_id, reversal.of_kind == kind.value
    )
    return or_(is_own, tuple_(entries.document_id, entries.kind).in_(reversals))


async def shares_to_take(
    connection: AsyncConnection,
    *,
    kind: EntryKind,
    what: str,
    undone: tuple[str, EntryKind] | None,
    invoice_id: str | None,
    amount: Money | None,
) -> list[Share]:
    """What a reversal takes: unapplied money first, then what was placed last; `amount` None: all that is left.

    Raises NothingToReverse, ReversedTooMuch, CurrencyMismatch; `what` names the reversal in their words.
    """
    entries, documents = tables.entries.c, tables.documents.c
    total: ColumnElement[Any] = func.sum(entries.amount_minor)
    query = (
        select(
            root_document.label("root_document"),
            root_kind.label("root_kind"),
            entries.invoice_id,
            entries.customer_id,
            documents.customer_id.label("payer"),
            entries.currency,
            total.label("minor"),
        )
        .join_from(
            tables.entries,
            tables.documents,
            and_(documents.document_id == root_document, documents.kind == root_kind),
        )
        .group_by(
            root_document, root_kind, entries.invoice_id, entries.customer_id, documents.customer_id, entries.currency
        )
        .order_by(entries.invoice_id.is_not(None), func.max(entries.entry_id).desc())
    )
    if undone is not None:
        query = query.where(concerns(*undone))
    else:
        query = query.where(
            entries.invoice_id == invoice_id, root_kind.in_([undoable.value for undoable in UNDOES[kind]])
        )
    # What a chargeback took stands there as positive, what can be undone otherwise as negative.
    sign = 1 if kind is EntryKind.CHARGEBACK_REVERSED else -1
    shares = [
        Share(
            of_document_id=row.root_document,
            of_kind=row.root_kind,
            invoice_id=row.invoice_id,
            customer_id=row.customer_id,
            payer=row.payer,
            minor=sign * int(row.minor),
            currency=row.currency,
        )
        for row in await connection.execute(query)
    ]
    there = sum(share.minor for share in shares)  # what came back elsewhere than it was taken counts against it
    shares = [share for share in shares if share.minor > 0 and invoice_id in (None, share.invoice_id)]
    there = min(there, sum(share.minor for share in shares))
    if there <= 0:
        raise NothingToReverse(f"{what}: nothing is left that it could undo")
    currency = shares[0].currency
    if amount is not None and amount.currency != currency:
        raise CurrencyMismatch(f"{what} is in {amount.currency}, what it undoes in {currency}")
    left = amount.minor if amount is not None else there
    if left > there:
        raise ReversedTooMuch(f"{what} undoes {amount}, but only {Money(minor=there, currency=currency)} is left of it")
    taken: list[Share] = []
    for share in shares:
        minor = min(share.minor, left)
        left -= minor
        if minor > 0:
            taken.append(replace(share, minor=minor))
    return taken
