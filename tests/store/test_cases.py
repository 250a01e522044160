"""Cases: one a matter while open, ended once."""

import asyncio
from typing import Any

import pytest

from receivables.escalations import (
    AssignmentStep,
    Case,
    CaseState,
    HoldUntil,
    KeepByHand,
    Reassign,
    Resume,
)
from store import cases
from store.cases import CaseAlreadyDecided, CaseNotOpen, NoSuchCase
from store.database import Database
from store.paging import BadCursor
from tests.builders import a_case
from tests.store.known import MONDAY, another_process, know, minutes_later


def a_wanted_case(number: int = 1, **changes: Any) -> Case:
    values: dict[str, Any] = {"case_id": f"case-{number}", "state": CaseState.WANTED, "matter": f"matter-{number}"}
    return a_case(**(values | changes))


async def want(database: Database, case: Case) -> Case:
    async with database.writing() as connection:
        return await cases.want_case(connection, case)


async def assign(database: Database, case_id: str, agent_id: str = "agent-1", **changes: Any) -> Case:
    values: dict[str, Any] = {
        "step": AssignmentStep.AGENT,
        "because": "least loaded",
        "deadline_at": minutes_later(60),
    }
    async with database.writing() as connection:
        return await cases.assign(connection, case_id=case_id, agent_id=agent_id, **(values | changes))


async def decide(database: Database, case_id: str, **changes: Any) -> Case:
    values: dict[str, Any] = {"decision_id": "D-1", "decision": Resume(), "by": "agent-1", "at": minutes_later(5)}
    async with database.writing() as connection:
        return await cases.record_decision(connection, case_id=case_id, **(values | changes))


async def settle(database: Database, case_id: str) -> bool:
    async with database.writing() as connection:
        return await cases.settle_case(connection, case_id=case_id, at=minutes_later(7), outcome="paid in full")


async def find(database: Database, case_id: str) -> Case:
    async with database.reading() as connection:
        case = await cases.find_case(connection, case_id)
    assert case is not None
    return case


async def test_a_wanted_case_is_read_back_as_it_was_written(database: Database) -> None:
    await know(database, C_1=("INV-1", "INV-2"))
    case = a_wanted_case(invoice_ids=("INV-1", "INV-2"), reply_id="R-1")
    assert await want(database, case) == case
    assert await find(database, case.case_id) == case
    async with database.reading() as connection:
        assert await cases.case_of_matter(connection, case.matter) == case
        assert await cases.find_case(connection, "case-9") is None


async def test_a_second_trigger_of_an_open_matter_joins_its_case(database: Database) -> None:
    await know(database, C_1=("INV-1", "INV-2"))
    await want(database, a_wanted_case(1, matter="attempts_used_up:C-1"))
    joined = await want(database, a_wanted_case(2, matter="attempts_used_up:C-1", invoice_ids=("INV-1", "INV-2")))
    assert (joined.case_id, joined.invoice_ids) == ("case-1", ("INV-1", "INV-2"))
    async with database.reading() as connection:
        assert await cases.find_case(connection, "case-2") is None


async def test_a_matter_whose_case_has_ended_makes_a_new_one(database: Database) -> None:
    await know(database, C_1=("INV-1",))
    for number, end in enumerate((decide, settle, decide), start=1):
        assert (await want(database, a_wanted_case(number, matter="M"))).case_id == f"case-{number}"
        await end(database, f"case-{number}")


async def test_the_same_case_wanted_again_after_its_end_is_given_as_it_ended(database: Database) -> None:
    await know(database, C_1=("INV-1",))
    await want(database, a_wanted_case())
    decided = await decide(database, "case-1")
    assert await want(database, a_wanted_case()) == decided


async def test_many_who_want_one_matter_at_the_same_moment_share_one_case(database: Database) -> None:
    invoice_ids = [f"INV-{number}" for number in range(1, 7)]
    await know(database, C_1=invoice_ids)
    other = another_process(database)
    try:
        wanted = await asyncio.gather(
            *(
                want((database, other)[number % 2], a_wanted_case(number, matter="M", invoice_ids=(invoice_id,)))
                for number, invoice_id in enumerate(invoice_ids)
            )
        )
        assert len({case.case_id for case in wanted}) == 1
        assert (await find(database, wanted[0].case_id)).invoice_ids == tuple(invoice_ids)
    finally:
        await other.close()


async def test_a_case_is_wanted_first(database: Database) -> None:
    with pytest.raises(ValueError, match="wanted first"):
        await want(database, a_wanted_case(state=CaseState.OPEN))


