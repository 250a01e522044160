"""What an operator can see and ask of a run on the real server, without opening a payload."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import ScheduleOverlapPolicy, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter

from receivables.escalations import KeepByHand, Resume
from receivables.invoice import Stage
from receivables.replies import Intent
from store import intake
from store.database import Database
from tests.builders import a_customer, an_invoice
from tests.operators.real_office import RealOffice, a_real_office
from tests.waiting import until
from worker import ensure_schedules
from workflows import names

pytestmark = pytest.mark.dev_server

TODAY = datetime.now(UTC).date()
LATE = {"issued_on": TODAY - timedelta(days=40), "due_on": TODAY - timedelta(days=10)}


@pytest.fixture
async def office(sqlite_database: Database, tmp_path: Path) -> AsyncIterator[RealOffice]:
    async with a_real_office(sqlite_database, tmp_path) as opened:
        yield opened


async def found(office: RealOffice, query: str) -> set[str]:
    return {run.id async for run in office.client.list_workflows(query)}


async def is_found(office: RealOffice, query: str, expected: set[str]) -> None:
    """Visibility follows a moment behind."""

    async def is_so() -> bool:
        return await found(office, query) == expected

    await until(is_so, seconds=20, what=f"{expected} for {query}")


async def summaries(handle: WorkflowHandle, *kinds: EventType.ValueType) -> list[str]:
    """The summaries of a history's events of these kinds, in order; none may be missing."""
    converter = pydantic_data_converter.payload_converter
    said = []
    async for event in handle.fetch_history_events():
        if event.event_type in kinds:
            assert event.HasField("user_metadata"), f"event {event.event_id} has no summary"
            said.append(converter.from_payload(event.user_metadata.summary, str))
    return said


async def test_runs_are_found_by_customer_segment_stage_agent_balance_due_day_and_next_look(
    office: RealOffice,
) -> None:
    await office.owes(1, amount="1200.00", invoice=LATE, owner="anna")
    await office.owes(2, amount="80.00", invoice={"due_on": TODAY + timedelta(days=20)}, customer_id="C-2")
    await office.sees("level-1 sent")
    await is_found(office, "CustomerId = 'C-1'", {"invoice-INV-1"})
    await is_found(office, f"Stage = '{Stage.REMINDING.value}'", {"invoice-INV-1"})
    await is_found(office, f"Stage = '{Stage.NOT_DUE.value}'", {"invoice-INV-2"})
    await is_found(office, "Segment = 'standard'", {"invoice-INV-1", "invoice-INV-2"})
    await is_found(office, "OpenBalance > 1000", {"invoice-INV-1"})
    await is_found(office, f"DueOn < '{TODAY.isoformat()}T00:00:00Z'", {"invoice-INV-1"})
    soon = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    await is_found(office, f"NextLookAt < '{soon}'", {"invoice-INV-1", "invoice-INV-2"})
    # a person has it: found by who that is
    await office.writes(Intent.PERSON_REQUEST)
    await is_found(office, "AssignedAgent = 'anna' AND CustomerId = 'C-1'", {"escalation-INV-1-1"})
    await is_found(office, f"Stage = '{Stage.WITH_AGENT.value}'", {"invoice-INV-1"})
    # paid in part: the balance follows
    await office.pays("INV-1", "1000.00")
    await is_found(office, "OpenBalance = 200", {"invoice-INV-1"})


async def test_a_run_tells_its_story_in_summaries_and_details(office: RealOffice) -> None:
    await office.owes(1, amount="1200.00", invoice=LATE, owner="anna")
    await office.sees("level-1 sent")
    await office.pays("INV-1", "400.00", payment_id="P-17")
    await office.writes(Intent.BILLING_QUESTION, reply_id="R-3")
    await office.sees("with agent anna")
    run = office.run_of()
    described = await run.describe()
    due = LATE["due_on"]
    headline = f"INV-1 · Acme GmbH · EUR 1,200.00 due {due.day} {due:%b}"
    assert await described.static_summary() == headline
    details = await current_details(run)
    assert details.startswith(f"**{headline}**\n")
    for words in ("EUR 800.00", "with agent", "**Next:**", "**So far**", "level-1 sent", "payment P-17 of EUR 400.00"):
        assert words in details, (words, details)
    case = await office.case_of()
    assert case is not None
    assert case.workflow_id == "escalation-INV-1-1"
    escalation = office.client.get_workflow_handle(case.workflow_id)
    assert headline in (await (await escalation.describe()).static_summary() or "")
    assert "with **anna**" in await current_details(escalation)
    await office.decides(case, KeepByHand(until_on=TODAY + timedelta(days=5), note="I call them"))
    assert "by hand" in await current_details(escalation)
    await office.decides(case, Resume())
    # every activity and every wait in both histories says what it is
    activities = await summaries(run, EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED)
    assert [words.partition(":")[0] for words in activities] == ["level-1", "take in reply R-3", "open a case"]
    waits = await summaries(run, EventType.EVENT_TYPE_TIMER_STARTED)
    assert waits
    assert all("level-" in words or "with agent" in words for words in waits), waits
    steps = await summaries(escalation, EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED)
    assert steps == ["assign to agent", "anna decides: keep_by_hand", "anna decides: resume"]
    assert all("anna decides by" in words for words in await summaries(escalation, EventType.EVENT_TYPE_TIMER_STARTED))
    # and no history holds what was written or to whom
    for handle in (run, escalation):
        text = str((await handle.fetch_history()).to_json())
        assert "anna@acme.example" not in text
        assert "Anna Acme" not in text


async def test_queries_answer_where_it_stands_and_why(office: RealOffice) -> None:
    await office.owes(1, invoice=LATE)
    await office.sees("level-1 sent")
    file = await office.case_file()
    assert (file.stage, file.segment) == (Stage.REMINDING, "standard")
    why = await office.why()
    assert why.rule
    assert why.facts["open balance"] == "EUR 100.00"


async def test_the_schedules_are_made_once_however_many_workers_start(office: RealOffice) -> None:
    await ensure_schedules(office.client)
    await ensure_schedules(office.client)

    async def is_listed() -> bool:
        return [each.id async for each in await office.client.list_schedules()] == [names.RECONCILE_ID]

    await until(is_listed, seconds=20, what="one schedule")
    schedule = office.client.get_schedule_handle(names.RECONCILE_ID)
    assert (await schedule.describe()).schedule.policy.overlap is ScheduleOverlapPolicy.SKIP
    # it tells what was stored and never told
    invoice = an_invoice(**LATE, opened_at=datetime.now(UTC) - timedelta(minutes=5))
    long_ago = datetime.now(UTC) - timedelta(minutes=5)
    async with office.database.writing() as connection:
        await intake.open_invoice(connection, invoice=invoice, customer=a_customer(), by="erp", at=long_ago)
    await schedule.trigger()
    await until(lambda: found(office, "WorkflowId = 'invoice-INV-1'"), seconds=20, what="the run of INV-1")


async def current_details(run: WorkflowHandle) -> str:
    """What the UI shows as the run's current details."""
    metadata = await run.query("__temporal_workflow_metadata")
    return metadata["currentDetails"] if isinstance(metadata, dict) else metadata.current_details
