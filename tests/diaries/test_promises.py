"""What Baton promises, lived through. The promises are numbered in the README."""

import re
from datetime import UTC, datetime, time, timedelta

import pytest

from receivables.collection_policy import FreshMoney
from receivables.escalations import HoldUntil, Trigger
from receivables.messages import MessageState
from receivables.replies import Intent
from store import holds, intake, messages, timeline
from tests.builders import a_customer, a_ladder, a_notice, a_policy, a_reply
from tests.diary import FIRST_DAY, Diary
from tests.diary_fixtures import OpenDiary


def on(day: int, hour: int, minute: int = 0, second: int = 0) -> datetime:
    return datetime.combine(FIRST_DAY + timedelta(days=day), time(hour, minute, second), UTC)


async def holds_of(the: Diary, customer_id: str = "C-1") -> list:
    async with the.database.reading() as connection:
        return await holds.holds_of(connection, customer_id=customer_id)


# 3. A reply freezes first, is read second.


async def test_promise_3_a_reply_that_nobody_has_read_yet_freezes_every_invoice_of_its_customer(
    diary: OpenDiary,
) -> None:
    the = await diary()
    await the.owes(1)
    await the.owes(2)
    await the.owes(3, customer_id="C-2")
    await the.day(3)
    # stored, and its teller dies: no workflow knows of it
    reply = a_reply(Intent.ACKNOWLEDGEMENT, received_at=on(3, 20))
    await the.stores(intake.take_reply, reply=reply, hold_until=on(5, 20), owner="anna", by="mail")
    await the.until(on(4, 12))
    assert await the.mailbox() == []
    assert len(await the.mailbox("C-2")) == 1, "others are not held"
    # the reconciler tells; it is read, asks for nothing, and the freeze ends
    await the.day(7)
    assert [step for _, step in await the.mailbox()] == ["level-1"]
    [freeze] = await holds_of(the)
    assert freeze.released_at is not None
    await the.replays("INV-1")


async def test_scenario_37_a_reply_one_second_before_a_due_reminder_stops_it(diary: OpenDiary) -> None:
    the = await diary()
    await the.owes()
    await the.until(on(4, 7, 59, 59))
    await the.writes(Intent.PERSON_REQUEST)
    await the.day(4)
    assert await the.mailbox() == []
    assert await the.case_of() is not None


# 4. Only money or a person moves the ladder.


@pytest.mark.parametrize("from_a_machine", [Intent.AUTO_REPLY, Intent.BOUNCE])
async def test_promise_4_neither_an_absence_nor_a_bounce_moves_the_ladder(
    diary: OpenDiary, from_a_machine: Intent
) -> None:
    the = await diary(a_policy(ladder=a_ladder(5, 12, 25), escalations=()))
    await the.owes()
    await the.day(4)
    await the.writes(from_a_machine)
    await the.day(6)
    assert await the.mailbox() == [(4, "level-1")], "no level was used up or skipped"
    await the.changes(a_customer(email="new@acme.example"))
    await the.day(14)
    assert [step for _, step in await the.mailbox()] == ["level-1", "level-2"]


async def test_scenario_43_a_message_opened_and_a_link_clicked_leave_no_trace_that_could_move_anything(
    diary: OpenDiary,
) -> None:
    """There is no pixel to load, and every link is one of the policy's own, the same in every message."""
    the = await diary(a_policy(ladder=a_ladder(5, 9, 25)))
    await the.owes()
    await the.day(9)
    first, second = await the.received()
    links = []
    for message in (first, second):
        body = message.mail.get_body(("html",))
        assert body is not None
        page = body.get_content()
        assert not re.search(r"<(img|iframe|script|link|object)\b", page, re.IGNORECASE)
        assert "url(" not in page
        links.append({link for link in re.findall(r'href="([^"]+)"', page) if link.startswith("http")})
    assert links[0] == links[1]
    assert all(link.startswith("https://pay.example.com") for link in links[0])


# 6. Fresh money only.


