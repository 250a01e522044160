"""Decisions that were carried out, each once by its id."""

from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from receivables.escalations import Decision
from receivables.frozen import Frozen
from store import tables
from store.inserting import insert_unless_there
from store.words import storable

_DECISION: TypeAdapter[Decision] = TypeAdapter(Decision)


class DecisionRecord(Frozen):
    """Who decided what of which case, and what it did in words."""

    decision_id: str
    case_id: str
    decision: Decision
    decided_by: str
    decided_at: datetime
    words: str
    ends_case: bool


class DecisionIdTaken(Exception):
    """This id stands for another decision; nothing was written."""


async def record(connection: AsyncConnection, decision: DecisionRecord) -> bool:
    """Whether it is new. The same again changes nothing; the same id with other content raises DecisionIdTaken."""
    inserted = await connection.execute(
        insert_unless_there(connection, tables.decisions).values(
            {
                **decision.model_dump(exclude={"decision"}),
                "decision": decision.decision.model_dump(mode="json"),
                "words": storable(decision.words),
            }
        )
    )
    if inserted.rowcount == 1:
        return True
    before = await find_decision(connection, decision.decision_id)
    if before is None or (before.case_id, before.decision) != (decision.case_id, decision.decision):
        raise DecisionIdTaken(f"decision {decision.decision_id} is already taken for something else")
    return False


async def find_decision(connection: AsyncConnection, decision_id: str) -> DecisionRecord | None:
    rows = await connection.execute(select(tables.decisions).where(tables.decisions.c.decision_id == decision_id))
    row = rows.first()
    return DecisionRecord.model_validate(dict(row._mapping)) if row is not None else None


async def decisions_of(connection: AsyncConnection, *, case_id: str) -> list[DecisionRecord]:
    """All of a case, oldest first."""
    rows = await connection.execute(
        select(tables.decisions)
        .where(tables.decisions.c.case_id == case_id)
        .order_by(tables.decisions.c.decided_at, tables.decisions.c.decision_id)
    )
    return [DecisionRecord.model_validate(dict(row._mapping)) for row in rows]
