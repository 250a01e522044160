"""What to do with an invoice now: each rule, what it holds back, and which one comes first."""

from datetime import date, timedelta

import pytest
from pydantic import ValidationError

from policy.next_step import next_step
from policy.why import explain
from receivables.account import PaymentHistory
from receivables.collection_policy import (
    ContactRules,
    EscalationRule,
    FreshMoney,
    LadderEnd,
    ReplyRules,
    SegmentRule,
)
from receivables.escalations import CaseState, Trigger, Urgency
from receivables.holds import HoldReason
from receivables.invoice import AgingBucket, Stage, aging_bucket
from receivables.messages import MessageKind, MessageState
from receivables.steps import Close, Contact, Escalate, Wait
from tests.builders import (
    a_case,
    a_customer,
    a_dispute,
    a_feed,
    a_hold,
    a_ladder,
    a_message,
    a_notice,
    a_policy,
    a_promise,
    a_standing,
    a_step_taken,
    always_open,
    an_account,
    an_invoice,
    an_item,
    eur,
    some_rules,
    utc,
)
from tests.policy.chasing import Chasing

DUE = utc(2024, 3, 6, 9)
"""A Wednesday, five days after INV-1 was due: level 1 is due, and contact hours are open."""


def asked(account=None, *, as_of=DUE, policy=None, invoice_id=None, **account_changes):
    account = account or an_account(**account_changes)
    return next_step(
        account=account,
        invoice_id=invoice_id or account.standings[0].invoice.invoice_id,
        rules=some_rules(policy),
        as_of=as_of,
    )


def held(step, rule):
    assert isinstance(step, Wait), step
    assert step.reason.rule == rule, step
    return step


def reminded(step, expected="level-1", at=DUE):
    assert isinstance(step, Contact), step
    assert (step.step, step.at) == (expected, at), step
    return step


# The ladder as it runs.


def test_a_level_that_is_due_is_written_now_and_says_why():
    step = reminded(asked())
    assert (step.level, step.message) == (1, MessageKind.REMINDER)
    assert step.reason.words == "level 1 of 3 (level_1), 5 days after the due day, 5 days past due"
    assert step.reason.facts["open balance"] == "EUR 100.00"
    assert step.reason.facts["ladder"] == "standard (by default)"


def test_a_level_that_lies_ahead_is_planned_for_the_opening_of_its_day():
    reminded(asked(as_of=utc(2024, 3, 2)), at=utc(2024, 3, 6, 8))


def test_a_level_that_is_due_outside_contact_hours_is_planned_for_the_next_opening():
    step = reminded(asked(as_of=utc(2024, 3, 8, 17)), at=utc(2024, 3, 11, 8))
    assert "contact hours open Mon 11 March 2024, 09:00 (Europe/Berlin)" in step.reason.words


def test_the_budget_holds_back_a_level_that_is_due_until_the_day_and_hour_that_it_allows():
    step = held(asked(messages=(a_message(an_item(invoice_id="INV-9"), at=utc(2024, 3, 5, 9)),)), "contact_budget")
    assert step.held_back == "level-1"
    assert step.look_again_at == utc(2024, 3, 8, 8)


def test_the_budget_is_planned_for_as_far_as_it_is_known():
    spent = (a_message(an_item(invoice_id="INV-9"), at=utc(2024, 3, 5, 9)),)
    step = reminded(asked(messages=spent, as_of=utc(2024, 3, 5, 12)), at=utc(2024, 3, 8, 8))
    assert "contact budget" in step.reason.words


def test_a_person_who_wrote_by_hand_spent_the_budget_too():
    held(asked(contacts_by_people=(utc(2024, 3, 5, 9),)), "contact_budget")


def test_scenario_12_sent_on_day_7_then_on_day_10_then_the_ladders_end_told_once():
    policy = a_policy(
        ladder=a_ladder(7, 8, least_working_days_between_levels=0, end=LadderEnd(after_days=1)),
        contact=ContactRules(hours=always_open(), most=2, in_days=7, days_between=2),
    )
    invoice = an_invoice(due_on=date(2024, 3, 1))
    chasing = Chasing(an_account(a_standing(invoice)), some_rules(policy), utc(2024, 3, 2)).run(until=utc(2024, 6, 1))
    assert chasing.sent_on() == [(date(2024, 3, 8), "level-1"), (date(2024, 3, 11), "level-2")]
    assert [told.trigger for told in chasing.told] == [Trigger.ATTEMPTS_USED_UP]
    assert {day for day, step in chasing.held_back if step.reason.rule == "contact_budget"} <= {
        date(2024, 3, 9),
        date(2024, 3, 10),
    }


