"""Cases: one a matter while it is open, each with somebody and a deadline, ended once by a decision or by money."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Row, Select, func, or_, select, update
from sqlalchemy import case as sql_case
from sqlalchemy.ext.asyncio import AsyncConnection

from receivables.escalations import AssignmentStep, Case, CaseState, Decision, KeepByHand, Reassign
from store import tables
from store.inserting import insert_unless_there
from store.paging import comes_after, cursor, page_size
from store.words import storable

WANTED = CaseState.WANTED.value
_OPEN = [state.value for state in CaseState if state.is_open]
_DECISION: TypeAdapter[Decision] = TypeAdapter(Decision)


class NoSuchCase(LookupError):
    """No case has this id."""


class CaseNotOpen(Exception):
    """The case has ended; nothing was written."""

    def __init__(self, case: Case) -> None:
        super().__init__(f"case {case.case_id} is {case.state}: {_how_it_ended(case)}")
        self.case = case


class CaseAlreadyDecided(CaseNotOpen):
    """Somebody decided it, otherwise or before. `case` says who, when and what."""


def case_of_row(row: Row[Any], invoice_ids: Iterable[str]) -> Case:
    return Case(
        case_id=row.case_id,
        customer_id=row.customer_id,
        invoice_ids=tuple(invoice_ids),
        trigger=row.trigger,
        matter=row.matter,
        words=row.words,
        urgency=row.urgency,
        state=row.state,
        wanted_at=row.wanted_at,
        deadline_at=row.deadline_at,
        assigned_to=row.assigned_to,
        assignment_step=row.assignment_step,
        assigned_because=row.assigned_because,
        reminded_at=row.reminded_at,
        reply_id=row.reply_id,
        decided_at=row.decided_at,
        decided_by=row.decided_by,
        decision=row.decision["kind"] if row.decision else None,
        outcome=row.outcome,
        workflow_id=row.workflow_id,
    )


async def want_case(connection: AsyncConnection, case: Case) -> Case:
    """The open case of this matter, which the invoices join; a new one in state wanted where there is none.

    Asked again under the same id it gives the case as it is now, even when it has ended since. Of two at the same
    moment, the second waits for the first to commit and joins its case.
    """
    if case.state is not CaseState.WANTED:
        raise ValueError(f"case {case.case_id} is wanted first, not {case.state}")
    cases = tables.cases.c
    for _ in range(5):
        inserted = await connection.execute(
            insert_unless_there(connection, tables.cases).values(**_values_of(case), open_matter=case.matter)
        )
        if inserted.rowcount == 1:
            await _add_invoices(connection, case.case_id, case.invoice_ids)
            return await _read(connection, case.case_id)
        rows = await connection.execute(
            select(cases.case_id, cases.state)
            .where(or_(cases.open_matter == case.matter, cases.case_id == case.case_id))
            .order_by(sql_case((cases.open_matter == case.matter, 0), else_=1))
            .with_for_update()
        )
        there = rows.first()
        if there is not None:
            if there.state in _OPEN:
                await _add_invoices(connection, there.case_id, case.invoice_ids)
            return await _read(connection, there.case_id)
        # The one that stood in the way ended between the two statements: the matter is free again.
    raise RuntimeError(f"cases of the matter {case.matter} open and end too quickly to join one")


async def join(connection: AsyncConnection, *, case_id: str, invoice_ids: Sequence[str]) -> Case:
    """More invoices for an open case. Raises CaseNotOpen, NoSuchCase."""
    await _change_open(connection, case_id, {"case_id": case_id})
    await _add_invoices(connection, case_id, invoice_ids)
    return await _read(connection, case_id)


async def find_case(connection: AsyncConnection, case_id: str) -> Case | None:
    found = await _with_invoices(connection, select(tables.cases).where(tables.cases.c.case_id == case_id))
    return found[0] if found else None


async def case_of_matter(connection: AsyncConnection, matter: str) -> Case | None:
    """The open case of a matter."""
    found = await _with_invoices(connection, select(tables.cases).where(tables.cases.c.open_matter == matter))
    return found[0] if found else None


async def cases_of_invoice(connection: AsyncConnection, invoice_id: str, *, is_open: bool | None = None) -> list[Case]:
    """Cases that are, or were, about an invoice; oldest first."""
    on_it = select(tables.case_invoices.c.case_id).where(tables.case_invoices.c.invoice_id == invoice_id)
    query = select(tables.cases).where(tables.cases.c.case_id.in_(on_it), *_openness(is_open))
    return await _with_invoices(connection, query.order_by(tables.cases.c.wanted_at, tables.cases.c.case_id))


async def list_cases(
    connection: AsyncConnection,
    *,
    assigned_to: str | None = None,
    state: CaseState | None = None,
    customer_id: str | None = None,
    is_open: bool | None = None,
    after: str | None = None,
    limit: int = 100,
) -> list[Case]:
    """A worklist, the earliest deadline first. `after`: the `cursor_of` the last case seen (BadCursor)."""
    cases = tables.cases.c
    wanted = _openness(is_open)
    if assigned_to is not None:
        wanted.append(cases.assigned_to == assigned_to)
    if state is not None:
        wanted.append(cases.state == state.value)
    if customer_id is not None:
        wanted.append(cases.customer_id == customer_id)
    if after is not None:
        wanted.append(comes_after(cases.deadline_at, cases.case_id, after))
    query = select(tables.cases).where(*wanted).order_by(cases.deadline_at, cases.case_id).limit(page_size(limit))
    return await _with_invoices(connection, query)


def cursor_of(case: Case) -> str:
    """Where `list_cases` goes on after this case."""
    return cursor(case.deadline_at, case.case_id)


async def load_by_agent(connection: AsyncConnection) -> dict[str, int]:
    """How many open cases each agent has; agents without any are left out."""
    cases = tables.cases.c
    rows = await connection.execute(
        select(cases.assigned_to, func.count())
        .where(cases.state.in_(_OPEN), cases.assigned_to.is_not(None))
        .group_by(cases.assigned_to)
    )
    return {agent_id: count for agent_id, count in rows if agent_id is not None}


async def assign(
    connection: AsyncConnection,
    *,
    case_id: str,
    agent_id: str | None,
    step: AssignmentStep,
    because: str,
    deadline_at: datetime,
    workflow_id: str | None = None,
) -> Case:
    """Somebody has it from now on, by a new deadline and not yet reminded. Raises CaseNotOpen, NoSuchCase.

    `agent_id` None: nobody is there to take it; the deadline says when somebody is looked for again.
    """
    values: dict[str, Any] = {
        "state": CaseState.OPEN.value,
        "assigned_to": agent_id,
        "assignment_step": step.value,
        "assigned_because": storable(because),
        "deadline_at": deadline_at,
        "reminded_at": None,
    }
    if workflow_id is not None:
        values["workflow_id"] = workflow_id
    await _change_open(connection, case_id, values)
    return await _read(connection, case_id)


async def claim_case(connection: AsyncConnection, *, case_id: str, workflow_id: str) -> bool:
    """Whether this escalation works the case: the first to claim it does, and is told so again. It is open then."""
    cases = tables.cases.c
    claimed = await connection.execute(
        update(tables.cases)
        .where(cases.case_id == case_id, or_(cases.workflow_id.is_(None), cases.workflow_id == workflow_id))
        .values(
            workflow_id=workflow_id, state=sql_case((cases.state == WANTED, CaseState.OPEN.value), else_=cases.state)
        )
    )
    return claimed.rowcount == 1


async def unclaimed(connection: AsyncConnection, *, wanted_before: datetime, limit: int = 100) -> list[Case]:
    """Open cases that no escalation works, though they were wanted before that moment; oldest first."""
    cases = tables.cases.c
    query = select(tables.cases).where(
        cases.state.in_(_OPEN),
        cases.assigned_to.is_(None),
        cases.wanted_at < wanted_before,
        or_(cases.workflow_id.is_(None), cases.workflow_id == "escalation-" + cases.case_id),
    )
    return await _with_invoices(connection, query.order_by(cases.wanted_at, cases.case_id).limit(page_size(limit)))


async def extend_case(connection: AsyncConnection, *, case_id: str, deadline_at: datetime) -> Case:
    """The agent goes on by hand until a new deadline, and is reminded of it anew. Raises CaseNotOpen, NoSuchCase."""
    await _change_open(connection, case_id, {"deadline_at": deadline_at, "reminded_at": None})
    return await _read(connection, case_id)


async def record_reminded(connection: AsyncConnection, *, case_id: str, at: datetime) -> bool:
    """True for the first reminder since it was assigned or extended; False after. Raises CaseNotOpen, NoSuchCase."""
    cases = tables.cases.c
    reminded = await connection.execute(
        update(tables.cases)
        .where(cases.case_id == case_id, cases.state.in_(_OPEN), cases.reminded_at.is_(None))
        .values(reminded_at=at)
    )
    if reminded.rowcount == 1:
        return True
    case = await _read(connection, case_id)
    if not case.state.is_open:
        raise CaseNotOpen(case)
    return False


async def record_decision(
    connection: AsyncConnection,
    *,
    case_id: str,
    decision_id: str,
    decision: Decision,
    by: str,
    at: datetime,
    outcome: str = "",
) -> Case:
    """Ends the case by a decision. The same decision again, by its id, changes nothing.

    Raises CaseAlreadyDecided where another decision ended it, or this id stands for other content; CaseNotOpen where
    money ended it; NoSuchCase. Keeping a case by hand and passing it on do not end it: `extend_case`, `assign`.
    """
    if isinstance(decision, KeepByHand | Reassign):
        raise ValueError(f"{decision.kind} leaves case {case_id} open; use extend_case or assign")
    content = decision.model_dump(mode="json")
    cases = tables.cases.c
    decided = await connection.execute(
        update(tables.cases)
        .where(cases.case_id == case_id, cases.state.in_(_OPEN))
        .values(
            state=CaseState.DECIDED.value,
            open_matter=None,
            decided_at=at,
            decided_by=by,
            decision=content,
            decision_id=decision_id,
            outcome=storable(outcome),
        )
    )
    case = await _read(connection, case_id)
    if decided.rowcount == 1:
        return case
    if case.state is CaseState.SETTLED:
        raise CaseNotOpen(case)
    before = (await connection.execute(select(cases.decision_id, cases.decision).where(cases.case_id == case_id))).one()
    if (before.decision_id, before.decision) != (decision_id, content):
        raise CaseAlreadyDecided(case)
    return case


async def decision_of(connection: AsyncConnection, case_id: str) -> Decision | None:
    """What was decided, whole; None while it is open or where money ended it. Raises NoSuchCase."""
    rows = await connection.execute(select(tables.cases.c.decision).where(tables.cases.c.case_id == case_id))
    row = rows.one_or_none()
    if row is None:
        raise NoSuchCase(f"there is no case {case_id}")
    return None if row.decision is None else _DECISION.validate_python(row.decision)


async def settle_case(connection: AsyncConnection, *, case_id: str, at: datetime, outcome: str) -> bool:
    """Money ended the case without a decision; `decided_at` is when. True where this ended it, False where it had
    ended before. Raises NoSuchCase."""
    cases = tables.cases.c
    settled = await connection.execute(
        update(tables.cases)
        .where(cases.case_id == case_id, cases.state.in_(_OPEN))
        .values(state=CaseState.SETTLED.value, open_matter=None, decided_at=at, outcome=storable(outcome))
    )
    if settled.rowcount == 0:
        await _read(connection, case_id)
    return settled.rowcount == 1


async def _change_open(connection: AsyncConnection, case_id: str, values: dict[str, Any]) -> None:
    cases = tables.cases.c
    changed = await connection.execute(
        update(tables.cases).where(cases.case_id == case_id, cases.state.in_(_OPEN)).values(**values)
    )
    if changed.rowcount == 0:
        raise CaseNotOpen(await _read(connection, case_id))


async def _add_invoices(connection: AsyncConnection, case_id: str, invoice_ids: Iterable[str]) -> None:
    rows = [{"case_id": case_id, "invoice_id": invoice_id} for invoice_id in sorted(set(invoice_ids))]
    if rows:
        await connection.execute(insert_unless_there(connection, tables.case_invoices), rows)


async def _read(connection: AsyncConnection, case_id: str) -> Case:
    case = await find_case(connection, case_id)
    if case is None:
        raise NoSuchCase(f"there is no case {case_id}")
    return case


async def _with_invoices(connection: AsyncConnection, query: Select[Any]) -> list[Case]:
    rows = (await connection.execute(query)).all()
    invoices: dict[str, list[str]] = {row.case_id: [] for row in rows}
    on = tables.case_invoices.c
    if rows:
        found = await connection.execute(
            select(on.case_id, on.invoice_id).where(on.case_id.in_(list(invoices))).order_by(on.invoice_id)
        )
        for case_id, invoice_id in found:
            invoices[case_id].append(invoice_id)
    return [case_of_row(row, invoices[row.case_id]) for row in rows]


def _openness(is_open: bool | None) -> list[ColumnElement[bool]]:
    if is_open is None:
        return []
    state = tables.cases.c.state
    return [state.in_(_OPEN) if is_open else state.not_in(_OPEN)]


def _values_of(case: Case) -> dict[str, Any]:
    return {
        "case_id": case.case_id,
        "customer_id": case.customer_id,
        "trigger": case.trigger.value,
        "matter": case.matter,
        "words": storable(case.words),
        "urgency": case.urgency.value,
        "state": case.state.value,
        "wanted_at": case.wanted_at,
        "deadline_at": case.deadline_at,
        "assigned_to": case.assigned_to,
        "assignment_step": case.assignment_step.value,
        "assigned_because": storable(case.assigned_because),
        "reply_id": case.reply_id,
        "workflow_id": case.workflow_id,
    }


def _how_it_ended(case: Case) -> str:
    if case.state is CaseState.DECIDED:
        return f"{case.decided_by} decided {case.decision} at {case.decided_at}"
    return f"settled at {case.decided_at}, {case.outcome}"
