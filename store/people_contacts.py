"""When people wrote to or spoke with a customer: it spends the same contact budget as our messages."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from store import tables
from store.inserting import insert_unless_there
from store.words import storable


async def record_contact(
    connection: AsyncConnection, *, contact_id: str, customer_id: str, at: datetime, agent_id: str, words: str = ""
) -> bool:
    """True where the contact is new; False where one with this id was recorded before."""
    recorded = await connection.execute(
        insert_unless_there(connection, tables.people_contacts).values(
            contact_id=contact_id, customer_id=customer_id, at=at, agent_id=agent_id, words=storable(words)
        )
    )
    return recorded.rowcount == 1


async def contacts_since(connection: AsyncConnection, *, customer_id: str, since: datetime) -> tuple[datetime, ...]:
    """When people were in contact with the customer, from `since` on, oldest first."""
    contacts = tables.people_contacts.c
    rows = await connection.execute(
        select(contacts.at)
        .where(contacts.customer_id == customer_id, contacts.at >= since)
        .order_by(contacts.at, contacts.contact_id)
    )
    return tuple(rows.scalars())