def test_scenario_14_after_the_ladders_end_there_are_no_endless_mails():
    policy = a_policy(ladder=a_ladder(5))
    chasing = Chasing(an_account(), some_rules(policy), utc(2024, 3, 2)).run(until=utc(2025, 3, 2))
    assert [step for _, step in chasing.sent_on()] == ["level-1"]
    assert [told.trigger for told in chasing.told] == [Trigger.ATTEMPTS_USED_UP]
    step = held(asked(chasing.account, policy=policy, as_of=utc(2025, 3, 2)), "ladder_ended")
    assert "nothing automated follows" in step.reason.words


@pytest.mark.parametrize("days_late", range(0, 60, 7))
def test_no_wait_and_no_plan_ever_looks_back(days_late):
    as_of = utc(2024, 3, 1, 23) + timedelta(days=days_late)
    step = asked(as_of=as_of)
    assert isinstance(step, Contact | Wait)
    assert step.look_again_at >= as_of


# Money.


@pytest.mark.parametrize(
    ("open_balance", "tolerance", "settled"),
    [
        ("0.00", {}, True),
        ("-3.00", {}, True),
        ("0.01", {}, False),
        ("1.00", {"EUR": "1.00"}, True),  # scenario 4: inclusive
        ("1.01", {"EUR": "1.00"}, False),
        ("1.00", {"USD": "5.00"}, False),
    ],
)
def test_an_invoice_is_settled_within_the_tolerance_of_its_currency(open_balance, tolerance, settled):
    step = asked(an_account(a_standing(open_balance=open_balance)), policy=a_policy(tolerance=tolerance))
    assert isinstance(step, Close) is settled
    if isinstance(step, Close):
        assert step.stage is Stage.SETTLED


def test_scenario_25_a_part_payment_leaves_the_rest_to_be_asked_for_and_says_what_was_received():
    step = reminded(asked(an_account(a_standing(open_balance="50.00"))))
    assert step.reason.facts["open balance"] == "EUR 50.00"
    assert step.reason.facts["received"] == "EUR 50.00"


def test_scenario_27_a_credit_that_brings_the_balance_to_zero_settles_the_invoice_without_a_receipt():
    step = asked(an_account(a_standing(open_balance="0.00")))
    assert isinstance(step, Close)


@pytest.mark.parametrize(
    ("unapplied", "rule"),
    [
        ((eur("99.99"),), None),
        ((eur("100.00"),), "unapplied_money"),
        ((eur("250.00"),), "unapplied_money"),
    ],
)
def test_scenario_27_money_that_is_not_placed_yet_lowers_what_is_asked(unapplied, rule):
    step = asked(unapplied=unapplied)
    if rule is None:
        reminded(step)
    else:
        assert held(step, rule).held_back == "level-1"


@pytest.mark.parametrize(
    ("change", "words"),
    [({"withdrawn_at": utc(2024, 3, 4)}, "withdrawn"), ({"written_off_at": utc(2024, 3, 4)}, "written off")],
)
def test_what_the_backend_took_out_of_collection_is_closed_whatever_else_is_going_on(change, words):
    step = asked(an_account(a_standing(an_invoice(**change)), cases=(a_case(),), holds=(a_hold(),)))
    assert isinstance(step, Close)
    assert step.stage is Stage.CLOSED
    assert words in step.reason.words


def paid(**changes):
    return a_standing(open_balance="0.00", last_payment_on=date(2024, 3, 5), **changes)


def test_an_invoice_that_a_payment_settled_gets_a_receipt_at_the_next_opening():
    step = reminded(asked(an_account(paid()), as_of=utc(2024, 3, 5, 20)), "receipt", at=utc(2024, 3, 6, 8))
    assert step.message is MessageKind.RECEIPT


