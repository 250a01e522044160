"""Replies as they came and as they were read; the consequences of each are drawn once."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from receivables.replies import Reading, Reply
from store import tables
from store.inserting import insert_unless_there
from store.words import storable


class NoSuchReply(LookupError):
    """No reply has this id."""


def reply_of_row(row: Row[Any]) -> Reply:
    return Reply(
        reply_id=row.reply_id,
        customer_id=row.customer_id,
        invoice_ids=tuple(row.invoice_ids),
        received_at=row.received_at,
        subject=row.subject,
        body=row.body,
        reading=Reading.model_validate(row.reading),
    )


async def add_reply(connection: AsyncConnection, reply: Reply) -> bool:
    """True where the reply is new; False where one with this id stands already, which stays as it was."""
    added = await connection.execute(
        insert_unless_there(connection, tables.replies).values(
            reply_id=reply.reply_id,
            customer_id=reply.customer_id,
            invoice_ids=list(reply.invoice_ids),
            received_at=reply.received_at,
            subject=storable(reply.subject),
            body=storable(reply.body),
            reading=reply.reading.model_dump(mode="json"),
        )
    )
    return added.rowcount == 1


async def find_reply(connection: AsyncConnection, reply_id: str) -> Reply | None:
    rows = await connection.execute(select(tables.replies).where(tables.replies.c.reply_id == reply_id))
    row = rows.one_or_none()
    return None if row is None else reply_of_row(row)


async def mark_taken_in(connection: AsyncConnection, *, reply_id: str, at: datetime) -> bool:
    """True for the one who may draw the reply's consequences, in this transaction; False for all later ones.

    Of two at the same moment, the second waits for the first to commit. Raises NoSuchReply.
    """
    taken = await connection.execute(
        update(tables.replies)
        .where(tables.replies.c.reply_id == reply_id, tables.replies.c.taken_in_at.is_(None))
        .values(taken_in_at=at)
    )
    if taken.rowcount == 1:
        return True
    if await find_reply(connection, reply_id) is None:
        raise NoSuchReply(f"there is no reply {reply_id}")
    return False


async def untaken(connection: AsyncConnection, *, customer_id: str | None = None, limit: int = 100) -> list[Reply]:
    """Replies whose consequences were not drawn yet, oldest first; of one customer or of all."""
    replies = tables.replies.c
    query = select(tables.replies).where(replies.taken_in_at.is_(None))
    if customer_id is not None:
        query = query.where(replies.customer_id == customer_id)
    rows = await connection.execute(query.order_by(replies.received_at, replies.reply_id).limit(limit))
    return [reply_of_row(row) for row in rows]


async def replies_of(connection: AsyncConnection, *, customer_id: str, limit: int = 100) -> list[Reply]:
    """A customer's replies, newest first."""
    rows = await connection.execute(
        select(tables.replies)
        .where(tables.replies.c.customer_id == customer_id)
        .order_by(tables.replies.c.received_at.desc(), tables.replies.c.reply_id.desc())
        .limit(limit)
    )
    return [reply_of_row(row) for row in rows]
