"""When a person takes over: thresholds are inclusive, each side of every boundary."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from policy.escalation_rules import deadline_for, rules_for
from policy.escalation_triggers import FIRST_AMONG_EQUALS, next_trigger_at, trigger_for, triggers_for
from receivables.collection_policy import (
    CollectionPolicy,
    EscalationRule,
    LadderEnd,
    OldDebt,
    ReplyRules,
    SegmentRule,
    Value,
)
from receivables.escalations import Trigger, Urgency
from receivables.holds import HoldReason
from receivables.promises import PromiseState
from receivables.replies import Intent
from receivables.steps import Escalate
from tests.builders import (
    a_customer,
    a_hold,
    a_ladder,
    a_policy,
    a_promise,
    a_standing,
    a_step_taken,
    an_account,
    an_invoice,
    eur,
    some_rules,
    utc,
)

DUE = date(2024, 3, 1)


def days_late(days: int, hour: int = 12) -> datetime:
    """Noon UTC so many days after INV-1's due day."""
    return utc(2024, 3, 1, hour) + timedelta(days=days)


def with_rules(*rules: EscalationRule, **changes: Any) -> CollectionPolicy:
    return a_policy(escalations=rules, **changes)


def fired(policy: CollectionPolicy, *, at: datetime, account: Any = None) -> Escalate | None:
    account = account or an_account()
    return trigger_for(standing=account.standing("INV-1"), account=account, rules=some_rules(policy), as_of=at)


def next_at(policy: CollectionPolicy, *, at: datetime, account: Any = None) -> datetime | None:
    account = account or an_account()
    return next_trigger_at(standing=account.standing("INV-1"), account=account, rules=some_rules(policy), as_of=at)


THIRTY_DAYS = EscalationRule(trigger=Trigger.DAYS_PAST_DUE, days=30, urgency=Urgency.HIGH)


def test_thirty_days_past_due_is_thirty_days():
    policy = with_rules(THIRTY_DAYS)
    assert fired(policy, at=days_late(29)) is None
    step = fired(policy, at=days_late(30))
    assert step is not None
    assert (step.trigger, step.matter, step.urgency) == (Trigger.DAYS_PAST_DUE, "days_past_due:C-1", Urgency.HIGH)
    assert step.reason.facts["days_past_due"] == "30"
    assert "30 days past due" in step.reason.words


def test_the_day_is_the_customers_own():
    policy = with_rules(THIRTY_DAYS)
    berlin, sydney = an_account(), an_account(customer=a_customer(country="AU", time_zone="Australia/Sydney"))
    just_before_in_berlin = utc(2024, 3, 30, 22, 59)
    assert fired(policy, at=just_before_in_berlin, account=berlin) is None
    assert fired(policy, at=utc(2024, 3, 30, 23), account=berlin) is not None
    assert fired(policy, at=just_before_in_berlin, account=sydney) is not None


def test_a_wait_knows_when_the_trigger_will_fire():
    policy = with_rules(THIRTY_DAYS, ladder=a_ladder(60))
    at = next_at(policy, at=days_late(3))
    assert at == utc(2024, 3, 30, 23)
    assert fired(policy, at=at - timedelta(seconds=1)) is None
    assert fired(policy, at=at) is not None
    assert next_at(policy, at=at) is None


def test_zero_days_past_due_still_means_past_due():
    policy = with_rules(EscalationRule(trigger=Trigger.DAYS_PAST_DUE, days=0))
    assert fired(policy, at=days_late(0)) is None
    assert fired(policy, at=days_late(1)) is not None


def test_a_rule_for_some_segments_leaves_the_others_alone():
    segments = (
        SegmentRule(name="key", value=(Value.HIGH,), ladder="standard"),
        SegmentRule(name="rest", ladder="standard"),
    )
    sooner = EscalationRule(trigger=Trigger.DAYS_PAST_DUE, days=14, segments=("key",))
    policy = with_rules(sooner, THIRTY_DAYS, segments=segments, ladder=a_ladder(60))
    key = an_account()
    key = key.model_copy(update={"history": key.history.model_copy(update={"invoiced_last_year": (eur("100000.00"),)})})
    assert fired(policy, at=days_late(14)) is None
    assert fired(policy, at=days_late(14), account=key) is not None
    assert fired(policy, at=days_late(13), account=key) is None


