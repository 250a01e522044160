"""Promises to pay: taken once by their id; open → kept, broken or withdrawn, and never back."""

from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from receivables.money import Money
from receivables.promises import PromiseState, PromiseToPay
from store import tables
from store.inserting import insert_unless_there


class NoSuchPromise(LookupError):
    """No promise has this id."""


class WrongPromiseState(Exception):
    """The promise has ended already, and otherwise."""

    def __init__(self, promise_id: str, state: PromiseState, wanted: PromiseState) -> None:
        super().__init__(f"promise {promise_id} is {state} and cannot become {wanted}")
        self.promise_id = promise_id
        self.state = state
        self.wanted = wanted


def promise_of_row(row: Row[Any]) -> PromiseToPay:
    return PromiseToPay(
        promise_id=row.promise_id,
        invoice_id=row.invoice_id,
        customer_id=row.customer_id,
        amount=Money(minor=row.amount_minor, currency=row.currency),
        balance_then=Money(minor=row.balance_then_minor, currency=row.currency),
        promised_on=row.promised_on,
        said_at=row.said_at,
        state=row.state,
    )


async def add(connection: AsyncConnection, promise: PromiseToPay) -> bool:
    """True where the promise is new; False where one with this id stands already, which stays as it was."""
    if promise.amount.currency != promise.balance_then.currency:
        raise ValueError(f"promise {promise.promise_id}: {promise.amount} of {promise.balance_then} mixes currencies")
    added = await connection.execute(
        insert_unless_there(connection, tables.promises).values(
            promise_id=promise.promise_id,
            invoice_id=promise.invoice_id,
            customer_id=promise.customer_id,
            amount_minor=promise.amount.minor,
            balance_then_minor=promise.balance_then.minor,
            currency=promise.amount.currency,
            promised_on=promise.promised_on,
            said_at=promise.said_at,
            state=promise.state.value,
        )
    )
    return added.rowcount == 1


async def set_state(connection: AsyncConnection, *, promise_id: str, state: PromiseState) -> bool:
    """Ends an open promise. True where this did it, False where it stood so before.

    Raises WrongPromiseState where it ended otherwise, or where `state` would open it again; NoSuchPromise.
    """
    changed = 0
    if state is not PromiseState.OPEN:
        result = await connection.execute(
            update(tables.promises)
            .where(tables.promises.c.promise_id == promise_id, tables.promises.c.state == PromiseState.OPEN.value)
            .values(state=state.value)
        )
        changed = result.rowcount
    if changed == 1:
        return True
    promise = await find_promise(connection, promise_id)
    if promise is None:
        raise NoSuchPromise(f"there is no promise {promise_id}")
    if promise.state is not state:
        raise WrongPromiseState(promise_id, promise.state, state)
    return False


async def find_promise(connection: AsyncConnection, promise_id: str) -> PromiseToPay | None:
    rows = await connection.execute(select(tables.promises).where(tables.promises.c.promise_id == promise_id))
    row = rows.one_or_none()
    return None if row is None else promise_of_row(row)


async def open_promises(
    connection: AsyncConnection, *, customer_id: str, invoice_id: str | None = None
) -> list[PromiseToPay]:
    """A customer's open promises, or those on one of their invoices; the one that ends last at the end."""
    promises = tables.promises.c
    query = select(tables.promises).where(
        promises.customer_id == customer_id, promises.state == PromiseState.OPEN.value
    )
    if invoice_id is not None:
        query = query.where(promises.invoice_id == invoice_id)
    rows = await connection.execute(query.order_by(promises.promised_on, promises.promise_id))
    return [promise_of_row(row) for row in rows]


async def promises_of(connection: AsyncConnection, *, invoice_id: str) -> list[PromiseToPay]:
    """All promises that were made about an invoice, oldest first."""
    rows = await connection.execute(
        select(tables.promises)
        .where(tables.promises.c.invoice_id == invoice_id)
        .order_by(tables.promises.c.said_at, tables.promises.c.promise_id)
    )
    return [promise_of_row(row) for row in rows]
