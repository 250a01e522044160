"""Customers: who owes, the person we write to, and what happened with them."""

import secrets
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, bindparam, case, null, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from receivables.customer import Contact, Customer
from store import tables
from store.inserting import insert_unless_there
from store.paging import page_size
from store.words import storable


class UnknownCustomer(LookupError):
    """No customer has this id."""

    def __init__(self, customer_id: str) -> None:
        super().__init__(f"there is no customer {customer_id}")
        self.customer_id = customer_id


def customer_of_row(row: Row[Any]) -> Customer:
    return Customer(
        customer_id=row.customer_id,
        name=row.name,
        country=row.country,
        language=row.language,
        time_zone=row.time_zone,
        contact=Contact(name=row.contact_name, email=row.contact_email, bounced_at=row.contact_bounced_at),
        owner=row.owner,
        relationship=row.relationship,
        personal_only=row.personal_only,
        excluded=row.excluded,
        ladder=row.ladder,
    )


async def save_customer(
    connection: AsyncConnection, customer: Customer, *, at: datetime, keep_bounce: bool = False
) -> None:
    """The customer as given, new or in place of what was there; their reply token and their troubles stay.

    `keep_bounce`: for backends that tell us the same customer again and know nothing of bounced mail. Where the address
    is the one that bounced, it stays bounced; otherwise the given `bounced_at` counts, None included.
    """
    values: dict[str, Any] = {
        "name": storable(customer.name),
        "country": customer.country,
        "language": customer.language,
        "time_zone": customer.time_zone,
        "contact_name": storable(customer.contact.name),
        "contact_email": customer.contact.email,
        "contact_bounced_at": customer.contact.bounced_at,
        "owner": customer.owner,
        "relationship": customer.relationship.value,
        "personal_only": customer.personal_only,
        "excluded": customer.excluded,
        "ladder": customer.ladder,
        "updated_at": at,
    }
    customers = tables.customers.c
    added = await connection.execute(
        insert_unless_there(connection, tables.customers),
        dict(customer_id=customer.customer_id, portal_token=_new_token(), **values),
    )
    if added.rowcount == 1:
        return
    if keep_bounce and customer.contact.bounced_at is None:
        is_the_same = customers.contact_email == customer.contact.email
        values["contact_bounced_at"] = case((is_the_same, customers.contact_bounced_at), else_=null())
    await _change(connection, customer.customer_id, values)


async def find_customer(connection: AsyncConnection, customer_id: str) -> Customer | None:
    rows = await connection.execute(select(tables.customers).where(tables.customers.c.customer_id == customer_id))
    row = rows.one_or_none()
    return None if row is None else customer_of_row(row)


async def find_by_reply_token(connection: AsyncConnection, token: str) -> Customer | None:
    """Whose reply address carries this token; capitals do not matter, since mail systems change them."""
    rows = await connection.execute(select(tables.customers).where(tables.customers.c.portal_token == token.lower()))
    row = rows.one_or_none()
    return None if row is None else customer_of_row(row)


async def list_customers(connection: AsyncConnection, *, after: str | None = None, limit: int = 100) -> list[Customer]:
    """Customers by their id. `after`: the id of the last one seen."""
    query = select(tables.customers).order_by(tables.customers.c.customer_id).limit(page_size(limit))
    if after is not None:
        query = query.where(tables.customers.c.customer_id > after)
    return [customer_of_row(row) for row in await connection.execute(query)]


async def lock_customer(connection: AsyncConnection, customer_id: str) -> None:
    """Until the transaction ends, nobody else judges or books for this customer. On SQLite every writer is alone."""
    await lock_customers(connection, {customer_id})


async def lock_customers(connection: AsyncConnection, customer_ids: set[str]) -> None:
    """Several at once, always in the order of their ids, so that two transactions never wait for each other."""
    if connection.dialect.name != "postgresql" or not customer_ids:
        return
    await connection.execute(
        select(tables.customers.c.customer_id)
        .where(tables.customers.c.customer_id.in_(sorted(customer_ids)))
        .order_by(tables.customers.c.customer_id)
        # NO KEY UPDATE: whoever only inserts a row that refers to the customer does not have to wait, nor we for them
        .with_for_update(key_share=True)
    )


_REPLY_TOKEN = select(tables.customers.c.portal_token).where(tables.customers.c.customer_id == bindparam("of_customer"))


async def reply_token(connection: AsyncConnection, customer_id: str) -> str:
    """What the reply address carries, so that we know who answers: 32 hexadecimal digits. Raises UnknownCustomer."""
    rows = await connection.execute(_REPLY_TOKEN, {"of_customer": customer_id})
    token = rows.scalar_one_or_none()
    if token is None:
        raise UnknownCustomer(customer_id)
    return token


async def mark_bounced(connection: AsyncConnection, customer_id: str, at: datetime) -> None:
    """The address refused mail at that moment: nothing goes there until it is changed. Raises UnknownCustomer."""
    await _change(connection, customer_id, {"contact_bounced_at": at})


async def note_trouble(connection: AsyncConnection, *, customer_id: str, on: date, words: str) -> None:
    """A chargeback, broken promise or complaint; the latest one counts. Raises UnknownCustomer."""
    customers = tables.customers.c
    is_latest = or_(customers.trouble_on.is_(None), customers.trouble_on <= on)
    values = {
        "trouble_on": case((is_latest, on), else_=customers.trouble_on),
        "trouble": case((is_latest, storable(words)), else_=customers.trouble),
    }
    await _change(connection, customer_id, values)


async def _change(connection: AsyncConnection, customer_id: str, values: dict[str, Any]) -> None:
    changed = await connection.execute(
        update(tables.customers).where(tables.customers.c.customer_id == customer_id).values(**values)
    )
    if changed.rowcount == 0:
        raise UnknownCustomer(customer_id)


def _new_token() -> str:
    return secrets.token_hex(16)