@pytest.mark.parametrize(
    ("balance", "limit", "fires"),
    [("100.00", "100.00", True), ("99.99", "100.00", False), ("100.01", "100.00", True)],
)
def test_scenario_4_an_amount_is_inclusive(balance: str, limit: str, fires: bool):
    policy = with_rules(EscalationRule(trigger=Trigger.AMOUNT, amount={"EUR": limit}, days=10))
    account = an_account(a_standing(open_balance=balance))
    assert fired(policy, at=days_late(9), account=account) is None
    assert (fired(policy, at=days_late(10), account=account) is not None) is fires


def test_an_amount_is_the_accounts_past_due_total_in_that_currency():
    policy = with_rules(EscalationRule(trigger=Trigger.AMOUNT, amount={"EUR": "150.00"}), ladder=a_ladder(200))
    ours = a_standing()
    later = a_standing(an_invoice(invoice_id="INV-2", amount="50.00", due_on=date(2024, 3, 11)))
    dollars = a_standing(an_invoice(invoice_id="INV-3", amount="500.00", currency="USD"))
    account = an_account(ours, later, dollars)
    assert fired(policy, at=days_late(10), account=account) is None
    assert next_at(policy, at=days_late(1), account=account) == utc(2024, 3, 11, 23)
    step = fired(policy, at=days_late(11), account=account)
    assert step is not None
    assert step.matter == "amount:C-1"
    assert "EUR 150.00" in step.reason.words


def test_attempts_used_up_comes_when_the_ladder_has_ended_and_not_before():
    policy = a_policy(ladder=a_ladder(5, end=LadderEnd(after_days=7, then="write_off_proposal")))
    invoice = an_invoice()
    account = an_account(a_standing(invoice, steps_taken=(a_step_taken(invoice, level=1, at=utc(2024, 3, 6, 9)),)))
    assert fired(policy, at=utc(2024, 3, 12, 12), account=account) is None
    ends_at = next_at(policy, at=utc(2024, 3, 12, 12), account=account)
    assert ends_at == utc(2024, 3, 13, 8)
    step = fired(policy, at=ends_at, account=account)
    assert step is not None
    assert (step.trigger, step.matter) == (Trigger.ATTEMPTS_USED_UP, "attempts_used_up:C-1")
    assert "write it off" in step.reason.words


def test_a_trigger_that_keeps_the_baton_fires_even_without_a_rule():
    policy = with_rules()
    account = an_account(customer=a_customer(personal_only=True))
    step = fired(policy, at=days_late(1), account=account)
    assert step is not None
    assert step.urgency is Urgency.STANDARD
    assert step.deadline_at == days_late(1) + timedelta(hours=48)


def test_personal_only_fires_once_the_invoice_is_past_due():
    policy = a_policy()
    account = an_account(customer=a_customer(personal_only=True))
    assert fired(policy, at=days_late(0), account=account) is None
    assert next_at(policy, at=days_late(0), account=account) == utc(2024, 3, 1, 23)
    step = fired(policy, at=days_late(1), account=account)
    assert step is not None
    assert step.matter == "personal_only:C-1"


def test_the_margin_counts_before_anything_is_past_due():
    policy = a_policy(overdue_margin_days=3)
    account = an_account(customer=a_customer(personal_only=True))
    assert fired(policy, at=days_late(3), account=account) is None
    assert fired(policy, at=days_late(4), account=account) is not None


@pytest.mark.parametrize("bounced", [True, False])
def test_scenario_21_a_contact_that_cannot_be_mailed_is_repaired_when_a_step_is_due(bounced: bool):
    policy = a_policy()
    customer = a_customer(email="anna@acme.example" if bounced else None)
    if bounced:
        contact = customer.contact.model_copy(update={"bounced_at": utc(2024, 1, 1)})
        customer = customer.model_copy(update={"contact": contact})
    account = an_account(customer=customer)
    assert fired(policy, at=days_late(4), account=account) is None
    due_at = utc(2024, 3, 6, 8)
    assert next_at(policy, at=days_late(4), account=account) == due_at
    step = fired(policy, at=due_at, account=account)
    assert step is not None
    assert step.matter == "contact_repair:C-1"
    assert ("refused mail" if bounced else "no e-mail address") in step.reason.words


