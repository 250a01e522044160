"""An account as policy sees it: everything open of one customer, and no more."""

import asyncio
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection

from receivables.account import Account, PaymentHistory
from receivables.escalations import CaseState
from receivables.invoice import Invoice, Stage
from receivables.ledger import EntryKind
from receivables.messages import MessageState
from receivables.money import Money
from receivables.steps import Close, Reason
from store import cases, customers, disputes, feeds, holds, invoices, messages, people_contacts, promises
from store.accounts import read_account
from store.customers import UnknownCustomer
from store.database import Database
from store.invoices import UnknownInvoice
from tests.builders import a_case, a_customer, a_dispute, a_feed, a_hold, a_message, a_promise, an_invoice, an_item, eur
from tests.store.booked import NOW, give_up, open_account, pay, undo
from tests.store.known import a_letter

DAY = timedelta(days=1)


async def account_of(database: Database, customer_id: str = "C-1", **asked: Any) -> Account:
    async with database.reading() as connection:
        return await read_account(connection, customer_id=customer_id, as_of=NOW, **asked)


def ids(account: Account) -> list[str]:
    return [standing.invoice.invoice_id for standing in account.standings]


async def close_run(connection: AsyncConnection, invoice_id: str, stage: Stage = Stage.SETTLED) -> None:
    step = Close(stage=Stage.SETTLED, reason=Reason(rule="settled", words="nothing is owed"))
    await invoices.record_turn(connection, invoice_id=invoice_id, stage=stage, segment="", step=step, at=NOW)


async def send(connection: AsyncConnection, *told: Invoice, days_ago: int = 1, **changes: Any) -> str:
    items = [an_item(invoice, **changes.pop("item", {})) for invoice in told]
    message = a_message(*items, at=NOW - days_ago * DAY, state=MessageState.RESERVED, **changes)
    await messages.reserve(connection, message, a_letter(message.key))
    return message.key


async def test_a_new_customer_has_an_empty_account(database: Database):
    async with database.writing() as connection:
        await customers.save_customer(connection, a_customer(), at=NOW)
    assert await account_of(database) == Account(customer=a_customer(), standings=())


async def test_who_is_not_there_has_no_account(database: Database):
    await open_account(database, an_invoice(), an_invoice(invoice_id="INV-2", customer_id="C-2"))
    with pytest.raises(UnknownCustomer):
        await account_of(database, "C-404")
    for not_theirs in ("INV-404", "INV-2"):
        with pytest.raises(UnknownInvoice):
            await account_of(database, invoice_id=not_theirs)


async def test_an_invoice_stands_with_what_is_open_and_what_was_received(database: Database):
    """Scenario 25: 50 of 100 paid, the reminder asks for 50.00 and says what was received."""
    await open_account(database)
    async with database.writing() as connection:
        await pay(connection, "20.00", "INV-1", booked_on=date(2024, 3, 10))
        await pay(connection, "20.00", "INV-1", document_id="P-2", booked_on=date(2024, 3, 12))
        await pay(connection, "10.00", "INV-1", document_id="CN-1", kind=EntryKind.CREDIT_NOTE)
        await give_up(connection, amount=eur("7.00"))
    (standing,) = (await account_of(database)).standings
    assert (standing.open_balance, standing.received) == (eur("43.00"), eur("50.00"))
    assert standing.last_payment_on == date(2024, 3, 12)