@pytest.mark.parametrize(
    ("case", "account", "policy"),
    [
        ("receipts are off", an_account(paid()), a_policy(receipts=False)),
        ("personal-only", an_account(paid(), customer=a_customer(personal_only=True)), None),
        ("excluded", an_account(paid(), customer=a_customer(excluded=True)), None),
        ("no address", an_account(paid(), customer=a_customer(email=None)), None),
        ("had it", an_account(paid(steps_taken=(a_step_taken(step="receipt", at=utc(2024, 3, 6, 8)),))), None),
        ("a reply is unread", an_account(paid(), holds=(a_hold(reason=HoldReason.REPLY),)), None),
        ("paid long ago", an_account(a_standing(open_balance="0.00", last_payment_on=date(2024, 2, 27))), None),
    ],
)
def test_no_receipt_goes_to_whom_none_may_go_and_none_twice_or_late(case, account, policy):
    assert isinstance(asked(account, policy=policy), Close), case


@pytest.mark.parametrize("reason", [HoldReason.PROMISE, HoldReason.PAYMENT_CLAIMED])
def test_a_hold_that_waited_for_the_payment_does_not_keep_its_receipt_back(reason):
    reminded(asked(an_account(paid(), holds=(a_hold(reason=reason),))), "receipt")


def test_a_receipt_of_an_earlier_cycle_does_not_stand_for_this_one():
    invoice = an_invoice(cycle=2)
    taken = (a_step_taken(invoice, step="receipt", cycle=1, at=utc(2024, 2, 20, 8)),)
    standing = a_standing(invoice, open_balance="0.00", last_payment_on=date(2024, 3, 5), steps_taken=taken)
    reminded(asked(an_account(standing)), "receipt")


def test_scenario_22_the_oldest_invoice_is_paid_and_the_next_oldest_decides():
    older = a_standing(an_invoice(invoice_id="INV-1"), open_balance="0.00")
    younger = a_standing(an_invoice(invoice_id="INV-2", due_on=date(2024, 3, 11)))
    account = an_account(older, younger)
    assert isinstance(asked(account, invoice_id="INV-1"), Close)
    reminded(asked(account, invoice_id="INV-2"), at=utc(2024, 3, 18, 8))


def test_scenario_2_paying_the_oldest_jumps_no_level_of_the_third():
    ladder = a_ladder(5, 7, 11)
    paid_ones = [a_standing(an_invoice(invoice_id=name), open_balance="0.00") for name in ("INV-1", "INV-2")]
    third = a_standing(an_invoice(invoice_id="INV-3", due_on=date(2024, 3, 3)))
    chasing = Chasing(an_account(*paid_ones, third), some_rules(a_policy(ladder=ladder)), utc(2024, 3, 3, 12))
    sent = chasing.run(until=utc(2024, 3, 31)).sent
    assert [(outreach.window_on, outreach.step, len(outreach.items)) for outreach in sent] == [
        (date(2024, 3, 8), "level-1", 1),
        (date(2024, 3, 12), "level-2", 1),
        (date(2024, 3, 15), "level-3", 1),
    ]


# Who is not reminded at all.


def test_scenario_24_a_draft_is_never_dunned():
    step = held(asked(an_account(a_standing(an_invoice(draft=True))), as_of=utc(2025, 1, 1)), "draft")
    assert step.look_again_at > utc(2025, 1, 1)


@pytest.mark.parametrize("as_of", [utc(2024, 2, 1, 9), utc(2024, 2, 29, 9), utc(2024, 3, 1, 9)])
def test_scenario_24_an_invoice_whose_due_date_lies_ahead_or_is_today_is_never_dunned(as_of):
    step = asked(as_of=as_of, policy=a_policy(ladder=a_ladder(0)))
    assert isinstance(step, Contact)
    assert step.at.date() > date(2024, 3, 1)


def test_scenario_17_an_excluded_customer_gets_nothing_and_the_exclusion_lifted_the_right_level_applies_at_once():
    standing = a_standing(steps_taken=(a_step_taken(level=1, at=utc(2024, 3, 6, 9)),))
    much_later = utc(2024, 6, 4, 9)
    barred = held(asked(an_account(standing, customer=a_customer(excluded=True)), as_of=much_later), "excluded")
    assert barred.held_back == "level-2"
    reminded(asked(an_account(standing), as_of=much_later), "level-2", at=much_later)