def test_old_debt_goes_to_a_person_where_the_policy_says_so():
    old = an_account(a_standing(an_invoice(opened_at=days_late(60))))
    younger = an_account(a_standing(an_invoice(opened_at=days_late(59))))
    person = a_policy(old_debt=OldDebt(from_days=60, start="person"))
    assert fired(person, at=days_late(59), account=younger) is None
    step = fired(person, at=days_late(60), account=old)
    assert step is not None
    assert (step.trigger, step.matter) == (Trigger.OLD_DEBT, "old_debt:C-1")
    assert fired(a_policy(), at=days_late(60), account=old) is None


def test_scenario_6_old_debt_that_starts_at_the_first_level_is_not_taken_from_its_ladder_at_once():
    old = an_account(a_standing(an_invoice(opened_at=days_late(365))))
    policy = with_rules(THIRTY_DAYS, old_debt=OldDebt(from_days=60, start="first_level"))
    assert fired(policy, at=days_late(365), account=old) is None
    assert fired(policy, at=days_late(365 + 29), account=old) is None
    step = fired(policy, at=days_late(365 + 30), account=old)
    assert step is not None
    assert "old already" in step.reason.words


def test_a_segment_without_a_ladder_gives_what_is_past_due_to_a_person():
    policy = a_policy(segments=(SegmentRule(name="by_hand", ladder=None),))
    assert fired(policy, at=days_late(0)) is None
    step = fired(policy, at=days_late(1))
    assert step is not None
    assert (step.trigger, step.matter) == (Trigger.NO_TREATMENT, "no_treatment:C-1")


def test_scenario_16_where_nothing_chooses_a_treatment_nothing_happens():
    assert fired(a_policy(default_ladder=None), at=days_late(400)) is None


def test_a_broken_promise_goes_to_a_person_after_its_grace():
    policy = with_rules(EscalationRule(trigger=Trigger.BROKEN_PROMISE, urgency=Urgency.HIGH), THIRTY_DAYS)
    account = an_account(a_standing(promises=(a_promise(promised_on=date(2024, 3, 30)),)))
    assert fired(policy, at=days_late(30), account=account) is None, "the promise rests the case, too"
    assert fired(policy, at=utc(2024, 4, 1, 12), account=account) is None
    broken_at = utc(2024, 4, 1, 22)
    assert next_at(policy, at=utc(2024, 4, 1, 12), account=account) == broken_at
    step = fired(policy, at=broken_at, account=account)
    assert step is not None
    assert (step.trigger, step.matter) == (Trigger.BROKEN_PROMISE, "broken_promise:P-1")
    assert "EUR 100.00" in step.reason.words


@pytest.mark.parametrize(
    "account",
    [
        an_account(a_standing(open_balance="0.00", promises=(a_promise(),))),
        an_account(a_standing(promises=(a_promise(state=PromiseState.WITHDRAWN),))),
        an_account(a_standing(open_balance="50.00", promises=(a_promise(amount=eur("50.00")),))),
    ],
    ids=["paid", "withdrawn", "paid as far as promised"],
)
def test_a_promise_that_is_kept_or_withdrawn_breaks_nothing(account: Any):
    policy = with_rules(EscalationRule(trigger=Trigger.BROKEN_PROMISE), ladder=a_ladder(300))
    assert fired(policy, at=utc(2024, 6, 1), account=account) is None


def test_a_broken_promise_that_moves_the_ladder_is_no_trigger():
    policy = with_rules(ladder=a_ladder(300), replies=ReplyRules(broken_promise="one_level_up"))
    account = an_account(a_standing(promises=(a_promise(),)))
    assert fired(policy, at=utc(2024, 6, 1), account=account) is None


@pytest.mark.parametrize("reason", list(HoldReason))
def test_what_rests_rests_for_people_too_unless_only_a_machine_spoke(reason: HoldReason):
    account = an_account(holds=(a_hold(reason=reason, until_at=utc(2024, 4, 20)),))
    step = fired(with_rules(THIRTY_DAYS), at=days_late(30), account=account)
    assert (step is not None) is (reason in (HoldReason.OUT_OF_OFFICE, HoldReason.IN_DOUBT))
    assert fired(with_rules(THIRTY_DAYS), at=utc(2024, 4, 20), account=account) is not None


