"""When customers are written to: the right day, the right hour, never too often, and a defined end."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from receivables.collection_policy import ContactRules, EscalationRule, LadderEnd, OldDebt
from receivables.escalations import Resume, Trigger
from receivables.invoice import Stage
from receivables.messages import MessageKind
from tests.builders import a_ladder, a_notice, a_policy, some_hours
from tests.diary import FIRST_DAY
from tests.diary_fixtures import OpenDiary


async def test_scenario_5_levels_at_15_30_and_40_days_send_nothing_on_day_3_and_the_first_on_day_15(
    diary: OpenDiary,
) -> None:
    the = await diary(a_policy(ladder=a_ladder(15, 30, 40)))
    await the.owes(due=0)
    await the.day(3)
    assert await the.mailbox() == []
    await the.day(14)
    assert await the.mailbox() == []
    await the.day(15)
    assert await the.mailbox() == [(15, "level-1")]
    await the.replays()


async def test_scenario_6_switching_on_over_an_old_ledger_floods_nobody_and_starts_each_at_the_first_level(
    diary: OpenDiary,
) -> None:
    the = await diary()
    await the.day(0)  # in the evening the ledger comes in; contact hours open again in the morning
    for number in range(1, 5):
        await the.owes(number, due=-365 - number, customer_id=f"C-{number % 2 + 1}")
    await the.day(1)
    for customer_id in ("C-1", "C-2"):
        [message] = await the.received(customer_id)
        assert (message.step, len(message.invoice_ids)) == ("level-1", 2)
    # the second level comes with the distance that the ladder has between the two, seven days
    await the.day(6)
    assert await the.mailbox() == [(1, "level-1")]
    await the.day(9)
    assert [step for _, step in await the.mailbox()] == ["level-1", "level-2"]
    await the.replays("INV-1", "INV-4")


async def test_scenario_6_old_debt_goes_to_a_person_where_the_policy_says_so(diary: OpenDiary) -> None:
    policy = a_policy(
        old_debt=OldDebt(from_days=60, start="person"), escalations=(EscalationRule(trigger=Trigger.OLD_DEBT),)
    )
    the = await diary(policy)
    await the.owes(due=-365)
    await the.day(1)
    case = await the.case_of()
    assert case is not None
    assert case.trigger is Trigger.OLD_DEBT
    assert await the.mailbox() == []


async def test_scenario_8_nobody_hears_before_nine_their_time_nor_on_a_holiday_and_once_each_over_the_clock_change(
    diary: OpenDiary,
) -> None:
    the = await diary(a_policy(ladder=a_ladder(1)))
    # Nouméa, eleven hours ahead: a Wednesday morning there is Tuesday evening in UTC
    await the.owes(1, due=1, customer_id="C-1", country="NC", time_zone="Pacific/Noumea")
    # Los Angeles: clocks go forward on Sunday 11 March, level 1 is due that very day
    await the.owes(2, due=5, customer_id="C-2", country="US", time_zone="America/Los_Angeles")
    # Berlin: due on Good Friday, then a weekend with the clock change, then Easter Monday
    await the.owes(3, due=17, customer_id="C-3")
    await the.day(23)
    expected = {
        "C-1": ("Pacific/Noumea", datetime(2035, 3, 6, 22, tzinfo=UTC)),
        "C-2": ("America/Los_Angeles", datetime(2035, 3, 12, 16, tzinfo=UTC)),
        "C-3": ("Europe/Berlin", datetime(2035, 3, 27, 7, tzinfo=UTC)),
    }
    for customer_id, (zone, at) in expected.items():
        [message] = await the.received(customer_id)
        local = message.at.astimezone(ZoneInfo(zone))
        assert (local.hour, local.minute) == (9, 0), customer_id
        assert message.at.replace(second=0, microsecond=0) == at
    await the.replays("INV-1", "INV-2", "INV-3")


async def test_scenario_9_fourteen_days_before_due_is_the_exact_day_over_a_months_end_and_in_another_zone(
    diary: OpenDiary,
) -> None:
    notice = a_notice(days=-14, counted_from="due_on", kind=MessageKind.DUE_SOON)
    the = await diary(a_policy(ladder=a_ladder(5, notices=(notice,))))
    due = (date(2035, 4, 4) - FIRST_DAY).days
    await the.owes(1, due=due)
    await the.owes(2, due=due, customer_id="C-2", country="NC", time_zone="Pacific/Noumea")
    await the.day(17)
    for customer_id, zone in (("C-1", "Europe/Berlin"), ("C-2", "Pacific/Noumea")):
        [message] = await the.received(customer_id)
        assert message.step == "due_soon"
        assert message.at.astimezone(ZoneInfo(zone)).date() == date(2035, 3, 21)


async def test_scenario_10_past_due_begins_on_the_day_after_the_due_day(diary: OpenDiary) -> None:
    the = await diary(a_policy(ladder=a_ladder(0, 9)))
    await the.owes(due=2)
    await the.day(2)
    assert await the.mailbox() == []
    assert (await the.case_file()).stage is Stage.NOT_DUE
    await the.day(3)
    assert await the.mailbox() == [(3, "level-1")]
    assert (await the.case_file()).stage is Stage.REMINDING


async def test_scenario_12_with_two_days_between_day_7_is_followed_by_day_10_and_then_the_end_told_once(
    diary: OpenDiary,
) -> None:
    every_day = some_hours(weekdays=("mon", "tue", "wed", "thu", "fri", "sat", "sun"), public_holidays="open")
    policy = a_policy(
        ladder=a_ladder(7, 8, least_working_days_between_levels=0, end=LadderEnd(after_days=1)),
        contact=ContactRules(hours=every_day, most=2, in_days=7, days_between=2),
    )
    the = await diary(policy)
    await the.owes(due=0, owner="anna")
    await the.day(9)
    assert await the.mailbox() == [(7, "level-1")]
    assert "contact budget" in (await the.case_file()).step.reason.words  # pyright: ignore[reportOptionalMemberAccess]
    await the.day(11)
    assert [step for _, step in await the.mailbox()] == ["level-1", "level-2"]
    case = await the.case_of()
    assert case is not None
    assert case.trigger is Trigger.ATTEMPTS_USED_UP
    await the.decides(case, Resume())
    await the.day(30)
    assert len(await the.mailbox()) == 2
    assert len(await the.all_cases()) == 1
    await the.replays()


async def test_scenario_14_the_ladder_ends_with_a_proposal_to_a_person_and_no_mail_follows_for_months(
    diary: OpenDiary,
) -> None:
    the = await diary(a_policy(ladder=a_ladder(1, end=LadderEnd(after_days=5, then="write_off_proposal"))))
    await the.owes(owner="anna")
    await the.day(7)
    case = await the.case_of()
    assert case is not None
    assert "a person decides whether to write it off" in case.words
    await the.decides(case, Resume())
    await the.day(95)
    assert [step for _, step in await the.mailbox()] == ["level-1"]
    assert "nothing automated follows" in (await the.next_step()).reason.words
    await the.replays()


async def test_scenario_15_a_long_weekend_does_not_burn_two_levels_before_anybody_could_answer(
    diary: OpenDiary,
) -> None:
    the = await diary(a_policy(ladder=a_ladder(1, 3, 25), contact=ContactRules(hours=some_hours(), days_between=0)))
    # level 1 on Thursday 22 March; Good Friday, the weekend and Easter Monday follow
    await the.owes(due=16)
    await the.day(21)
    assert await the.mailbox() == [(17, "level-1")]
    # Tuesday and Wednesday are the two working days to answer
    await the.day(25)
    assert await the.mailbox() == [(17, "level-1"), (23, "level-2")]
    await the.replays()


async def test_the_reconciler_is_not_needed_for_a_quiet_month(diary: OpenDiary) -> None:
    """A run wakes by its own alarm: in one long sleep nothing is lost."""
    the = await diary(a_policy(ladder=a_ladder(5, 12, 25)))
    await the.owes(due=0)
    await the.environment.sleep(timedelta(days=30))
    assert [step for _, step in await the.mailbox()] == ["level-1", "level-2", "level-3"]
