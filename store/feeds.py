"""Payment feeds: how far each has told us of money, and whether its staleness was alerted."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from receivables.ledger import PaymentFeed
from store import tables
from store.inserting import insert_unless_there


class NoSuchFeed(LookupError):
    """No feed has this id."""


def feed_of_row(row: Row[Any]) -> PaymentFeed:
    return PaymentFeed(feed_id=row.feed_id, complete_until_at=row.complete_until_at, told_at=row.told_at)


async def report_feed(connection: AsyncConnection, feed: PaymentFeed, *, fresh_from: datetime | None = None) -> bool:
    """Takes in how far a feed is complete; False where it told nothing newer (an older report never takes it back).

    The alert of its staleness is over where the feed is complete up to `fresh_from` at least; None: with any progress.
    """
    feeds = tables.feeds.c
    added = await connection.execute(
        insert_unless_there(connection, tables.feeds).values(
            feed_id=feed.feed_id, complete_until_at=feed.complete_until_at, told_at=feed.told_at
        )
    )
    if added.rowcount == 1:
        return True
    values: dict[str, Any] = {"complete_until_at": feed.complete_until_at, "told_at": feed.told_at}
    if fresh_from is None or feed.complete_until_at >= fresh_from:
        values["alerted_at"] = None
    advanced = await connection.execute(
        update(tables.feeds)
        .where(
            feeds.feed_id == feed.feed_id,
            or_(
                feeds.complete_until_at < feed.complete_until_at,
                and_(feeds.complete_until_at == feed.complete_until_at, feeds.told_at < feed.told_at),
            ),
        )
        .values(**values)
    )
    return advanced.rowcount == 1


async def stalest_feed(connection: AsyncConnection) -> PaymentFeed | None:
    """The feed that is complete up to the earliest moment, None where none was ever heard of."""
    row = (await connection.execute(STALEST)).one_or_none()
    return None if row is None else feed_of_row(row)


async def list_feeds(connection: AsyncConnection) -> list[PaymentFeed]:
    """All feeds, the stalest first."""
    rows = await connection.execute(
        select(tables.feeds).order_by(tables.feeds.c.complete_until_at, tables.feeds.c.feed_id)
    )
    return [feed_of_row(row) for row in rows]


async def mark_alerted(connection: AsyncConnection, *, feed_id: str, at: datetime) -> bool:
    """True for the first to alert of this staleness; False where an alert stands already. Raises NoSuchFeed."""
    marked = await connection.execute(
        update(tables.feeds)
        .where(tables.feeds.c.feed_id == feed_id, tables.feeds.c.alerted_at.is_(None))
        .values(alerted_at=at)
    )
    if marked.rowcount == 1:
        return True
    found = await connection.execute(select(tables.feeds.c.feed_id).where(tables.feeds.c.feed_id == feed_id))
    if found.one_or_none() is None:
        raise NoSuchFeed(f"there is no payment feed {feed_id}")
    return False


STALEST = select(tables.feeds).order_by(tables.feeds.c.complete_until_at, tables.feeds.c.feed_id).limit(1)
