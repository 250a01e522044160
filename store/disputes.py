"""Disputes: taken once by their id; open → upheld, rejected or withdrawn, and never back."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from receivables.disputes import Dispute, DisputeState
from receivables.money import Money
from store import tables
from store.inserting import insert_unless_there
from store.words import storable


class NoSuchDispute(LookupError):
    """No dispute has this id."""


class DisputeOfNothing(LookupError):
    """The disputed invoice is not in the store."""


class DisputeClosed(Exception):
    """The dispute was closed already, with another verdict."""

    def __init__(self, dispute: Dispute, wanted: DisputeState) -> None:
        super().__init__(
            f"dispute {dispute.dispute_id} is {dispute.state} (closed {dispute.closed_at}) and cannot become {wanted}"
        )
        self.dispute = dispute
        self.wanted = wanted


def dispute_of_row(row: Row[Any]) -> Dispute:
    return Dispute(
        dispute_id=row.dispute_id,
        invoice_id=row.invoice_id,
        customer_id=row.customer_id,
        disputed_amount=(
            None if row.disputed_minor is None else Money(minor=row.disputed_minor, currency=row.currency)
        ),
        words=row.words,
        opened_at=row.opened_at,
        state=row.state,
        closed_at=row.closed_at,
    )


async def add(connection: AsyncConnection, dispute: Dispute) -> bool:
    """True where the dispute is new; False where one with this id stands already, which stays as it was.

    A dispute of the whole invoice is kept in the invoice's currency; DisputeOfNothing where there is none.
    """
    amount = dispute.disputed_amount
    currency = amount.currency if amount is not None else await _currency_of(connection, dispute.invoice_id)
    added = await connection.execute(
        insert_unless_there(connection, tables.disputes).values(
            dispute_id=dispute.dispute_id,
            invoice_id=dispute.invoice_id,
            customer_id=dispute.customer_id,
            disputed_minor=None if amount is None else amount.minor,
            currency=currency,
            words=storable(dispute.words),
            opened_at=dispute.opened_at,
            state=dispute.state.value,
            closed_at=dispute.closed_at,
        )
    )
    return added.rowcount == 1


async def close(connection: AsyncConnection, *, dispute_id: str, verdict: DisputeState, at: datetime) -> bool:
    """Closes an open dispute. True where this did it, False where it was closed so before.

    Raises DisputeClosed where it was closed with another verdict, NoSuchDispute.
    """
    if verdict is DisputeState.OPEN:
        raise ValueError(f"dispute {dispute_id}: a dispute is closed upheld, rejected or withdrawn")
    closed = await connection.execute(
        update(tables.disputes)
        .where(tables.disputes.c.dispute_id == dispute_id, tables.disputes.c.state == DisputeState.OPEN.value)
        .values(state=verdict.value, closed_at=at)
    )
    if closed.rowcount == 1:
        return True
    dispute = await find_dispute(connection, dispute_id)
    if dispute is None:
        raise NoSuchDispute(f"there is no dispute {dispute_id}")
    if dispute.state is not verdict:
        raise DisputeClosed(dispute, verdict)
    return False


async def find_dispute(connection: AsyncConnection, dispute_id: str) -> Dispute | None:
    rows = await connection.execute(select(tables.disputes).where(tables.disputes.c.dispute_id == dispute_id))
    row = rows.one_or_none()
    return None if row is None else dispute_of_row(row)


async def open_disputes(
    connection: AsyncConnection, *, customer_id: str, invoice_id: str | None = None
) -> list[Dispute]:
    """A customer's open disputes, or those on one of their invoices, oldest first."""
    disputes = tables.disputes.c
    query = select(tables.disputes).where(
        disputes.customer_id == customer_id, disputes.state == DisputeState.OPEN.value
    )
    if invoice_id is not None:
        query = query.where(disputes.invoice_id == invoice_id)
    rows = await connection.execute(query.order_by(disputes.opened_at, disputes.dispute_id))
    return [dispute_of_row(row) for row in rows]


async def disputes_of(connection: AsyncConnection, *, invoice_id: str) -> list[Dispute]:
    """All disputes that an invoice ever had, oldest first."""
    rows = await connection.execute(
        select(tables.disputes)
        .where(tables.disputes.c.invoice_id == invoice_id)
        .order_by(tables.disputes.c.opened_at, tables.disputes.c.dispute_id)
    )
    return [dispute_of_row(row) for row in rows]


async def _currency_of(connection: AsyncConnection, invoice_id: str) -> str:
    rows = await connection.execute(
        select(tables.invoices.c.currency).where(tables.invoices.c.invoice_id == invoice_id)
    )
    currency = rows.scalar_one_or_none()
    if currency is None:
        raise DisputeOfNothing(f"there is no invoice {invoice_id} to dispute")
    return currency