async def test_promise_6_on_stale_money_nobody_is_chased_one_alert_says_so_and_then_one_message_comes(
    diary: OpenDiary,
) -> None:
    the = await diary(a_policy(fresh_money=FreshMoney(older_than_hours=72)), feed_days=1)
    for number in (1, 2, 3):
        await the.owes(number, due=0)
    await the.owes(4, due=0, customer_id="C-2")
    await the.day(8)
    assert await the.mailbox() == await the.mailbox("C-2") == []
    async with the.database.reading() as connection:
        lines = await timeline.lines_of(connection, customer_id="", limit=100)
    assert [line.kind for line in lines] == ["alert"]
    assert "level-1 held back: the payment feed" in await the.words()
    await the.feed_tells(on(40, 0))
    await the.day(9)
    [message] = await the.received()
    assert (message.step, len(message.invoice_ids)) == ("level-1", 3)
    await the.day(10)
    assert len(await the.received()) == 1, "one message, not a burst"
    await the.replays("INV-1")


# 8. Personal-only means none.


async def test_promise_8_the_deadline_and_the_brief_of_a_personal_only_customer_go_on(diary: OpenDiary) -> None:
    the = await diary(a_policy(ladder=a_ladder(5, notices=(a_notice(days=-3),))))
    await the.owes(due=4, personal_only=True, owner="anna")
    await the.day(5)
    first = await the.case_of()
    assert first is not None
    assert (first.trigger, first.assigned_to) == (Trigger.PERSONAL_ONLY, "anna")
    await the.day(9)
    later = await the.case_of()
    assert later is not None
    assert later.assigned_to == "mia", "its deadlines go on to the backup and the manager"
    assert await the.mailbox() == []


# 9. Every hold has a reason, an owner and an end.


async def test_promise_9_every_hold_that_comes_about_has_a_reason_an_owner_and_an_end_and_the_latest_end_counts(
    diary: OpenDiary,
) -> None:
    the = await diary()
    await the.owes()
    await the.pauses(until=on(9, 0))
    await the.writes(Intent.PAYMENT_CLAIMED)
    await the.writes(Intent.AUTO_REPLY, back_on=(FIRST_DAY + timedelta(days=3)))
    await the.writes(Intent.PERSON_REQUEST)
    case = await the.case_of()
    assert case is not None
    await the.decides(case, HoldUntil(until_on=FIRST_DAY + timedelta(days=15), reason="on holiday"))
    placed = await holds_of(the)
    assert len(placed) >= 4
    for hold in placed:
        assert hold.owner, hold
        assert hold.words, hold
        assert hold.from_at < hold.until_at <= on(61, 0), hold
    await the.day(14)
    assert await the.mailbox() == []
    await the.day(15)
    assert await the.mailbox() == [(15, "level-1")]
    await the.replays()


# 10. Everything has a why.


async def test_promise_10_at_every_turn_the_run_says_its_rule_its_facts_and_its_time_in_words(
    diary: OpenDiary,
) -> None:
    the = await diary()
    await the.owes()
    seen = [await the.why()]
    await the.day(5)
    seen.append(await the.why())
    await the.pauses(until=on(12, 0))
    seen.append(await the.why())
    await the.day(13)
    await the.writes(Intent.DISPUTE)
    seen.append(await the.why())
    await the.pays("INV-1", "100.00")
    seen.append(await the.why())
    assert [reason.rule for reason in seen] == ["standard.level_1", "standard.level_2", "hold", "with_agent", "receipt"]
    assert all(reason.words and reason.facts for reason in seen)
    assert "5 days after the due day" in seen[0].words
    # what was held back, and why, stands on the timeline for good
    assert re.search(r"level-2 held back: on hold until .* \(backend: an audit; owner erp\)", await the.words())


# 14. Policy is data.


async def test_promise_14_another_ladder_breaks_no_running_invoice_repeats_no_level_and_skips_none(
    diary: OpenDiary,
) -> None:
    the = await diary(a_policy(ladder=a_ladder(1, 4, 8), receipts=False))
    await the.owes(due=0)
    await the.day(2)
    await the.policy_becomes(a_policy(ladder=a_ladder(1, 2, 3, 7, 11), receipts=False))
    await the.day(5)
    await the.policy_becomes(a_policy(ladder=a_ladder(30, 40), receipts=False))  # fewer levels, and later
    await the.day(9)
    await the.policy_becomes(a_policy(ladder=a_ladder(2, 5, 9, 14), receipts=False))
    await the.day(20)
    assert [step for _, step in await the.mailbox()] == ["level-1", "level-2", "level-3", "level-4"]
    await the.pays("INV-1", "100.00")
    await the.replays()
    async with the.database.reading() as connection:
        sent = await messages.list_messages(connection, customer_id="C-1", limit=100)
    assert {message.state for message in sent} == {MessageState.SENT}
