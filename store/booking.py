"""What all bookings share: a document is taken once, its entries are appended, and the invoices' balances moved.

`tolerance` are the policy's limits by currency: a balance of at most that counts as settled.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, bindparam, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from receivables.invoice import Stage
from receivables.ledger import EntryKind
from receivables.money import Money, limit_for
from receivables.promises import PromiseState
from store import tables
from store.customers import lock_customers
from store.facts import fingerprint
from store.inserting import insert_unless_there
from store.words import storable

Tolerance = Mapping[str, str]
UNAPPLIED = ""


class DocumentConflict(Exception):
    """A document of this kind and id was booked before, with other content. Nothing was written."""

    def __init__(self, document_id: str, kind: EntryKind) -> None:
        super().__init__(f"{kind.value} {document_id} was booked before with other content; use an id of its own")
        self.document_id = document_id
        self.kind = kind


class NotAPositiveAmount(ValueError):
    """Documents state positive amounts; their kind says which way the money went."""


@dataclass(frozen=True)
class Document:
    """A document as its teller reported it, and what it undoes where it is a reversal."""

    document_id: str
    kind: EntryKind
    content: object
    recorded_at: datetime
    customer_id: str | None = None
    """Whose the money is that lies on no invoice."""
    of_document_id: str | None = None
    of_kind: EntryKind | None = None


@dataclass(frozen=True)
class Line:
    """An entry to be written: `minor` is signed as it moves the invoice's balance."""

    minor: int
    currency: str
    customer_id: str | None
    invoice_id: str | None
    named: str = ""
    of_document_id: str = ""
    of_kind: str = ""


def require_positive(what: str, amount: Money) -> None:
    if amount.minor <= 0:
        raise NotAPositiveAmount(f"{what} is {amount}; it must be more than zero")


async def lock_customers_of(
    connection: AsyncConnection, *, invoice_ids: Iterable[str], also: str | None = None
) -> None:
    """Locks the customers of these invoices, in the order of their ids."""
    if connection.dialect.name != "postgresql":
        return
    invoices = tables.invoices.c
    rows = await connection.execute(
        select(invoices.customer_id).where(invoices.invoice_id.in_(sorted(set(invoice_ids))))
    )
    await lock_customers(connection, {*rows.scalars(), *([also] if also is not None else [])})


async def read_invoices(connection: AsyncConnection, invoice_ids: Iterable[str]) -> dict[str, Row[*tuple[Any, ...]]]:
    """What booking needs of those invoices that are ours, by id. Their customers are locked by now."""
    invoices = tables.invoices.c
    rows = await connection.execute(
        select(
            invoices.invoice_id,
            invoices.customer_id,
            invoices.currency,
            invoices.amount_minor,
            invoices.open_minor,
            invoices.due_on,
            invoices.cycle,
            invoices.settled_on,
            invoices.withdrawn_at,
            invoices.written_off_at,
        ).where(invoices.invoice_id.in_(sorted(set(invoice_ids))))
    )
    return {row.invoice_id: row for row in rows}


_FINGERPRINT = select(tables.documents.c.fingerprint).where(
    tables.documents.c.document_id == bindparam("document_id"), tables.documents.c.kind == bindparam("kind")
)


async def is_booked(connection: AsyncConnection, document: Document) -> bool:
    """Whether the same was booked before; raises DocumentConflict where something else was, under this id."""
    rows = await connection.execute(_FINGERPRINT, {"document_id": document.document_id, "kind": document.kind.value})
    before = rows.scalar_one_or_none()
    if before is not None and before != fingerprint(document.content):
        raise DocumentConflict(document.document_id, document.kind)
    return before is not None


async def take_document(connection: AsyncConnection, document: Document) -> bool:
    """True where it is new; False where somebody booked the same at the same moment. Raises DocumentConflict."""
    inserted = await connection.execute(
        insert_unless_there(connection, tables.documents),
        {
            "document_id": document.document_id,
            "kind": document.kind.value,
            "fingerprint": fingerprint(document.content),
            "customer_id": document.customer_id,
            "of_document_id": document.of_document_id,
            "of_kind": document.of_kind.value if document.of_kind is not None else None,
            "recorded_at": document.recorded_at,
        },
    )
    return inserted.rowcount == 1 or not await is_booked(connection, document)


async def write_entries(
    connection: AsyncConnection,
    document: Document,
    lines: Iterable[Line],
    *,
    booked_on: date,
    recorded_at: datetime | None = None,
    placement: str = "",
) -> None:
    """Appends to the ledger; entries are never changed. `placement` names a later placing of unapplied money."""
    rows = [
        {
            "document_id": document.document_id,
            "kind": document.kind.value,
            "customer_id": line.customer_id,
            "invoice_id": line.invoice_id,
            "amount_minor": line.minor,
            "currency": line.currency,
            "booked_on": booked_on,
            "recorded_at": recorded_at or document.recorded_at,
            "named": storable(line.named),
            "allocation": line.invoice_id if line.invoice_id is not None else UNAPPLIED,
            "placement": placement,
            "of_document_id": line.of_document_id,
            "of_kind": line.of_kind,
        }
        for line in lines
    ]
    await connection.execute(insert(tables.entries), rows)


async def move_balance(
    connection: AsyncConnection,
    invoice: Row[*tuple[Any, ...]],
    minor: int,
    *,
    booked_on: date,
    tolerance: Tolerance | None = None,
) -> None:
    """Moves an invoice's open balance by what was just booked, and what follows: settled, opened again, promises kept.

    An invoice that was settled or written off and is owed again begins its next cycle; its age still counts from its
    due day. The entries that move it are written by now.
    """
    limit = limit_for(tolerance or {}, invoice.currency)
    still_settled = limit.minor if limit is not None else 0
    is_open = invoice.open_minor + minor
    was_ended = invoice.settled_on is not None or invoice.written_off_at is not None
    invoices, entries = tables.invoices.c, tables.entries.c
    values: dict[str, Any] = {"open_minor": invoices.open_minor + minor}
    if is_open > still_settled and was_ended:
        values |= {
            "settled_on": None,
            "written_off_at": None,
            "cycle": invoice.cycle + 1,
            "reopened_at": select(func.max(entries.recorded_at))
            .where(entries.invoice_id == invoice.invoice_id)
            .scalar_subquery(),
        }
        if invoice.withdrawn_at is None:
            stage = Stage.NOT_DUE if booked_on <= invoice.due_on else Stage.REMINDING
            values["stage"] = stage.value  # until its run has looked again: not final, so that lists show it at once
    elif is_open <= still_settled and not was_ended:
        values["settled_on"] = (
            select(func.max(entries.booked_on))
            .where(entries.invoice_id == invoice.invoice_id, entries.amount_minor < 0)
            .scalar_subquery()
        )
    await connection.execute(update(tables.invoices).where(invoices.invoice_id == invoice.invoice_id).values(**values))
    if minor < 0:
        promises = tables.promises.c
        await connection.execute(
            update(tables.promises)
            .where(
                promises.invoice_id == invoice.invoice_id,
                promises.state == PromiseState.OPEN.value,
                # PromiseToPay.is_kept, as a condition
                or_(is_open <= 0, promises.balance_then_minor - promises.amount_minor >= is_open),
            )
            .values(state=PromiseState.KEPT.value)
        )