async def test_more_invoices_join_an_open_case_only(database: Database) -> None:
    await know(database, C_1=("INV-1", "INV-2"))
    await want(database, a_wanted_case())
    async with database.writing() as connection:
        joined = await cases.join(connection, case_id="case-1", invoice_ids=("INV-2", "INV-1"))
    assert joined.invoice_ids == ("INV-1", "INV-2")
    await decide(database, "case-1")
    async with database.writing() as connection:
        with pytest.raises(CaseNotOpen):
            await cases.join(connection, case_id="case-1", invoice_ids=("INV-2",))


async def test_an_assigned_case_says_who_has_it_why_and_until_when(database: Database) -> None:
    await know(database, C_1=("INV-1",))
    await want(database, a_wanted_case())
    case = await assign(database, "case-1", workflow_id="escalation-INV-1-1")
    assert (case.state, case.assigned_to, case.assigned_because) == (CaseState.OPEN, "agent-1", "least loaded")
    assert (case.deadline_at, case.workflow_id) == (minutes_later(60), "escalation-INV-1-1")
    case = await assign(database, "case-1", "agent-2", step=AssignmentStep.BACKUP, deadline_at=minutes_later(90))
    assert (case.assigned_to, case.assignment_step) == ("agent-2", AssignmentStep.BACKUP)
    assert case.workflow_id == "escalation-INV-1-1"


async def test_the_agent_is_reminded_once_for_each_deadline(database: Database) -> None:
    await know(database, C_1=("INV-1",))
    await want(database, a_wanted_case())
    await assign(database, "case-1")

    async def remind() -> bool:
        async with database.writing() as connection:
            return await cases.record_reminded(connection, case_id="case-1", at=minutes_later(30))

    assert sorted(await asyncio.gather(remind(), remind())) == [False, True]
    assert (await find(database, "case-1")).reminded_at == minutes_later(30)
    await assign(database, "case-1", "agent-2", step=AssignmentStep.BACKUP)
    assert await remind() is True
    async with database.writing() as connection:
        kept = await cases.extend_case(connection, case_id="case-1", deadline_at=minutes_later(600))
    assert (kept.deadline_at, kept.assigned_to, kept.state) == (minutes_later(600), "agent-2", CaseState.OPEN)
    assert await remind() is True


async def test_a_decision_ends_the_case_and_is_kept_whole(database: Database) -> None:
    await know(database, C_1=("INV-1",))
    await want(database, a_wanted_case())
    decision = HoldUntil(until_on=MONDAY.date(), reason="waits for the purchase order")
    async with database.reading() as connection:
        assert await cases.decision_of(connection, "case-1") is None
    case = await decide(database, "case-1", decision=decision, outcome="on hold until 4 March")
    assert (case.state, case.decided_by, case.decided_at) == (CaseState.DECIDED, "agent-1", minutes_later(5))
    assert (case.decision, case.outcome) == ("hold", "on hold until 4 March")
    async with database.reading() as connection:
        assert await cases.decision_of(connection, "case-1") == decision
        assert await cases.case_of_matter(connection, case.matter) is None


async def test_the_same_decision_again_changes_nothing(database: Database) -> None:
    await know(database, C_1=("INV-1",))
    await want(database, a_wanted_case())
    first = await decide(database, "case-1")
    assert await decide(database, "case-1", at=minutes_later(50)) == first


async def test_a_second_decision_is_refused_with_who_decided_what(database: Database) -> None:
    await know(database, C_1=("INV-1",))
    await want(database, a_wanted_case())
    await decide(database, "case-1")
    another = {"decision_id": "D-2", "by": "agent-2"}
    same_id_with_other_content = {"decision_id": "D-1", "decision": Resume(on=MONDAY.date())}
    for second in (another, same_id_with_other_content):
        with pytest.raises(CaseAlreadyDecided, match="agent-1 decided resume") as refused:
            await decide(database, "case-1", **second)
        assert (refused.value.case.decided_by, refused.value.case.decision) == ("agent-1", "resume")


async def test_of_two_decisions_at_the_same_moment_exactly_one_is_taken(database: Database) -> None:
    await know(database, C_1=("INV-1",))
    await want(database, a_wanted_case())
    other = another_process(database)
    try:
        outcomes = await asyncio.gather(
            decide(database, "case-1", decision_id="D-1"),
            decide(other, "case-1", decision_id="D-2", by="agent-2"),
            decide(database, "case-1", decision_id="D-3", by="agent-3"),
            return_exceptions=True,
        )
        assert sum(isinstance(outcome, CaseAlreadyDecided) for outcome in outcomes) == 2
        (taken,) = [outcome for outcome in outcomes if isinstance(outcome, Case)]
        assert await find(database, "case-1") == taken
    finally:
        await other.close()


