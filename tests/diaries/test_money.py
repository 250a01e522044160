"""Money moves while the chase goes on: paid, part paid, credited, given back."""

from datetime import timedelta

from receivables.invoice import Stage
from receivables.ledger import EntryKind
from tests.builders import a_customer, a_ladder, a_policy, an_invoice, eur
from tests.diary import FIRST_DAY, Diary
from tests.diary_fixtures import OpenDiary


async def one_day_late(the: Diary, number: int = 1, amount: str = "100.00", days_late: int = 1) -> None:
    await the.opens(
        customer=a_customer(),
        invoice=an_invoice(
            invoice_id=f"INV-{number}",
            amount=amount,
            issued_on=FIRST_DAY - timedelta(days=days_late + 30),
            due_on=FIRST_DAY - timedelta(days=days_late),
        ),
    )


async def test_scenario_25_half_paid_the_reminder_asks_for_the_other_half_and_says_what_came(diary: OpenDiary) -> None:
    the = await diary()
    await one_day_late(the)
    await the.pays("INV-1", "50.00")
    await the.day(5)
    [reminder] = await the.received()
    assert "50,00\xa0€" in reminder.text  # written as in the customer's country
    assert "100,00\xa0€" in reminder.text  # what was billed
    assert "received" in reminder.text
    await the.replays()


async def test_scenario_26_paid_before_the_reminder_left_nothing_is_sent_but_a_receipt(diary: OpenDiary) -> None:
    the = await diary()
    await one_day_late(the)
    await the.day(3)
    await the.pays("INV-1", "100.00")
    await the.day(20)
    assert [step for _, step in await the.mailbox()] == ["receipt"]
    assert (await the.case_file()).stage is Stage.SETTLED
    await the.replays()


async def test_scenario_27_a_credit_note_for_all_of_it_settles_the_invoice(diary: OpenDiary) -> None:
    the = await diary()
    await one_day_late(the)
    await the.pays("INV-1", "40.00", kind=EntryKind.CREDIT_NOTE, payment_id="CN-1")
    await the.day(5)
    [reminder] = await the.received()
    assert "60,00\xa0€" in reminder.text
    await the.pays("INV-1", "60.00", kind=EntryKind.CREDIT_NOTE, payment_id="CN-2")
    await the.day(8)
    assert (await the.case_file()).stage is Stage.SETTLED
    await the.replays()


async def test_scenario_23_a_chargeback_opens_it_again_with_its_old_age_and_its_reversal_settles_it(
    diary: OpenDiary,
) -> None:
    the = await diary(a_policy(receipts=False))
    await one_day_late(the)
    await the.day(1)
    await the.pays("INV-1", "100.00", payment_id="P-1")
    assert (await the.case_file()).stage is Stage.SETTLED
    # ten days later the bank takes the money back
    await the.day(10)
    await the.gives_back("P-1", kind=EntryKind.CHARGEBACK, document_id="CB-1")
    await the.day(11)
    file = await the.case_file()
    assert file.open_balance == eur("100.00")
    [(_, step)] = await the.mailbox()
    assert step == "level-1"
    [reminder] = await the.received()
    assert "4 March 2035" in reminder.text  # counted from the original due date
    await the.gives_back("P-1", kind=EntryKind.CHARGEBACK_REVERSED, document_id="CBR-1")
    await the.day(12)
    assert (await the.case_file()).stage is Stage.SETTLED
    await the.replays()


async def test_scenario_2_the_oldest_two_are_paid_and_the_ladder_counts_from_the_third(diary: OpenDiary) -> None:
    the = await diary(a_policy(ladder=a_ladder(5, 12, 25)))
    for number, due in ((1, 0), (2, 0), (3, 2)):
        await the.opens(
            customer=a_customer(),
            invoice=an_invoice(
                invoice_id=f"INV-{number}",
                issued_on=FIRST_DAY - timedelta(days=30),
                due_on=FIRST_DAY + timedelta(days=due),
            ),
        )
    await the.day(2)
    await the.pays("INV-1", "100.00", payment_id="P-1")
    await the.pays("INV-2", "100.00", payment_id="P-2")
    await the.day(15)
    # the third is 5 days late on day 7; nothing stood on day 5, when the paid ones would have been reminded of
    assert [(day, step) for day, step in await the.mailbox() if step != "receipt"] == [(7, "level-1"), (14, "level-2")]
    await the.replays("INV-1", "INV-2", "INV-3")


async def test_scenario_38_the_same_payment_twice_is_one_payment(diary: OpenDiary) -> None:
    the = await diary(a_policy(receipts=False))
    await one_day_late(the)
    await the.pays("INV-1", "30.00", payment_id="P-1")
    await the.pays("INV-1", "30.00", payment_id="P-1")
    await the.day(1)
    file = await the.case_file()
    assert file.open_balance == eur("70.00")
    assert [line.words for line in file.timeline] == ["payment P-1 of EUR 30.00"]


async def test_promise_7_fifty_invoices_due_the_same_day_make_one_message_with_one_total(diary: OpenDiary) -> None:
    the = await diary()
    for number in range(1, 51):
        await one_day_late(the, number, amount="10.00")
    await the.day(5)
    [message] = await the.received()
    assert len(message.invoice_ids) == 50
    assert "500,00\xa0€" in message.text
    await the.day(6)
    assert len(await the.received()) == 1
    assert (await the.case_file("INV-17")).stage is Stage.REMINDING
    await the.replays("INV-1", "INV-50")
