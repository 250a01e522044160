"""Which rung comes next and when: scenarios 1 to 3, 5 to 10, 15, 19 and 46, and that no level repeats or is skipped."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from policy.contact_windows import add_days
from policy.ladder import LadderEnded, Rung, next_rung
from policy.time_zones import local_date
from receivables.collection_policy import Count, LadderEnd, OldDebt, ReplyRules
from receivables.messages import MessageKind, MessageState
from receivables.promises import PromiseState
from tests.builders import (
    a_customer,
    a_ladder,
    a_level,
    a_notice,
    a_policy,
    a_promise,
    a_standing,
    a_step_taken,
    always_open,
    an_account,
    an_invoice,
    some_contact_rules,
    some_hours,
    some_rules,
    utc,
)
from tests.policy.chasing import Chasing

EVERY_DAY = some_contact_rules(
    hours=some_hours(weekdays=("mon", "tue", "wed", "thu", "fri", "sat", "sun"), public_holidays="open"),
    most=31,
    in_days=31,
    days_between=0,
)
"""Nothing is ever closed, and the budget is wide: what is left is the ladder alone."""


def rung_of(standing=None, *, ladder=None, policy=None, customer=None, as_of=None):
    ladder = ladder or a_ladder()
    standing = standing or a_standing()
    return next_rung(
        standing=standing,
        ladder=ladder,
        account=an_account(standing, customer=customer or a_customer()),
        policy=policy or a_policy(ladder=ladder),
        as_of=as_of or utc(2024, 3, 1, 12),
    )


def local_day(rung):
    return local_date(customer=a_customer(), policy=a_policy(), as_of=rung.at)


def chase(*standings, ladder, until, now=None, **policy):
    policy = {"contact": EVERY_DAY, "escalations": ()} | policy
    now = now or utc(2024, 3, 1, 12)
    return Chasing(an_account(*standings), some_rules(a_policy(ladder=ladder, **policy)), now).run(until=until)


# When a level is due.


def test_scenario_1_levels_at_30_40_and_50_days_come_each_on_its_day_and_nothing_before():
    ladder = a_ladder(30, 40, 50)
    due_on = date(2024, 3, 1)
    chasing = chase(ladder=ladder, until=utc(2024, 5, 31))
    assert chasing.sent_on() == [
        (due_on + timedelta(days=30), "level-1"),
        (due_on + timedelta(days=40), "level-2"),
        (due_on + timedelta(days=50), "level-3"),
    ]


def test_scenario_5_levels_at_15_30_and_40_days_send_nothing_on_day_3_and_the_first_on_day_15():
    chasing = chase(ladder=a_ladder(15, 30, 40), until=utc(2024, 3, 4, 12))
    assert chasing.sent == []
    assert chasing.run(until=utc(2024, 3, 16, 12)).sent_on() == [(date(2024, 3, 16), "level-1")]


def test_scenario_3_down_from_day_0_to_day_8_sends_one_message_on_recovery_and_loses_no_level():
    ladder = a_ladder(5, 7, 11, least_working_days_between_levels=2)
    chasing = chase(ladder=ladder, now=utc(2024, 3, 9, 12), until=utc(2024, 3, 9, 23))
    assert chasing.sent_on() == [(date(2024, 3, 9), "level-1")]
    assert chasing.run(until=utc(2024, 4, 1)).sent_on() == [
        (date(2024, 3, 9), "level-1"),
        (date(2024, 3, 11), "level-2"),
        (date(2024, 3, 13), "level-3"),
    ]


def test_scenario_4_exactly_ten_days_is_ten_days():
    standing = a_standing()
    ladder = a_ladder(10)
    policy = a_policy(ladder=ladder, contact=EVERY_DAY)
    rung = rung_of(standing, ladder=ladder, policy=policy)
    assert local_day(rung) == date(2024, 3, 11)
    assert rung.at == utc(2024, 3, 11, 8)


def test_scenario_10_due_on_1_march_is_past_due_on_2_march_and_not_on_the_due_day():
    ladder = a_ladder(0, 10)
    rung = rung_of(ladder=ladder, policy=a_policy(ladder=ladder, contact=EVERY_DAY))
    assert local_day(rung) == date(2024, 3, 2)


@pytest.mark.parametrize(("margin", "expected"), [(0, 2), (1, 3), (3, 5)])
def test_scenario_46_with_a_margin_no_level_comes_before_the_invoice_is_overdue_beyond_it(margin, expected):
    ladder = a_ladder(1, 10)
    policy = a_policy(ladder=ladder, contact=EVERY_DAY, overdue_margin_days=margin)
    assert local_day(rung_of(ladder=ladder, policy=policy)) == date(2024, 3, expected)


def test_a_level_that_falls_on_a_closed_day_waits_for_the_next_opening():
    rung = rung_of(ladder=a_ladder(28))  # Good Friday, 29 March 2024
    assert rung.at == utc(2024, 4, 2, 7)


def test_levels_may_be_counted_in_working_days():
    ladder = a_ladder(levels=(a_level(1, days=5, count=Count.WORKING),))
    assert local_day(rung_of(ladder=ladder)) == date(2024, 3, 8)


def test_a_level_may_be_counted_from_the_day_on_which_the_one_before_was_sent():
    ladder = a_ladder(levels=(a_level(1, days=5), a_level(2, days=10, counted_from="previous")))
    standing = a_standing(steps_taken=(a_step_taken(level=1, at=utc(2024, 3, 12, 9)),))
    assert local_day(rung_of(standing, ladder=ladder)) == date(2024, 3, 22)


def test_scenario_7_a_first_level_counted_from_the_previous_level_is_refused_with_its_place():
    with pytest.raises(ValidationError, match=r"levels\.0\.counted_from\s+.*level_1.*use counted_from: due_on"):
        a_ladder(levels=(a_level(1, days=5, counted_from="previous"),))


@pytest.mark.parametrize(
    ("least", "expected"),
    [
        (0, 29),  # the day after at the earliest, never the same day (Good Friday is open here)
        (1, 29),
        (2, 30),
    ],
)
def test_two_levels_have_so_many_working_days_between_them_and_never_share_a_day(least, expected):
    ladder = a_ladder(26, 27, least_working_days_between_levels=least)
    standing = a_standing(steps_taken=(a_step_taken(level=1, at=utc(2024, 3, 28, 9)),))
    rung = rung_of(standing, ladder=ladder, policy=a_policy(ladder=ladder, contact=EVERY_DAY))
    assert local_day(rung) == date(2024, 3, expected)


def test_scenario_15_a_ladder_of_calendar_days_does_not_burn_two_levels_over_a_long_weekend():
    # Level 1 goes out on Thursday before Easter; level 2, "one day later", waits for two working days.
    chasing = chase(ladder=a_ladder(27, 28), contact=some_contact_rules(days_between=0), until=utc(2024, 4, 30))
    assert chasing.sent_on() == [(date(2024, 3, 28), "level-1"), (date(2024, 4, 3), "level-2")]


# Which level.


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (MessageState.RESERVED, "level-2"),
        (MessageState.SENT, "level-2"),
        (MessageState.IN_DOUBT, "level-2"),
        (MessageState.DEFERRED, "level-1"),
        (MessageState.FAILED, "level-1"),
        (MessageState.DROPPED, "level-1"),
    ],
)
def test_only_a_message_that_has_or_may_have_arrived_uses_its_level(state, expected):
    standing = a_standing(steps_taken=(a_step_taken(level=1, at=utc(2024, 3, 6, 9), state=state),))
    assert rung_of(standing).step == expected


def test_a_reopened_invoice_starts_its_ladder_again_and_its_age_counts_from_the_original_due_date():
    invoice = an_invoice(cycle=2)
    taken = tuple(a_step_taken(invoice, level=n, at=utc(2024, 3, n, 9), cycle=1) for n in (1, 2, 3))
    rung = rung_of(a_standing(invoice, steps_taken=taken), as_of=utc(2024, 5, 2))
    assert rung.step == "level-1"
    assert local_day(rung) == date(2024, 3, 6)  # long due


def test_scenario_19_more_levels_after_a_change_of_rules_the_next_one_up_is_sent_and_none_again():
    standing = a_standing(steps_taken=(a_step_taken(level=2, at=utc(2024, 3, 13, 9)),))
    assert rung_of(standing, ladder=a_ladder(3, 6, 9, 12)).step == "level-3"


def test_scenario_19_fewer_levels_after_a_change_of_rules_ends_the_ladder():
    standing = a_standing(steps_taken=(a_step_taken(level=3, at=utc(2024, 3, 26, 9)),))
    ended = rung_of(standing, ladder=a_ladder(5, 12))
    assert isinstance(ended, LadderEnded)
    assert local_day(ended) == date(2024, 4, 2)


def test_scenario_14_the_ladder_ends_in_the_way_that_the_policy_names_so_many_days_after_the_last_level():
    ladder = a_ladder(5, end=LadderEnd(after_days=3, count=Count.WORKING, then="agency_proposal"))
    standing = a_standing(steps_taken=(a_step_taken(level=1, at=utc(2024, 3, 7, 9)),))
    ended = rung_of(standing, ladder=ladder)
    assert isinstance(ended, LadderEnded)
    assert (ended.then, local_day(ended)) == ("agency_proposal", date(2024, 3, 12))


# Old debt and late comers.


def test_an_invoice_opened_late_gets_its_first_level_at_the_next_opening_and_not_before():
    standing = a_standing(an_invoice(opened_at=utc(2024, 3, 15, 20)))  # Friday evening
    assert rung_of(standing).at == utc(2024, 3, 18, 8)


def test_scenario_6_a_year_old_invoice_starts_at_the_first_level_and_keeps_the_distances_of_the_ladder():
    invoice = an_invoice(issued_on=date(2023, 1, 1), due_on=date(2023, 2, 1), opened_at=utc(2024, 3, 4, 6))
    chasing = chase(
        a_standing(invoice),
        ladder=a_ladder(5, 12, 25),
        now=utc(2024, 3, 4, 6),
        until=utc(2024, 5, 1),
        old_debt=OldDebt(from_days=60),
    )
    assert chasing.sent_on() == [
        (date(2024, 3, 4), "level-1"),
        (date(2024, 3, 11), "level-2"),
        (date(2024, 3, 24), "level-3"),
    ]


@pytest.mark.parametrize(("days_late", "level_2_on"), [(59, date(2024, 3, 6)), (60, date(2024, 3, 11))])
def test_scenario_6_debt_is_old_from_exactly_so_many_days_past_due_on_the_day_it_entered(days_late, level_2_on):
    invoice = an_invoice(
        issued_on=date(2023, 12, 1), due_on=date(2024, 3, 4) - timedelta(days=days_late), opened_at=utc(2024, 3, 4, 6)
    )
    ladder = a_ladder(5, 12, 25)
    standing = a_standing(invoice, steps_taken=(a_step_taken(invoice, level=1, at=utc(2024, 3, 4, 8)),))
    policy = a_policy(ladder=ladder, old_debt=OldDebt(from_days=60))
    assert local_day(rung_of(standing, ladder=ladder, policy=policy)) == level_2_on


# Notices.


@pytest.mark.parametrize(
    ("zone", "country", "due_on", "expected"),
    [
        ("Europe/Berlin", "DE", date(2024, 3, 14), utc(2024, 2, 29, 8)),  # over the end of a leap February
        ("Pacific/Noumea", "NC", date(2024, 3, 14), utc(2024, 2, 28, 22)),
        ("America/Los_Angeles", "US", date(2024, 3, 14), utc(2024, 2, 29, 17)),
        ("Europe/Berlin", "DE", date(2025, 3, 14), utc(2025, 2, 28, 8)),
    ],
)
def test_scenario_9_fourteen_days_before_due_is_the_exact_day_over_a_months_end_and_in_any_zone(
    zone, country, due_on, expected
):
    ladder = a_ladder(notices=(a_notice(days=-14),))
    issued_on = due_on - timedelta(days=60)
    invoice = an_invoice(issued_on=issued_on, due_on=due_on)
    customer = a_customer(time_zone=zone, country=country)
    rung = rung_of(a_standing(invoice), ladder=ladder, customer=customer, as_of=utc(2024, 1, 1))
    assert (rung.step, rung.kind, rung.at) == ("due_soon", MessageKind.DUE_SOON, expected)


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [
        (utc(2024, 2, 23, 12), "due_soon"),  # its own day, a Friday
        (utc(2024, 2, 26, 15, 59), "due_soon"),  # three days late
        (utc(2024, 2, 26, 16), "level-1"),  # hours are over: it would be four
    ],
)
def test_a_notice_that_could_not_be_sent_in_time_is_dropped_and_not_sent_late(as_of, expected):
    ladder = a_ladder(notices=(a_notice(days=-7, not_older_than_days=3),))
    assert rung_of(ladder=ladder, as_of=as_of).step == expected


def test_nothing_is_announced_as_due_soon_after_its_due_day():
    ladder = a_ladder(notices=(a_notice(days=-1, not_older_than_days=10),))
    assert rung_of(ladder=ladder, as_of=utc(2024, 3, 1, 12)).step == "due_soon"
    assert rung_of(ladder=ladder, as_of=utc(2024, 3, 1, 18)).step == "level-1"


def test_each_notice_is_sent_once_and_then_the_levels_follow():
    ladder = a_ladder(
        5,
        notices=(
            a_notice(name="delivery", kind=MessageKind.DELIVERY_NOTICE, days=0, counted_from="issued_on"),
            a_notice(name="due_soon", days=-3),
        ),
    )
    chasing = chase(ladder=ladder, now=utc(2024, 2, 1, 8), until=utc(2024, 3, 31))
    assert chasing.sent_on() == [
        (date(2024, 2, 1), "delivery"),
        (date(2024, 2, 27), "due_soon"),
        (date(2024, 3, 6), "level-1"),
    ]


def test_a_reopened_invoice_is_not_delivered_again():
    ladder = a_ladder(notices=(a_notice(name="delivery", counted_from="issued_on", days=0),))
    assert rung_of(a_standing(an_invoice(cycle=2)), ladder=ladder, as_of=utc(2024, 2, 1, 9)).step == "level-1"


# Broken promises.


@pytest.mark.parametrize("state", [PromiseState.BROKEN, PromiseState.OPEN])
def test_a_broken_promise_resumes_the_ladder_one_level_up_where_the_policy_says_so(state):
    ladder = a_ladder(5, 60)
    policy = a_policy(ladder=ladder, replies=ReplyRules(broken_promise="one_level_up", promise_grace_days=2))
    standing = a_standing(
        steps_taken=(a_step_taken(level=1, at=utc(2024, 3, 6, 9)),),
        promises=(a_promise(promised_on=date(2024, 3, 19), said_at=utc(2024, 3, 7), state=state),),
    )
    before, after = utc(2024, 3, 21, 22), utc(2024, 3, 22, 9)
    rung = rung_of(standing, ladder=ladder, policy=policy, as_of=after)
    assert (rung.step, local_day(rung)) == ("level-2", date(2024, 3, 22))
    if state is PromiseState.OPEN:
        assert local_day(rung_of(standing, ladder=ladder, policy=policy, as_of=before)) == date(2024, 4, 30)


def test_a_promise_broken_before_the_last_level_does_not_speed_up_the_next_one_again():
    ladder = a_ladder(5, 60)
    policy = a_policy(ladder=ladder, replies=ReplyRules(broken_promise="one_level_up"))
    standing = a_standing(
        steps_taken=(a_step_taken(level=1, at=utc(2024, 3, 20, 9)),),
        promises=(a_promise(promised_on=date(2024, 3, 10), state=PromiseState.BROKEN),),
    )
    assert local_day(rung_of(standing, ladder=ladder, policy=policy)) == date(2024, 4, 30)


# Over whatever the finance lead does.

LADDERS = st.builds(
    lambda gaps, least, counted, count: a_ladder(
        levels=tuple(
            a_level(
                number,
                days=sum(gaps[:number]) if number == 1 or counted == "due_on" else gap,
                counted_from="due_on" if number == 1 else counted,
                count=count,
            )
            for number, gap in enumerate(gaps, start=1)
        ),
        least_working_days_between_levels=least,
    ),
    st.lists(st.integers(1, 15), min_size=1, max_size=5),
    st.integers(0, 4),
    st.sampled_from(["due_on", "previous"]),
    st.sampled_from(Count),
)


@given(ladders=st.lists(LADDERS, min_size=1, max_size=4), changes=st.lists(st.integers(1, 25), min_size=4, max_size=4))
@settings(max_examples=60, deadline=None)
def test_over_any_changes_of_the_ladder_no_level_repeats_none_is_skipped_and_the_least_gap_holds(ladders, changes):
    contact = some_contact_rules(most=31, in_days=31, days_between=0)
    policies = [a_policy(ladder=ladder, contact=contact, escalations=()) for ladder in ladders]
    chasing = Chasing(an_account(), some_rules(policies[0]), utc(2024, 3, 1, 12))
    gaps = []
    for policy, days in zip(policies, changes, strict=False):
        chasing.rules = some_rules(policy)
        sent_before = len(chasing.sent)
        chasing.run(until=chasing.now + timedelta(days=days))
        gaps += [policy.ladders["standard"].least_working_days_between_levels] * (len(chasing.sent) - sent_before)
    chasing.run(until=chasing.now + timedelta(days=200))
    last = chasing.rules.current
    gaps += [last.ladders["standard"].least_working_days_between_levels] * (len(chasing.sent) - len(gaps))

    levels = [outreach.items[0].level for outreach in chasing.sent]
    assert levels == list(range(1, len(levels) + 1))
    assert len(levels) >= len(last.ladders["standard"].levels)
    for earlier, later, least in zip(chasing.sent, chasing.sent[1:], gaps[1:], strict=False):
        answered_by = add_days(
            to=earlier.window_on, days=least, count=Count.WORKING, customer=a_customer(), policy=last
        )
        assert later.window_on >= max(answered_by, earlier.window_on + timedelta(days=1))


def test_hours_that_are_always_open_change_nothing_of_the_days():
    ladder = a_ladder(5)
    rung = rung_of(ladder=ladder, policy=a_policy(contact=some_contact_rules(hours=always_open())))
    assert isinstance(rung, Rung)
    assert rung.at == utc(2024, 3, 5, 23)  # midnight in Berlin
