"""Holds: placed once by their id, released once. Holds overlap; none is ever lengthened in place."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from receivables.holds import Hold
from store import tables
from store.inserting import insert_unless_there
from store.words import storable


class NoSuchHold(LookupError):
    """No hold has this id."""


def hold_of_row(row: Row[Any]) -> Hold:
    return Hold(
        hold_id=row.hold_id,
        customer_id=row.customer_id,
        invoice_id=row.invoice_id,
        reason=row.reason,
        words=row.words,
        owner=row.owner,
        from_at=row.from_at,
        until_at=row.until_at,
        released_at=row.released_at,
    )


async def place(connection: AsyncConnection, hold: Hold) -> bool:
    """True where the hold is new; False where one with this id stands already, which stays as it was."""
    placed = await connection.execute(
        insert_unless_there(connection, tables.holds).values(
            hold_id=hold.hold_id,
            customer_id=hold.customer_id,
            invoice_id=hold.invoice_id,
            reason=hold.reason.value,
            words=storable(hold.words),
            owner=hold.owner,
            from_at=hold.from_at,
            until_at=hold.until_at,
            released_at=hold.released_at,
            released_because="",
        )
    )
    return placed.rowcount == 1


async def release(connection: AsyncConnection, *, hold_id: str, at: datetime, because: str) -> bool:
    """Ends a hold before its time. True the first time, False where it was released before. Raises NoSuchHold."""
    released = await connection.execute(
        update(tables.holds)
        .where(tables.holds.c.hold_id == hold_id, tables.holds.c.released_at.is_(None))
        .values(released_at=at, released_because=storable(because))
    )
    if released.rowcount == 1:
        return True
    if await find_hold(connection, hold_id) is None:
        raise NoSuchHold(f"there is no hold {hold_id}")
    return False


async def find_hold(connection: AsyncConnection, hold_id: str) -> Hold | None:
    row = (await connection.execute(select(tables.holds).where(tables.holds.c.hold_id == hold_id))).one_or_none()
    return None if row is None else hold_of_row(row)


async def active_holds(
    connection: AsyncConnection, *, customer_id: str, as_of: datetime, invoice_id: str | None = None
) -> list[Hold]:
    """Holds in force at `as_of`, the one that ends last at the end; with an invoice, those that cover it."""
    holds = tables.holds.c
    query = select(tables.holds).where(
        holds.customer_id == customer_id,
        holds.from_at <= as_of,
        holds.until_at > as_of,
        or_(holds.released_at.is_(None), holds.released_at > as_of),
    )
    if invoice_id is not None:
        query = query.where(or_(holds.invoice_id.is_(None), holds.invoice_id == invoice_id))
    rows = await connection.execute(query.order_by(holds.until_at, holds.hold_id))
    return [hold_of_row(row) for row in rows]


async def holds_of(connection: AsyncConnection, *, customer_id: str) -> list[Hold]:
    """All holds that a customer ever had, oldest first."""
    rows = await connection.execute(
        select(tables.holds)
        .where(tables.holds.c.customer_id == customer_id)
        .order_by(tables.holds.c.from_at, tables.holds.c.hold_id)
    )
    return [hold_of_row(row) for row in rows]
