"""Promise 2: what was answered with 2xx is stored, and reaches its workflow once, whatever is killed meanwhile."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from receivables.access import Role
from receivables.case_file import CaseFile
from receivables.ledger import Allocation, EntryKind
from receivables.money import Money
from store import intake, invoices, keys, ledger, tables
from tests.builders import a_customer, a_ladder, a_policy, an_invoice, eur
from tests.crashes.bank import Bank
from tests.crashes.house import House, a_house, now, today
from tests.waiting import until
from worker import ensure_schedules
from workflows import names
from workflows.invoice import InvoiceWorkflow

pytestmark = pytest.mark.dev_server

INVOICES = 6
SOME_TIME = 60


@pytest.fixture
async def house(tmp_path: Path, sqlite_url: str) -> AsyncIterator[House]:
    # Nothing is due for a year: these runs only listen.
    policy = a_policy(ladder=a_ladder(365), escalations=(), receipts=False)
    async with a_house(tmp_path, sqlite_url, policy=policy) as opened:
        yield opened


async def a_service_key(house: House) -> str:
    async with house.database.writing() as connection:
        _, secret = await keys.make_key(connection, role=Role.SERVICE, name="bank feed", at=now())
    return secret


async def case_file(house: House, invoice_id: str) -> CaseFile:
    return await house.run_of(invoice_id).query(InvoiceWorkflow.case_file)


async def test_promise_2_what_was_answered_with_2xx_survives_the_death_of_the_engine_the_api_and_the_worker(
    house: House,
) -> None:
    dice = random.Random(2)
    secret = await a_service_key(house)
    invoice_ids = await house.open_invoices("C-1", invoices=INVOICES)
    house.worker.start()
    house.api.start()
    banks = [Bank(house, secret, f"P{number}", invoice_ids, random.Random(number)) for number in range(3)]
    telling = [asyncio.create_task(bank.work()) for bank in banks]

    def answers() -> int:
        return sum(len(bank.answered) for bank in banks)

    async def some_more() -> None:
        wanted = answers() + dice.randint(3, 12)
        await until(lambda: answers() >= wanted, seconds=SOME_TIME, what="more answers")

    await some_more()
    for _ in range(2):
        await house.temporal.kill()
        await some_more()  # facts are still taken: stored now, told later
        await house.temporal.start()
        await some_more()
        house.api.kill()
        house.api.start()
        await some_more()
    house.worker.kill()
    await some_more()
    house.worker.start()
    await some_more()
    house.api.kill()  # in the middle of it, for the last time
    for bank in banks:
        bank.stop()
    await asyncio.gather(*telling)

    answered = {payment: invoice for bank in banks for payment, invoice in bank.answered.items()}
    perhaps = {payment: invoice for bank in banks for payment, invoice in bank.unanswered.items()}
    async with house.database.reading() as connection:
        booked = {
            entry.document_id: invoice_id
            for invoice_id in invoice_ids
            for entry in await ledger.entries_of(connection, invoice_id)
        }
        facts = tables.facts.c
        stored = set(
            (await connection.execute(select(facts.fact_id).where(facts.kind == EntryKind.PAYMENT.value))).scalars()
        )
    assert answered.items() <= booked.items(), "every payment that was answered is booked"
    assert booked.items() <= (answered | perhaps).items()
    assert stored == {f"payment:{payment}" for payment in booked}, "no fact is there without what follows from it"

    async def all_told() -> bool:
        await house.client.get_schedule_handle(names.RECONCILE_ID).trigger()
        return await house.untold() == 0

    await until(all_told, seconds=SOME_TIME, what="everybody to be told")
    for invoice_id in invoice_ids:
        its_payments = {f"payment:{payment}" for payment, invoice in booked.items() if invoice == invoice_id}

        async def has_taken_them_in(invoice_id: str = invoice_id, expected: set[str] = its_payments) -> bool:
            return expected <= set((await case_file(house, invoice_id)).taken_in)

        await until(has_taken_them_in, seconds=SOME_TIME, what=f"{invoice_id} to take in its payments")
        file = await case_file(house, invoice_id)
        assert len(file.taken_in) == len(set(file.taken_in))
        async with house.database.reading() as connection:
            record = await invoices.find_invoice(connection, invoice_id)
        assert record is not None
        expected = eur("100.00") - Money(minor=len(its_payments), currency="EUR")
        assert record.open_balance == expected
        assert file.open_balance == expected


async def test_promise_2_what_was_stored_and_never_told_is_told_by_the_schedule(house: House) -> None:
    a_while_ago = now() - timedelta(minutes=1)
    async with house.database.writing() as connection:
        await intake.open_invoice(
            connection,
            invoice=an_invoice(issued_on=today(), due_on=today(), opened_at=a_while_ago),
            customer=a_customer(),
            by="erp",
            at=a_while_ago,
        )
        await intake.take_money(
            connection,
            document_id="P-1",
            kind=EntryKind.PAYMENT,
            customer_id="C-1",
            amount=eur("40.00"),
            allocations=(Allocation(invoice_id="INV-1"),),
            booked_on=today(),
            by="bank",
            at=a_while_ago,
        )
    await ensure_schedules(house.client)
    await ensure_schedules(house.client)  # every worker that starts makes sure
    house.worker.start()

    async def told() -> bool:
        return await house.untold() == 0

    await until(told, seconds=SOME_TIME, what="the schedule's next run")

    async def taken_in() -> bool:
        return (await case_file(house, "INV-1")).taken_in == ("payment:P-1",)

    await until(taken_in, what="the run to take it in")
    assert (await case_file(house, "INV-1")).open_balance == eur("60.00")
