"""What an operator wants to know at a glance: how many of everything, and whose run goes on."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from receivables.escalations import CaseState
from receivables.frozen import Frozen
from receivables.invoice import Stage
from receivables.messages import MessageState
from store import tables

_FINAL = [stage.value for stage in Stage if stage.is_final]


class Overview(Frozen):
    """Counts over the whole store. `invoices` has every stage, also those without any."""

    invoices: dict[Stage, int]
    open_cases: int
    """Open or wanted."""
    late_cases: int
    """Of those, past their deadline."""
    in_doubt: int
    untold: int
    """Workflows that were not told of a fact yet."""
    untold_since: datetime | None
    """When the oldest of these facts was stored."""
    unread_replies: int
    """Replies whose consequences were not drawn yet."""


async def overview(connection: AsyncConnection, *, as_of: datetime) -> Overview:
    """All counts, seen at one moment."""
    stages = await connection.execute(
        select(tables.invoices.c.stage, func.count().label("how_many")).group_by(tables.invoices.c.stage)
    )
    by_stage: dict[str, int] = {row.stage: row.how_many for row in stages}
    cases = tables.cases.c
    is_open = cases.state.in_([state.value for state in CaseState if state.is_open])
    tellings = tables.tellings.c
    untold, untold_since = (
        await connection.execute(select(func.count(), func.min(tellings.stored_at)).where(tellings.told_at.is_(None)))
    ).one()
    count = select(func.count())
    return Overview(
        invoices={stage: by_stage.get(stage.value, 0) for stage in Stage},
        open_cases=(await connection.execute(count.select_from(tables.cases).where(is_open))).scalar_one(),
        late_cases=(
            await connection.execute(count.select_from(tables.cases).where(is_open, cases.deadline_at <= as_of))
        ).scalar_one(),
        in_doubt=(
            await connection.execute(
                count.select_from(tables.messages).where(tables.messages.c.state == MessageState.IN_DOUBT.value)
            )
        ).scalar_one(),
        untold=untold,
        untold_since=untold_since,
        unread_replies=(
            await connection.execute(count.select_from(tables.replies).where(tables.replies.c.taken_in_at.is_(None)))
        ).scalar_one(),
    )


async def running_invoices(connection: AsyncConnection) -> tuple[str, ...]:
    """Every invoice whose run goes on, by id."""
    invoices = tables.invoices.c
    rows = await connection.execute(
        select(invoices.invoice_id).where(invoices.stage.not_in(_FINAL)).order_by(invoices.invoice_id)
    )
    return tuple(rows.scalars())