def test_promise_8_a_personal_only_customer_gets_no_automated_message_and_a_person_has_it_when_it_is_past_due():
    customer = a_customer(personal_only=True)
    before = held(asked(customer=customer, as_of=utc(2024, 2, 20)), "personal_only")
    assert before.look_again_at <= utc(2024, 3, 2)
    step = asked(customer=customer)
    assert isinstance(step, Escalate)
    assert step.trigger is Trigger.PERSONAL_ONLY


def test_promise_8_a_personal_only_customer_gets_neither_notice_nor_level_over_a_whole_year():
    ladder = a_ladder(5, notices=(a_notice(),))
    account = an_account(customer=a_customer(personal_only=True))
    chasing = Chasing(account, some_rules(a_policy(ladder=ladder)), utc(2024, 2, 1)).run(until=utc(2025, 2, 1))
    assert chasing.sent == []
    assert [told.trigger for told in chasing.told] == [Trigger.PERSONAL_ONLY]


@pytest.mark.parametrize(
    "contact", [{"email": None}, {"contact": a_customer().contact.model_copy(update={"bounced_at": utc(2024, 3, 1)})}]
)
def test_scenario_21_without_a_working_address_no_level_is_used_and_a_contact_repair_case_is_opened(contact):
    step = asked(customer=a_customer(**contact))
    assert isinstance(step, Escalate)
    assert step.trigger is Trigger.CONTACT_REPAIR


def repaired(**changes):
    values = {"trigger": Trigger.CONTACT_REPAIR, "matter": "contact_repair:C-1", "state": CaseState.DECIDED}
    return a_case(**(values | {"wanted_at": DUE, "decided_at": utc(2024, 3, 7)} | changes))


@pytest.mark.parametrize(("days", "again"), [(13, False), (14, True)])
def test_a_contact_that_is_still_broken_is_told_again_after_fourteen_days(days, again):
    as_of = utc(2024, 3, 7) + timedelta(days=days)
    step = asked(customer=a_customer(email=None), cases=(repaired(),), as_of=as_of)
    assert isinstance(step, Escalate) is again
    if not again:
        assert held(step, "no_address").held_back == "level-1"


# People.


def test_while_an_agent_has_the_invoice_nothing_automated_goes_out_about_it():
    step = held(asked(cases=(a_case(deadline_at=utc(2024, 3, 8, 10)),)), "with_agent")
    assert step.held_back == "level-1"
    assert step.look_again_at == utc(2024, 3, 8, 10)
    assert "with agent agent-1, who decides by Fri 8 March 2024, 11:00 (Europe/Berlin)" in step.reason.words


def test_a_case_about_another_invoice_of_the_customer_holds_nothing_back_here():
    reminded(asked(cases=(a_case(invoice_ids=("INV-2",)),)))


def test_a_wanted_case_is_passed_to_a_person_with_its_own_matter_and_deadline():
    case = a_case(state=CaseState.WANTED, urgency=Urgency.IMMEDIATE)
    step = asked(cases=(case,), holds=(a_hold(),))
    assert isinstance(step, Escalate)
    assert (step.matter, step.urgency, step.deadline_at) == (case.matter, Urgency.IMMEDIATE, case.deadline_at)


@pytest.mark.parametrize(("age", "looks_in"), [(0, 3), (2, 3), (4, 4), (600, 600)])
def test_a_case_that_is_being_given_to_somebody_is_looked_at_soon_and_then_less_and_less_often(age, looks_in):
    case = a_case(assigned_to=None, wanted_at=DUE - timedelta(seconds=age))
    step = held(asked(cases=(case,)), "with_agent")
    assert step.held_back == "level-1"
    assert step.look_again_at == DUE + timedelta(seconds=looks_in)
    assert "being given to a person" in step.reason.words