async def test_money_that_went_back_was_not_received(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        await pay(connection, "100.00", "INV-1")
        await undo(connection, EntryKind.REFUND)
    (standing,) = (await account_of(database)).standings
    assert (standing.open_balance, standing.received, standing.invoice.cycle) == (eur("100.00"), eur("0.00"), 2)


async def test_final_invoices_are_left_out_but_for_the_one_asked_for(database: Database):
    await open_account(database, *(an_invoice(invoice_id=f"INV-{number}") for number in range(1, 7)))
    async with database.writing() as connection:
        for invoice_id in ("INV-2", "INV-3"):
            await pay(connection, "100.00", invoice_id, document_id=f"P-{invoice_id}")
        await pay(connection, "99.50", "INV-4", document_id="P-4", tolerance={"EUR": "1.00"})
        await invoices.withdraw(connection, "INV-5", at=NOW)
        for invoice_id in ("INV-3", "INV-4", "INV-5"):
            await close_run(connection, invoice_id)
        await close_run(connection, "INV-6", Stage.CLOSED)
    # INV-2: settled, and its run has not closed it yet. INV-6: owed, though its run was closed.
    assert ids(await account_of(database)) == ["INV-1", "INV-2", "INV-6"]
    assert ids(await account_of(database, invoice_id="INV-3")) == ["INV-1", "INV-2", "INV-3", "INV-6"]


async def test_a_settled_invoice_whose_money_went_back_is_there_again(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        await pay(connection, "100.00", "INV-1")
        await close_run(connection, "INV-1")
        assert ids(await read_account(connection, customer_id="C-1", as_of=NOW)) == []
        await undo(connection, EntryKind.CHARGEBACK)
    assert ids(await account_of(database)) == ["INV-1"]


async def test_disputes_and_promises_stand_on_their_invoice(database: Database):
    await open_account(database, an_invoice(), an_invoice(invoice_id="INV-2"))
    dispute, promise = a_dispute(disputed_amount=eur("40.00"), words="broken"), a_promise(invoice_id="INV-2")
    async with database.writing() as connection:
        await disputes.add(connection, dispute)
        await promises.add(connection, promise)
    first, second = (await account_of(database)).standings
    assert (first.disputes, first.promises) == ((dispute,), ())
    assert (second.disputes, second.promises) == ((), (promise,))


async def test_unapplied_money_is_summed_by_currency(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        await pay(connection, "130.00", "INV-1")
        await pay(connection, "5.00", document_id="P-2")
        await pay(connection, Money.of("700", "JPY"), document_id="P-3")
        await pay(connection, "9.00", document_id="P-4", customer_id="C-2")
        await undo(connection, EntryKind.REFUND, amount=eur("10.00"))
    assert (await account_of(database)).unapplied == (eur("25.00"), Money.of("700", "JPY"))


async def test_a_message_is_there_with_all_its_items_and_as_a_step_of_each_invoice(database: Database):
    told = (an_invoice(), an_invoice(invoice_id="INV-2"))
    await open_account(database, *told)
    async with database.writing() as connection:
        key = await send(connection, *told)
        await messages.settle(connection, key=key, state=MessageState.SENT, at=NOW, outcome="")
        expected = await messages.find(connection, key)
    account = await account_of(database)
    assert account.messages == (expected,)
    assert [[step.message.key for step in standing.steps_taken] for standing in account.standings] == [[key], [key]]
    assert [standing.steps_taken[0].item.invoice_id for standing in account.standings] == ["INV-1", "INV-2"]


async def test_old_messages_count_as_steps_and_not_against_the_budget(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        for level, days_ago, state in (
            (1, 90, MessageState.SENT), (2, 70, MessageState.IN_DOUBT), (3, 61, MessageState.DEFERRED),
            (4, 60, MessageState.SENT), (5, 2, MessageState.FAILED),
        ):  # fmt: skip
            key = await send(connection, an_invoice(), days_ago=days_ago, item={"level": level})
            await messages.settle(connection, key=key, state=state, at=NOW, outcome="")
    account = await account_of(database)
    (standing,) = account.standings
    assert [step.item.level for step in standing.steps_taken] == [1, 2, 3, 4, 5]
    assert [message.items[0].level for message in account.messages] == [2, 3, 4, 5]


async def test_steps_of_earlier_cycles_are_there(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        await send(connection, an_invoice(), days_ago=80)
        await pay(connection, "100.00", "INV-1")
        await undo(connection, EntryKind.REFUND)
    (standing,) = (await account_of(database)).standings
    assert [step.item.cycle for step in standing.steps_taken] == [1]
    assert standing.steps_of_this_cycle() == ()


async def test_a_message_of_an_invoice_that_is_no_longer_open_still_counts_against_the_budget(database: Database):
    await open_account(database)
    async with database.writing() as connection:
        key = await send(connection, an_invoice())
        await pay(connection, "100.00", "INV-1")
        await close_run(connection, "INV-1")
    account = await account_of(database)
    assert ids(account) == []
    assert [message.key for message in account.messages] == [key]
    assert [item.invoice_id for item in account.messages[0].items] == ["INV-1"]


async def test_contacts_holds_and_cases_of_the_customer_are_there(database: Database):
    await open_account(database, an_invoice(), an_invoice(invoice_id="INV-2", customer_id="C-2"))
    wanted = a_case(state=CaseState.WANTED)
    async with database.writing() as connection:
        for contact_id, customer_id, days_ago in (("1", "C-1", 2), ("2", "C-1", 61), ("3", "C-2", 2)):
            await people_contacts.record_contact(
                connection, contact_id=contact_id, customer_id=customer_id, at=NOW - days_ago * DAY, agent_id="agent-1"
            )
        await holds.place(connection, a_hold())
        await holds.place(connection, a_hold(hold_id="H-2"))
        await holds.release(connection, hold_id="H-2", at=NOW, because="read")
        await holds.place(connection, a_hold(hold_id="H-3", customer_id="C-2"))
        await cases.want_case(connection, wanted)
        for number, days_ago in ((2, 399), (3, 401)):
            ended = a_case(state=CaseState.WANTED, case_id=f"case-{number}", matter=f"matter {number}")
            await cases.want_case(connection, ended)
            await cases.settle_case(connection, case_id=ended.case_id, at=NOW - days_ago * DAY, outcome="paid")
        await cases.want_case(
            connection,
            a_case(state=CaseState.WANTED, case_id="case-4", customer_id="C-2", invoice_ids=("INV-2",), matter="x"),
        )
    account = await account_of(database)
    assert account.contacts_by_people == (NOW - 2 * DAY,)
    assert account.holds == (a_hold(),)
    assert {case.case_id: case.state for case in account.cases} == {
        "case-1": CaseState.WANTED, "case-2": CaseState.SETTLED,
    }  # fmt: skip
    assert next(case for case in account.cases if case.case_id == "case-1") == wanted


async def test_the_history_is_of_all_that_was_ever_billed(database: Database):
    await open_account(
        database,
        an_invoice(invoice_id="INV-1", issued_on=date(2022, 1, 1), due_on=date(2022, 2, 1)),
        an_invoice(invoice_id="INV-2", issued_on=date(2023, 3, 21), due_on=date(2024, 3, 20)),
        an_invoice(invoice_id="INV-3", issued_on=date(2023, 3, 22), due_on=date(2024, 3, 19)),
        an_invoice(invoice_id="INV-4", amount="7", currency="JPY"),
        an_invoice(invoice_id="INV-5", draft=True, issued_on=date(2021, 1, 1)),
        an_invoice(invoice_id="INV-6", customer_id="C-2"),
    )
    async with database.writing() as connection:
        for invoice_id in ("INV-2", "INV-3"):  # paid on 20 March: on its due day, and a day late
            await pay(connection, "100.00", invoice_id, document_id=invoice_id)
        await give_up(connection, "INV-1")  # neither settled nor late
        await customers.note_trouble(connection, customer_id="C-1", on=date(2024, 3, 1), words="complaint")
    assert (await account_of(database)).history == PaymentHistory(
        first_issued_on=date(2022, 1, 1),
        invoiced_last_year=(eur("100.00"), Money.of("7", "JPY")),  # issued in the 365 days up to NOW
        settled_count=2,
        settled_late_count=1,
        last_trouble_on=date(2024, 3, 1),
        last_trouble="complaint",
    )


async def test_the_stalest_feed_is_there(database: Database):
    await open_account(database)
    stale = a_feed(feed_id="cards", complete_until_at=NOW - DAY)
    async with database.writing() as connection:
        await feeds.report_feed(connection, a_feed(complete_until_at=NOW))
        await feeds.report_feed(connection, stale)
    assert (await account_of(database)).feed == stale


@pytest.mark.parametrize("lock", [True, False])
async def test_an_account_takes_few_queries_however_much_is_on_it(database: Database, lock: bool):
    await open_account(database, *(an_invoice(invoice_id=f"INV-{number}") for number in range(30)))
    statements: list[str] = []
    event.listen(
        database.engine.sync_engine,
        "before_cursor_execute",
        lambda _connection, _cursor, statement, *_: statements.append(statement),
    )
    async with database.writing() as connection:
        await read_account(connection, customer_id="C-1", invoice_id="INV-1", as_of=NOW, lock=lock)
    assert len([statement for statement in statements if statement.startswith("SELECT")]) <= 12


async def test_a_locked_account_shows_what_the_one_before_booked(database: Database):
    """Promise 5, judge again before acting: of two at once, the second sees what the first has done."""
    await open_account(database)

    async def pay_what_is_open(number: int) -> int:
        async with database.writing() as connection:
            account = await read_account(connection, customer_id="C-1", as_of=NOW, lock=True)
            if account.standing("INV-1").open_balance.minor == 0:
                return 0
            await pay(connection, "100.00", "INV-1", document_id=f"P-{number}")
            return 1

    assert sum(await asyncio.gather(*(pay_what_is_open(number) for number in range(10)))) == 1
