"""Runs that live long: hundreds of news on the real server, through continue-as-new, none lost and none doubled."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from pathlib import Path

import pytest

from activities.payloads import DecisionRequest
from receivables.case_file import CaseFile, News
from receivables.collection_policy import EscalationRule
from receivables.escalations import Case, Resume, Trigger, Urgency
from receivables.replies import Intent
from store import agents, cases, intake
from tests.builders import a_ladder, a_policy, a_reply, an_agent
from tests.crashes.house import House, a_house, now
from tests.waiting import until
from workflows import options
from workflows.escalation import EscalationWorkflow
from workflows.invoice import InvoiceWorkflow

pytestmark = pytest.mark.dev_server

MANY = options.CONTINUE_AS_NEW_AFTER_EVENTS + 120


@pytest.fixture
async def house(tmp_path: Path, sqlite_url: str) -> AsyncIterator[House]:
    policy = a_policy(
        ladder=a_ladder(365),
        escalations=(
            EscalationRule(trigger=Trigger.REPLY, intents=(Intent.PERSON_REQUEST,), urgency=Urgency.STANDARD),
        ),
    )
    async with a_house(tmp_path, sqlite_url, policy=policy) as opened:
        opened.worker.start()
        yield opened


async def tell_many(house: House, invoice_id: str, numbers: Iterable[int]) -> None:
    few_at_once = asyncio.Semaphore(20)

    async def tell_one(number: int) -> None:
        async with few_at_once:
            await house.run_of(invoice_id).signal(
                InvoiceWorkflow.look_again, News(fact_id=f"look:{number}", words=f"look {number}")
            )

    await asyncio.gather(*(tell_one(number) for number in numbers))


async def case_file(house: House, invoice_id: str) -> CaseFile:
    return await house.run_of(invoice_id).query(InvoiceWorkflow.case_file)


async def run_id_of(house: House, invoice_id: str) -> str | None:
    return (await house.run_of(invoice_id).describe()).run_id


async def has_taken_in(house: House, invoice_id: str, count: int) -> bool:
    return len((await case_file(house, invoice_id)).taken_in) >= count


async def test_promise_2_hundreds_of_news_reach_a_run_once_each_though_it_continues_as_new_meanwhile(
    house: House,
) -> None:
    [invoice_id] = await house.open_invoices("C-1")
    first = await run_id_of(house, invoice_id)
    await tell_many(house, invoice_id, [number for number in range(MANY) for _ in range(1 + (number % 10 == 0))])
    await until(lambda: has_taken_in(house, invoice_id, MANY), seconds=60, what="all news to be taken in")
    taken_in = (await case_file(house, invoice_id)).taken_in
    assert len(taken_in) == MANY
    assert set(taken_in) == {f"look:{number}" for number in range(MANY)}
    later = await run_id_of(house, invoice_id)
    assert later != first, "so many events are too many for one run"
    # what the run before knew is not news to the one after it
    await tell_many(house, invoice_id, (0, 1, 2, MANY))
    await until(lambda: has_taken_in(house, invoice_id, MANY + 1), what="the one that is new")
    assert sorted((await case_file(house, invoice_id)).taken_in) == sorted((*taken_in, f"look:{MANY}"))


async def test_a_run_with_an_open_case_does_not_continue_as_new_before_the_case_is_decided(house: House) -> None:
    [invoice_id] = await house.open_invoices("C-1")
    async with house.database.writing() as connection:
        await agents.save(connection, an_agent("anna", role="manager", time_zone="UTC"))
        taken = await intake.take_reply(
            connection,
            reply=a_reply(Intent.PERSON_REQUEST, invoice_ids=(invoice_id,), received_at=now()),
            hold_until=now() + timedelta(days=2),
            owner="anna",
            by="mail",
            at=now(),
        )
    await house.tell(taken)

    async def the_case() -> Case | None:
        async with house.database.reading() as connection:
            found = await cases.cases_of_invoice(connection, invoice_id, is_open=True)
        return next((case for case in found if case.assigned_to is not None), None)

    case = await until(the_case, seconds=40, what="a case with somebody")
    first = await run_id_of(house, invoice_id)
    before = len((await case_file(house, invoice_id)).taken_in)
    await tell_many(house, invoice_id, range(MANY))
    await until(lambda: has_taken_in(house, invoice_id, before + MANY), seconds=60, what="all news to be taken in")
    assert await run_id_of(house, invoice_id) == first
    await house.client.get_workflow_handle_for(EscalationWorkflow.run, case.workflow_id).execute_update(
        EscalationWorkflow.decide,
        DecisionRequest(case_id=case.case_id, decision_id="D-1", agent_id="anna", decision=Resume()),
    )

    async def has_continued() -> bool:
        return await run_id_of(house, invoice_id) != first

    await until(has_continued, seconds=40, what="the run to continue as new")
    taken_in = (await case_file(house, invoice_id)).taken_in
    assert {f"look:{number}" for number in range(MANY)} <= set(taken_in)
    assert len(taken_in) == len(set(taken_in))
    assert await the_case() is None