def test_a_case_that_nobody_can_take_waits_until_somebody_is_looked_for_again():
    case = a_case(assigned_to=None, assigned_because="none of 3 agents is there", deadline_at=DUE + timedelta(hours=1))
    step = held(asked(cases=(case,)), "with_agent")
    assert step.look_again_at == DUE + timedelta(hours=1)
    assert "with agent nobody yet" in step.reason.words


def test_a_settled_invoice_waits_while_its_case_goes_on_for_others_and_closes_where_they_are_settled_too():
    case = a_case(invoice_ids=("INV-1", "INV-2"), deadline_at=utc(2024, 3, 9))
    settled = a_standing(open_balance="0.00")
    other = an_invoice(invoice_id="INV-2")
    step = held(asked(an_account(settled, a_standing(other), cases=(case,))), "settled_with_case")
    assert step.look_again_at == utc(2024, 3, 9)
    assert isinstance(asked(an_account(settled, a_standing(other, open_balance="0.00"), cases=(case,))), Close)
    assert isinstance(asked(an_account(settled, cases=(case,))), Close)


def days_past_due(days):
    return a_policy(
        ladder=a_ladder(5, 12, 60),
        escalations=(EscalationRule(trigger=Trigger.DAYS_PAST_DUE, days=days),),
    )


def test_scenario_41_at_day_40_one_case_is_made_and_once_decided_it_leaves_the_list():
    policy = days_past_due(40)
    chasing = Chasing(an_account(), some_rules(policy), utc(2024, 3, 2)).run(until=utc(2024, 4, 11))
    assert [told.trigger for told in chasing.told] == [Trigger.DAYS_PAST_DUE]
    chasing.run(until=utc(2024, 6, 30))
    assert [told.trigger for told in chasing.told] == [Trigger.DAYS_PAST_DUE, Trigger.ATTEMPTS_USED_UP]
    assert [step for _, step in chasing.sent_on()] == ["level-1", "level-2", "level-3"]


def test_nobody_sleeps_past_the_moment_when_a_person_takes_over():
    policy = days_past_due(8)
    step = held(
        asked(an_account(a_standing(steps_taken=(a_step_taken(level=1, at=DUE),))), policy=policy), "person_takes_over"
    )
    assert step.look_again_at == utc(2024, 3, 8, 23)  # the ninth begins in Berlin
    assert isinstance(asked(policy=policy, as_of=utc(2024, 3, 8, 23)), Escalate)
    stale = held(asked(policy=policy, feed=None, as_of=utc(2024, 3, 8, 22, 30)), "fresh_money")
    assert stale.look_again_at == utc(2024, 3, 8, 23)


def test_what_was_decided_in_an_earlier_cycle_is_told_again_in_the_next():
    case = a_case(trigger=Trigger.DAYS_PAST_DUE, matter="days_past_due:C-1", state=CaseState.DECIDED)
    policy, as_of = days_past_due(2), utc(2024, 4, 3, 9)
    assert not isinstance(asked(cases=(case,), policy=policy, as_of=as_of), Escalate)
    reopened = an_invoice(cycle=2, reopened_at=utc(2024, 4, 1))
    assert isinstance(asked(an_account(a_standing(reopened), cases=(case,)), policy=policy, as_of=as_of), Escalate)


def test_a_due_date_that_was_moved_makes_the_days_past_due_count_anew():
    case = a_case(
        trigger=Trigger.DAYS_PAST_DUE, matter="days_past_due:C-1", state=CaseState.DECIDED, wanted_at=utc(2024, 3, 4)
    )
    account = an_account(a_standing(an_invoice(due_on=date(2024, 4, 1))), cases=(case,))
    assert not isinstance(asked(account, policy=days_past_due(2), as_of=utc(2024, 4, 2, 9)), Escalate)
    assert isinstance(asked(account, policy=days_past_due(2), as_of=utc(2024, 4, 3, 9)), Escalate)


def test_a_segment_without_a_ladder_leaves_the_invoice_to_a_person_once_it_is_past_due():
    policy = a_policy(
        segments=(SegmentRule(name="all", ladder=None),), escalations=(EscalationRule(trigger=Trigger.NO_TREATMENT),)
    )
    held(asked(policy=policy, as_of=utc(2024, 2, 20)), "no_treatment")
    step = asked(policy=policy)
    assert isinstance(step, Escalate)
    assert step.trigger is Trigger.NO_TREATMENT


