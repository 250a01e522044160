"""Timelines as the API shows them."""

from datetime import datetime

from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from api.values import Answered
from receivables.timeline import Line, LineKind
from store import timeline


class LineView(Answered):
    """One line: what happened, by which rule and facts."""

    line_id: int
    at: datetime
    kind: LineKind
    words: str
    rule: str
    facts: dict[str, str]
    invoice_id: str | None

    @classmethod
    def of(cls, line: Line) -> "LineView":
        return cls.model_validate(line.model_dump(exclude={"natural_key", "customer_id"}))


class TimelinePage(Answered):
    lines: list[LineView]
    next: int | None = Field(default=None, description="Give it as `after` to read on; null on the last page.")


async def timeline_page(
    connection: AsyncConnection,
    *,
    invoice_id: str | None = None,
    customer_id: str | None = None,
    after: int | None,
    limit: int,
) -> TimelinePage:
    lines = await timeline.lines_of(
        connection, invoice_id=invoice_id, customer_id=customer_id, after=after, limit=limit
    )
    return TimelinePage(
        lines=[LineView.of(line) for line in lines], next=lines[-1].line_id if len(lines) == limit else None
    )