async def test_what_leaves_the_case_open_is_not_recorded_as_its_end(database: Database) -> None:
    await know(database, C_1=("INV-1",))
    await want(database, a_wanted_case())
    for decision in (KeepByHand(until_on=MONDAY.date(), note="I call them"), Reassign(to="agent-2")):
        with pytest.raises(ValueError, match="leaves case case-1 open"):
            await decide(database, "case-1", decision=decision)
    assert (await find(database, "case-1")).state.is_open


async def test_money_ends_a_case_once_and_a_decision_comes_too_late(database: Database) -> None:
    await know(database, C_1=("INV-1",))
    await want(database, a_wanted_case())
    assert await settle(database, "case-1") is True
    assert await settle(database, "case-1") is False
    case = await find(database, "case-1")
    assert (case.state, case.decided_at, case.decided_by) == (CaseState.SETTLED, minutes_later(7), None)
    with pytest.raises(CaseNotOpen, match="paid in full"):
        await decide(database, "case-1")
    with pytest.raises(CaseNotOpen):
        await assign(database, "case-1")


async def test_money_after_a_decision_leaves_the_decision(database: Database) -> None:
    await know(database, C_1=("INV-1",))
    await want(database, a_wanted_case())
    decided = await decide(database, "case-1")
    assert await settle(database, "case-1") is False
    assert await find(database, "case-1") == decided


async def test_an_unknown_case_is_refused_by_each(database: Database) -> None:
    for attempt in (assign, decide, settle):
        with pytest.raises(NoSuchCase):
            await attempt(database, "case-9")
    async with database.writing() as connection:
        with pytest.raises(NoSuchCase):
            await cases.extend_case(connection, case_id="case-9", deadline_at=MONDAY)
        with pytest.raises(NoSuchCase):
            await cases.record_reminded(connection, case_id="case-9", at=MONDAY)
        with pytest.raises(NoSuchCase):
            await cases.decision_of(connection, "case-9")


async def test_a_worklist_has_the_earliest_deadline_first(database: Database) -> None:
    await know(database, C_1=("INV-1",), C_2=("INV-2",))
    for number, (agent_id, minutes) in enumerate([("agent-1", 90), ("agent-2", 10), ("agent-1", 30)], start=1):
        await want(database, a_wanted_case(number))
        await assign(database, f"case-{number}", agent_id, deadline_at=minutes_later(minutes))
    await want(database, a_wanted_case(4, customer_id="C-2", invoice_ids=("INV-2",), deadline_at=minutes_later(500)))
    await decide(database, "case-2")

    async def ids(**wanted: Any) -> list[str]:
        async with database.reading() as connection:
            return [case.case_id for case in await cases.list_cases(connection, **wanted)]

    assert await ids() == ["case-2", "case-3", "case-1", "case-4"]
    assert await ids(is_open=True) == ["case-3", "case-1", "case-4"]
    assert await ids(is_open=False) == ["case-2"]
    assert await ids(assigned_to="agent-1") == ["case-3", "case-1"]
    assert await ids(state=CaseState.WANTED) == ["case-4"]
    assert await ids(customer_id="C-2") == ["case-4"]
    async with database.reading() as connection:
        assert await cases.load_by_agent(connection) == {"agent-1": 2}
        assert [case.case_id for case in await cases.cases_of_invoice(connection, "INV-1")] == [
            "case-1",
            "case-2",
            "case-3",
        ]
        assert [case.case_id for case in await cases.cases_of_invoice(connection, "INV-1", is_open=False)] == ["case-2"]


async def test_pages_of_a_worklist_neither_repeat_nor_skip_even_when_a_deadline_moves(database: Database) -> None:
    await know(database, C_1=("INV-1",))
    for number in range(1, 8):
        await want(database, a_wanted_case(number))
    async with database.reading() as connection:
        first = await cases.list_cases(connection, limit=3)
    after = cases.cursor_of(first[-1])
    await assign(database, "case-3", deadline_at=minutes_later(100_000))
    async with database.reading() as connection:
        rest = await cases.list_cases(connection, after=after)
        with pytest.raises(BadCursor):
            await cases.list_cases(connection, after="case-3")
    assert [case.case_id for case in first] == ["case-1", "case-2", "case-3"]
    assert [case.case_id for case in rest] == ["case-4", "case-5", "case-6", "case-7", "case-3"]
