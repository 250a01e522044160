"""What a run left in its store and its sink, read once, for the checks and the figures. Dates are the rehearsal's."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from receivables.customer import Customer
from receivables.disputes import Dispute
from receivables.escalations import Case
from receivables.holds import Hold
from receivables.invoice import Stage
from receivables.ledger import LedgerEntry
from receivables.messages import Message, MessageItem
from receivables.money import Money
from rehearsal.sink import Left, SinkChannel
from store import tables
from store.cases import case_of_row
from store.customers import customer_of_row
from store.database import Database
from store.disputes import dispute_of_row
from store.holds import hold_of_row
from store.ledger import entry_of_row
from store.messages import COLUMNS_OF_A_MESSAGE, item_of_row, message_of_row


@dataclass(frozen=True)
class InvoiceAtTheEnd:
    """An invoice as the run left it. `reason`: why its next step is what it is, in words; "" where nobody said."""

    invoice_id: str
    customer_id: str
    amount: Money
    open_balance: Money
    issued_on: date
    due_on: date
    settled_on: date | None
    stage: Stage
    segment: str
    policy_version: str
    reason: str
    next_look_at: datetime | None
    decided_at: datetime | None


@dataclass(frozen=True)
class TellingDone:
    """That a workflow was to be told of a fact, and when it was."""

    fact_id: str
    invoice_id: str
    stored_at: datetime
    told_at: datetime | None


@dataclass(frozen=True)
class FeedTold:
    """How fresh the money was from an instant on."""

    at: datetime
    complete_until_at: datetime


@dataclass(frozen=True)
class NotDone:
    """Something that was held back, or a last step: a line of the timeline that must carry its why."""

    invoice_id: str | None
    customer_id: str
    at: datetime
    kind: str
    words: str
    rule: str


@dataclass(frozen=True)
class Joined:
    """When an invoice came into a case."""

    case_id: str
    invoice_id: str
    at: datetime


@dataclass(frozen=True)
class Record:
    """Everything that the checks and figures look at."""

    customers: tuple[Customer, ...]
    invoices: tuple[InvoiceAtTheEnd, ...]
    entries: tuple[LedgerEntry, ...]
    messages: tuple[Message, ...]
    left: tuple[Left, ...]
    cases: tuple[Case, ...]
    joined: tuple[Joined, ...]
    disputes: tuple[Dispute, ...]
    holds: tuple[Hold, ...]
    lines: tuple[NotDone, ...]
    tellings: tuple[TellingDone, ...]
    stored_facts: frozenset[str]
    fed_facts: tuple[str, ...]
    feeds: tuple[FeedTold, ...]


async def read_record(
    database: Database, *, sink: SinkChannel, feeds: tuple[FeedTold, ...], facts: tuple[str, ...]
) -> Record:
    """Read a finished run."""
    async with database.reading() as connection:
        return Record(
            customers=tuple(customer_of_row(row) for row in await connection.execute(select(tables.customers))),
            invoices=await _invoices(connection),
            entries=tuple(
                entry_of_row(row)
                for row in await connection.execute(select(tables.entries).order_by(_entries.entry_id))
            ),
            messages=await _messages(connection),
            left=tuple(sink.left),
            cases=await _cases(connection),
            joined=await _joined(connection),
            disputes=tuple(dispute_of_row(row) for row in await connection.execute(select(tables.disputes))),
            holds=tuple(hold_of_row(row) for row in await connection.execute(select(tables.holds))),
            lines=await _lines(connection),
            tellings=tuple(
                TellingDone(row.fact_id, row.invoice_id, row.stored_at, row.told_at)
                for row in await connection.execute(select(tables.tellings))
            ),
            stored_facts=frozenset((await connection.execute(select(tables.facts.c.fact_id))).scalars()),
            fed_facts=facts,
            feeds=feeds,
        )


_entries = tables.entries.c


async def _invoices(connection: AsyncConnection) -> tuple[InvoiceAtTheEnd, ...]:
    rows = await connection.execute(select(tables.invoices).order_by(tables.invoices.c.invoice_id))
    return tuple(
        InvoiceAtTheEnd(
            invoice_id=row.invoice_id,
            customer_id=row.customer_id,
            amount=Money(minor=row.amount_minor, currency=row.currency),
            open_balance=Money(minor=row.open_minor, currency=row.currency),
            issued_on=row.issued_on,
            due_on=row.due_on,
            settled_on=row.settled_on,
            stage=Stage(row.stage),
            segment=row.segment,
            policy_version=row.policy_version,
            reason=((row.next_step or {}).get("reason") or {}).get("words", ""),
            next_look_at=row.next_look_at,
            decided_at=row.decided_at,
        )
        for row in rows
    )


async def _messages(connection: AsyncConnection) -> tuple[Message, ...]:
    items: dict[str, list[MessageItem]] = {}
    for row in await connection.execute(select(tables.message_items)):
        items.setdefault(row.key, []).append(item_of_row(row))
    rows = await connection.execute(
        select(*COLUMNS_OF_A_MESSAGE).order_by(tables.messages.c.reserved_at, tables.messages.c.key)
    )
    return tuple(message_of_row(row, items.get(row.key, [])) for row in rows)


async def _cases(connection: AsyncConnection) -> tuple[Case, ...]:
    invoices: dict[str, list[str]] = {}
    for row in await connection.execute(select(tables.case_invoices)):
        invoices.setdefault(row.case_id, []).append(row.invoice_id)
    rows = await connection.execute(select(tables.cases).order_by(tables.cases.c.wanted_at, tables.cases.c.case_id))
    return tuple(case_of_row(row, invoices.get(row.case_id, [])) for row in rows)


async def _lines(connection: AsyncConnection) -> tuple[NotDone, ...]:
    lines = tables.timeline.c
    rows = await connection.execute(
        select(lines.invoice_id, lines.customer_id, lines.at, lines.kind, lines.words, lines.rule)
        .where(lines.kind.in_(["held_back", "step", "alert"]))
        .order_by(lines.line_id)
    )
    return tuple(NotDone(row.invoice_id, row.customer_id, row.at, row.kind, row.words, row.rule) for row in rows)


async def _joined(connection: AsyncConnection) -> tuple[Joined, ...]:
    lines = tables.timeline.c
    rows = await connection.execute(
        select(lines.natural_key, lines.invoice_id, lines.at).where(
            lines.kind == "case", lines.invoice_id.is_not(None), lines.natural_key.like("%:opened")
        )
    )
    return tuple(
        Joined(case_id=row.natural_key.removesuffix(f":{row.invoice_id}:opened"), invoice_id=row.invoice_id, at=row.at)
        for row in rows
    )