# What rests.


@pytest.mark.parametrize(
    ("feed", "required", "rule"),
    [
        (a_feed(complete_until_at=DUE - timedelta(hours=72)), True, None),  # exactly the limit is still fresh
        (a_feed(complete_until_at=DUE - timedelta(hours=72, seconds=1)), True, "fresh_money"),
        (None, True, "fresh_money"),
        (None, False, None),
    ],
)
def test_promise_6_nobody_is_chased_on_stale_money(feed, required, rule):
    policy = a_policy(fresh_money=FreshMoney(older_than_hours=72, required=required))
    step = asked(feed=feed, policy=policy)
    if rule is None:
        reminded(step)
    else:
        assert held(step, rule).held_back == "level-1"
        assert step.look_again_at == DUE + timedelta(hours=1)


def test_notices_ask_for_nothing_and_go_out_on_stale_money_too():
    policy = a_policy(ladder=a_ladder(notices=(a_notice(days=-3),)))
    at = utc(2024, 2, 27, 9)
    step = reminded(asked(feed=None, policy=policy, as_of=at), "due_soon", at=at)
    assert step.message is MessageKind.DUE_SOON


def test_stale_money_holds_back_nothing_that_lies_ahead():
    reminded(asked(feed=None, as_of=utc(2024, 3, 2)), at=utc(2024, 3, 6, 8))


def test_scenario_20_paused_until_a_date_resumes_alone_on_that_date():
    hold = a_hold(until_at=utc(2024, 3, 19, 23))
    step = held(asked(holds=(hold,)), "hold")
    assert step.look_again_at == utc(2024, 3, 19, 23)
    assert step.held_back == "level-1"
    assert "backend: paused by billing; owner policy" in step.reason.words
    resumed = asked(holds=(hold,), as_of=utc(2024, 3, 19, 23))
    reminded(resumed, at=utc(2024, 3, 20, 8))


def test_scenario_20_paused_without_a_date_is_refused():
    with pytest.raises(ValidationError, match="a hold ends after it begins"):
        a_hold(from_at=utc(2024, 3, 1), until_at=utc(2024, 3, 1))


def test_promise_9_of_overlapping_holds_the_latest_end_counts():
    holds = (
        a_hold(hold_id="H-1", until_at=utc(2024, 3, 20)),
        a_hold(hold_id="H-2", invoice_id="INV-1", until_at=utc(2024, 3, 25)),
        a_hold(hold_id="H-3", invoice_id="INV-2", until_at=utc(2024, 12, 31)),
        a_hold(hold_id="H-4", until_at=utc(2024, 12, 31), released_at=utc(2024, 3, 5)),
    )
    step = held(asked(holds=holds), "hold")
    assert step.look_again_at == utc(2024, 3, 25)
    assert step.reason.facts["holds"] == "H-1, H-2"


def test_a_hold_stops_notices_too():
    policy = a_policy(ladder=a_ladder(notices=(a_notice(days=-3),)))
    step = held(asked(holds=(a_hold(),), policy=policy, as_of=utc(2024, 2, 27, 9)), "hold")
    assert step.held_back == "due_soon"


def test_scenario_32_an_invoice_in_dispute_rests_the_rest_of_the_account_goes_on_and_it_resumes_after():
    disputed = a_standing(disputes=(a_dispute(),))
    other = a_standing(an_invoice(invoice_id="INV-2"))
    account = an_account(disputed, other)
    for days in (0, 1, 2):
        as_of = DUE + timedelta(days=days)
        step = held(asked(account, invoice_id="INV-1", as_of=as_of), "dispute")
        assert step.held_back == "level-1"
    reminded(asked(account, invoice_id="INV-2"))
    closed = a_standing(disputes=(a_dispute(state="rejected"),))
    reminded(asked(an_account(closed)))


@pytest.mark.parametrize(
    ("disputed", "asked_for"),
    [("40.00", "EUR 60.00"), ("99.50", None), ("100.00", None), ("130.00", None)],
)
def test_only_what_is_not_disputed_is_asked_for(disputed, asked_for):
    standing = a_standing(disputes=(a_dispute(disputed_amount=eur(disputed)),))
    step = asked(an_account(standing), policy=a_policy(tolerance={"EUR": "0.50"}))
    if asked_for is None:
        held(step, "dispute")
    else:
        assert reminded(step).reason.facts["asked for"] == asked_for