@pytest.mark.parametrize(
    "account",
    [
        an_account(a_standing(open_balance="0.00")),
        an_account(a_standing(open_balance="0.50")),
        an_account(a_standing(an_invoice(draft=True))),
        an_account(a_standing(an_invoice(withdrawn_at=utc(2024, 3, 2)))),
        an_account(a_standing(an_invoice(written_off_at=utc(2024, 3, 2)))),
        an_account(customer=a_customer(excluded=True)),
    ],
    ids=["settled", "within the tolerance", "draft", "withdrawn", "written off", "excluded"],
)
def test_what_is_not_collected_triggers_nothing(account: Any):
    policy = with_rules(THIRTY_DAYS, tolerance={"EUR": "0.50"})
    assert fired(policy, at=days_late(90), account=account) is None
    assert next_at(policy, at=days_late(1), account=account) is None


def test_scenario_11_under_the_minimum_nobody_is_asked_for_anything():
    policy = with_rules(THIRTY_DAYS, minimum={"EUR": "150.00"})
    ours = a_standing(open_balance="149.00")
    assert fired(policy, at=days_late(40), account=an_account(ours)) is None
    another = a_standing(an_invoice(invoice_id="INV-2", amount="6.00"))
    assert fired(policy, at=days_late(40), account=an_account(ours, another)) is not None


def test_the_most_urgent_trigger_comes_first_and_the_others_follow():
    policy = with_rules(
        EscalationRule(trigger=Trigger.DAYS_PAST_DUE, days=30),
        EscalationRule(trigger=Trigger.AMOUNT, amount={"EUR": "50.00"}, urgency=Urgency.IMMEDIATE),
        EscalationRule(trigger=Trigger.DAYS_PAST_DUE, days=20, urgency=Urgency.HIGH),
        ladder=a_ladder(300),
    )
    account = an_account()
    steps = triggers_for(
        standing=account.standing("INV-1"), account=account, rules=some_rules(policy), as_of=days_late(31)
    )
    assert [(step.trigger, step.urgency) for step in steps] == [
        (Trigger.AMOUNT, Urgency.IMMEDIATE),
        (Trigger.DAYS_PAST_DUE, Urgency.HIGH),
    ]


def test_every_trigger_has_its_place_among_equals():
    assert sorted(FIRST_AMONG_EQUALS) == sorted(Trigger), "policy/escalation_triggers.py: add it to FIRST_AMONG_EQUALS"


@pytest.mark.parametrize(
    ("urgency", "rule_hours", "trigger", "hours"),
    [
        (Urgency.STANDARD, None, Trigger.AMOUNT, 72),
        (Urgency.STANDARD, None, Trigger.REPLY, 36),
        (Urgency.HIGH, None, Trigger.AMOUNT, 24),
        (Urgency.IMMEDIATE, None, Trigger.REPLY, 4),
        (Urgency.IMMEDIATE, 10, Trigger.REPLY, 10),
        (Urgency.STANDARD, 100, Trigger.AMOUNT, 100),
    ],
)
def test_a_deadline_is_the_rules_own_else_the_segments_and_short_where_it_is_urgent(
    urgency: Urgency, rule_hours: int | None, trigger: Trigger, hours: int
):
    segment = SegmentRule(name="any", ladder=None, reply_deadline_hours=36, case_deadline_hours=72)
    rule = EscalationRule(trigger=Trigger.OLD_DEBT, deadline_hours=rule_hours) if rule_hours else None
    at = deadline_for(trigger=trigger, urgency=urgency, rule=rule, segment=segment, from_at=utc(2024, 3, 1))
    assert at == utc(2024, 3, 1) + timedelta(hours=hours)


def test_a_deadline_of_a_segment_that_is_sooner_than_the_urgency_counts():
    segment = SegmentRule(name="any", ladder=None, reply_deadline_hours=1)
    at = deadline_for(
        trigger=Trigger.REPLY, urgency=Urgency.IMMEDIATE, rule=None, segment=segment, from_at=utc(2024, 3, 1)
    )
    assert at == utc(2024, 3, 1, 1)


def test_rules_for_a_reply_are_those_that_name_its_intents():
    policy = with_rules(
        EscalationRule(trigger=Trigger.REPLY, intents=(Intent.DISPUTE,), skill="disputes"),
        EscalationRule(trigger=Trigger.REPLY, intents=(Intent.LEGAL, Intent.DISPUTE)),
    )
    found = rules_for(policy=policy, trigger=Trigger.REPLY, segment=None, intents=(Intent.LEGAL,))
    assert [rule.intents for rule in found] == [(Intent.LEGAL, Intent.DISPUTE)]
