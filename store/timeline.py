"""The timeline of invoices and customers: lines are only ever added, each once under its natural key."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, get_args

from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from receivables.timeline import Line, LineKind
from store import tables
from store.inserting import insert_unless_there
from store.paging import page_size
from store.words import storable


def line_of_row(row: Row[Any]) -> Line:
    return Line.model_validate(dict(row._mapping))


async def add_line(
    connection: AsyncConnection,
    *,
    natural_key: str,
    customer_id: str,
    at: datetime,
    kind: LineKind,
    words: str,
    invoice_id: str | None = None,
    rule: str = "",
    facts: Mapping[str, str] | None = None,
) -> bool:
    """True where the line is new; False where one with this key stands already, which stays as it was."""
    if kind not in get_args(LineKind):
        raise ValueError(f"{kind!r} is no kind of timeline line; use one of {', '.join(get_args(LineKind))}")
    added = await connection.execute(
        insert_unless_there(connection, tables.timeline),
        {
            "natural_key": natural_key,
            "customer_id": customer_id,
            "invoice_id": invoice_id,
            "at": at,
            "kind": kind,
            "words": storable(words),
            "rule": storable(rule, most=80),
            "facts": {name: str(value) for name, value in (facts or {}).items()},
        },
    )
    return added.rowcount == 1


async def lines_of(
    connection: AsyncConnection,
    *,
    invoice_id: str | None = None,
    customer_id: str | None = None,
    after: int | None = None,
    limit: int = 100,
    newest_first: bool = False,
) -> list[Line]:
    """Lines of one invoice, or of a customer with all their invoices, in the order in which they were written.

    `after` is the `line_id` of the last line seen, in the direction of reading.
    """
    lines = tables.timeline.c
    query = select(tables.timeline)
    if invoice_id is None and customer_id is None:
        raise ValueError("name the invoice or the customer whose timeline is wanted")
    if invoice_id is not None:
        query = query.where(lines.invoice_id == invoice_id)
    if customer_id is not None:
        query = query.where(lines.customer_id == customer_id)
    if after is not None:
        query = query.where(lines.line_id < after if newest_first else lines.line_id > after)
    query = query.order_by(lines.line_id.desc() if newest_first else lines.line_id).limit(page_size(limit))
    return [line_of_row(row) for row in await connection.execute(query)]


async def last_line_id(connection: AsyncConnection) -> int:
    """The newest line of all, 0 where there is none."""
    return (await connection.execute(select(func.max(tables.timeline.c.line_id)))).scalar_one() or 0


async def lines_after(connection: AsyncConnection, line_id: int, *, limit: int = 500) -> list[Line]:
    """Lines of all customers after this one, in the order in which they were numbered.

    On PostgreSQL a line with a smaller number may be committed later: who must miss none reads with an overlap.
    """
    lines = tables.timeline.c
    query = select(tables.timeline).where(lines.line_id > line_id).order_by(lines.line_id).limit(page_size(limit))
    return [line_of_row(row) for row in await connection.execute(query)]
