"""The way out of the house is closed for a week: nothing is lost, nothing comes in a burst."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

from receivables.messages import MessageState
from store import messages
from tests.builders import a_customer, a_ladder, a_policy, always_open, an_invoice, some_contact_rules
from tests.diary import FIRST_DAY, Diary
from tests.diary_fixtures import OpenDiary


def the_mail_server_goes_away(the: Diary) -> None:
    the.outbox.write_text("a file where the folder should be: every letter surely does not leave")


def the_mail_server_is_back(the: Diary) -> None:
    the.outbox.unlink()


async def hours_pass(the: Diary, until: date) -> None:
    """A few at a time: each quarter of an hour that is tried in vain keeps the server busy."""
    end = datetime.combine(until, time(20), UTC)
    await the.until(FIRST_DAY + timedelta(days=4))
    while await the.now() < end:
        await the.until(min(end, await the.now() + timedelta(hours=6)))


async def lived_without_mail(the: Diary, *, back_on_day: int, invoices: int = 1) -> None:
    for number in range(1, invoices + 1):
        await the.opens(
            customer=a_customer(time_zone="UTC"),
            invoice=an_invoice(invoice_id=f"INV-{number}", issued_on=FIRST_DAY - timedelta(days=30), due_on=FIRST_DAY),
        )
    the_mail_server_goes_away(the)
    await hours_pass(the, FIRST_DAY + timedelta(days=back_on_day))
    assert await the.mailbox() == []
    assert "channel_away" not in await the.words()
    async with the.database.reading() as connection:
        waiting = await messages.list_messages(connection)
    assert {message.state for message in waiting} == {MessageState.DEFERRED}
    assert {item.step for message in waiting for item in message.items} == {"level-1"}
    the_mail_server_is_back(the)


async def test_scenario_3_down_from_day_0_to_8_one_message_at_the_right_level_comes_on_recovery_and_none_is_lost(
    diary: OpenDiary,
) -> None:
    the = await diary(a_policy(ladder=a_ladder(5, 7, 11), contact=some_contact_rules(hours=always_open())))
    await lived_without_mail(the, back_on_day=8)
    await the.day(10)
    # level 1 never reached the customer: it comes first, alone
    assert await the.mailbox() == [(8, "level-1")]
    await the.day(30)
    assert [step for _, step in await the.mailbox()] == ["level-1", "level-2", "level-3"]
    days = [day for day, _ in await the.mailbox()]
    assert all(later - earlier > 2 for earlier, later in pairwise(days))
    await the.replays()


async def test_scenario_3_three_invoices_of_one_customer_make_one_message_on_recovery(diary: OpenDiary) -> None:
    the = await diary(a_policy(ladder=a_ladder(5, 7, 11), contact=some_contact_rules(hours=always_open())))
    await lived_without_mail(the, back_on_day=5, invoices=3)
    await the.day(6)
    [reminder] = await the.received()
    assert reminder.invoice_ids == ("INV-1", "INV-2", "INV-3")
    await the.replays("INV-1", "INV-2", "INV-3")


async def test_promise_5_paid_while_the_mail_server_was_away_no_reminder_comes_on_recovery(diary: OpenDiary) -> None:
    the = await diary(
        a_policy(ladder=a_ladder(5, 7, 11), contact=some_contact_rules(hours=always_open()), receipts=False)
    )
    await the.opens(
        customer=a_customer(time_zone="UTC"),
        invoice=an_invoice(issued_on=FIRST_DAY - timedelta(days=30), due_on=FIRST_DAY),
    )
    the_mail_server_goes_away(the)
    await hours_pass(the, FIRST_DAY + timedelta(days=5))
    await the.pays("INV-1", "100.00")
    the_mail_server_is_back(the)
    await the.day(12)
    assert await the.mailbox() == []
    assert "nothing is owed" in await the.words()
    await the.replays()