@pytest.mark.parametrize(
    ("as_of", "rests"),
    [
        (utc(2024, 3, 6, 9), True),
        (utc(2024, 3, 15, 9), True),  # the promised day
        (utc(2024, 3, 17, 22, 59), True),  # the last of two days of grace, to its end in Berlin
        (utc(2024, 3, 17, 23), False),
    ],
)
def test_scenario_34_a_promise_rests_until_its_day_and_grace_are_over_at_the_customers(as_of, rests):
    policy = a_policy(replies=ReplyRules(promise_grace_days=2, broken_promise="one_level_up"))
    step = asked(an_account(a_standing(promises=(a_promise(),))), policy=policy, as_of=as_of)
    if rests:
        assert held(step, "promise").look_again_at == utc(2024, 3, 17, 23)
    else:
        reminded(step, at=utc(2024, 3, 18, 8))


def test_scenario_34_a_promise_that_was_kept_lets_the_rest_of_the_invoice_go_on():
    promise = a_promise(amount=eur("60.00"))
    reminded(asked(an_account(a_standing(open_balance="40.00", promises=(promise,)))))
    held(asked(an_account(a_standing(open_balance="40.01", promises=(promise,)))), "promise")


def test_scenario_34_a_broken_promise_goes_to_a_person_where_the_policy_says_so_never_to_silence():
    policy = a_policy(replies=ReplyRules(promise_grace_days=2, broken_promise="person"))
    step = asked(an_account(a_standing(promises=(a_promise(),))), policy=policy, as_of=utc(2024, 3, 17, 23))
    assert isinstance(step, Escalate)
    assert step.trigger is Trigger.BROKEN_PROMISE


@pytest.mark.parametrize(
    ("state", "as_of", "until"),
    [
        (MessageState.IN_DOUBT, utc(2024, 3, 8, 9), utc(2024, 3, 11, 9)),
        (MessageState.IN_DOUBT, utc(2024, 3, 11, 9), None),
        (MessageState.RESERVED, utc(2024, 3, 6, 9, 4), utc(2024, 3, 6, 9, 5)),  # its sender may be at work
        (MessageState.RESERVED, utc(2024, 3, 6, 9, 5), utc(2024, 3, 11, 9)),  # its sender is dead
        (MessageState.DEFERRED, utc(2024, 3, 6, 9, 4), None),
    ],
)
def test_while_a_message_is_leaving_or_in_doubt_its_invoices_rest_so_long_at_most(state, as_of, until):
    standing = a_standing(steps_taken=(a_step_taken(level=1, at=DUE, state=state),))
    step = asked(an_account(standing), as_of=as_of, policy=a_policy(in_doubt_rest_days=5))
    if until is None:
        assert isinstance(step, Contact)
    else:
        assert held(step, "in_doubt").look_again_at == until


def test_a_deferred_message_is_tried_again_at_once():
    standing = a_standing(steps_taken=(a_step_taken(level=1, at=DUE, state=MessageState.DEFERRED),))
    reminded(asked(an_account(standing), as_of=DUE + timedelta(minutes=1)), at=DUE + timedelta(minutes=1))


@pytest.mark.parametrize(
    ("state", "day"), [(MessageState.SENT, 28), (MessageState.FAILED, 28), (MessageState.DEFERRED, 27)]
)
def test_one_notice_of_a_kind_a_day_and_the_next_invoice_has_its_own_the_day_after(state, day):
    policy = a_policy(ladder=a_ladder(notices=(a_notice(days=-3),)))
    at = utc(2024, 2, 27, 9)
    sent = a_message(
        an_item(invoice_id="INV-9", step="due_soon", level=None), at=at, kind=MessageKind.DUE_SOON, state=state
    )
    step = asked(messages=(sent,), policy=policy, as_of=at + timedelta(hours=1))
    assert isinstance(step, Contact)
    assert step.at.day == day


# The minimum.


def two(first, second, *, currency="EUR", second_due_on=date(2024, 3, 1)):
    return an_account(
        a_standing(an_invoice(invoice_id="INV-1", amount=first)),
        a_standing(an_invoice(invoice_id="INV-2", amount=second, currency=currency, due_on=second_due_on)),
    )


MINIMUM = a_policy(minimum={"EUR": "150.00", "USD": "150.00"})


@pytest.mark.parametrize(
    ("account", "is_asked"),
    [
        (two("149.00", "0.99"), False),
        (two("149.00", "1.00"), True),  # scenario 4: 150.00 against 150.00 holds
        (two("149.00", "6.00"), True),
        (two("149.00", "100.00", currency="USD"), False),  # scenario 13: currencies are never added up
        (two("149.00", "6.00", second_due_on=date(2024, 3, 6)), False),  # due today is not overdue
        (two("149.00", "6.00", second_due_on=date(2024, 3, 5)), True),
    ],
)
def test_scenario_11_under_the_minimum_nothing_is_asked_for(account, is_asked):
    step = asked(account, policy=MINIMUM)
    if is_asked:
        reminded(step)
    else:
        assert held(step, "minimum").held_back == "level-1"


def test_scenario_11_it_is_looked_at_again_when_the_next_invoice_becomes_overdue_or_in_a_week():
    step = held(asked(two("149.00", "6.00", second_due_on=date(2024, 3, 8)), policy=MINIMUM), "minimum")
    assert step.look_again_at == utc(2024, 3, 8, 23)  # 9 March begins in Berlin
    step = held(asked(two("149.00", "6.00", second_due_on=date(2024, 8, 8)), policy=MINIMUM), "minimum")
    assert step.look_again_at == DUE + timedelta(days=7)


@pytest.mark.parametrize(("margin", "is_asked"), [(2, True), (3, False)])
def test_scenario_46_with_a_margin_of_three_days_three_days_late_is_not_yet_overdue(margin, is_asked):
    # INV-2 is three days late and its 6.00 are needed to reach the minimum.
    account = two("149.00", "6.00", second_due_on=date(2024, 3, 3))
    step = asked(account, policy=a_policy(minimum={"EUR": "150.00"}, overdue_margin_days=margin))
    assert isinstance(step, Contact) is is_asked


@pytest.mark.parametrize(
    "changes",
    [
        {"holds": (a_hold(invoice_id="INV-2"),)},
        {"cases": (a_case(invoice_ids=("INV-2",)),)},
        {"unapplied": (eur("6.00"),)},
    ],
)
def test_what_may_not_be_asked_for_does_not_help_to_reach_the_minimum(changes):
    account = two("149.00", "6.00").model_copy(update=changes)
    held(asked(account, policy=MINIMUM), "minimum")


@pytest.mark.parametrize(("as_of", "bucket"), [(date(2024, 3, 1), AgingBucket.CURRENT), (date(2024, 3, 2), "1-30")])
def test_scenario_45_what_is_due_today_is_current(as_of, bucket):
    assert aging_bucket(due_on=date(2024, 3, 1), as_of=as_of) == bucket


# Why.


def test_promise_10_everything_that_was_considered_can_be_asked_for_in_words():
    account = an_account(
        a_standing(promises=(a_promise(),)),
        holds=(a_hold(),),
        feed=None,
        messages=(a_message(an_item(invoice_id="INV-9"), at=utc(2024, 3, 5, 9)),),
        history=PaymentHistory(settled_count=0),
    )
    told = explain(account=account, invoice_id="INV-1", rules=some_rules(), as_of=DUE)
    assert told.next_step == asked(account)
    rules = [reason.rule for reason in told.considered]
    for rule in ("balance", "segment", "treatment", "ladder", "contact_hours", "fresh_money", "hold", "promise"):
        assert rule in rules
    assert rules.count("contact_budget") == 2  # how it stands, and that it holds level 1 back
    assert "new customer" in told.segment_words
    assert "by default" in told.treatment_words
    assert all(reason.words for reason in told.considered)


def test_an_invoice_that_is_not_on_the_account_is_a_key_error():
    with pytest.raises(KeyError):
        asked(invoice_id="INV-404")
