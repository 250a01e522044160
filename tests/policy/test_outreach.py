"""Judged again before it is reserved: one message for all that is due, and nothing that should not go out."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.outreach import HeldBack, Outreach, judge
from receivables.collection_policy import SegmentRule
from receivables.customer import Relationship
from receivables.messages import MessageKind, MessageState, Tone
from tests.builders import (
    a_customer,
    a_dispute,
    a_hold,
    a_ladder,
    a_level,
    a_message,
    a_notice,
    a_policy,
    a_promise,
    a_standing,
    a_step_taken,
    an_account,
    an_invoice,
    an_item,
    eur,
    some_contact_rules,
    some_rules,
    utc,
)
from tests.policy.chasing import Chasing, with_message

DUE = utc(2024, 3, 6, 9)


def judged(account=None, *, step="level-1", invoice_id="INV-1", as_of=DUE, policy=None):
    return judge(
        account=account or an_account(), invoice_id=invoice_id, step=step, rules=some_rules(policy), as_of=as_of
    )


def written(result):
    assert isinstance(result, Outreach), result
    return result


def not_written(result, rule, *, is_routine=False):
    assert isinstance(result, HeldBack), result
    assert (result.reason.rule, result.is_routine) == (rule, is_routine), result
    return result


def numbered(count, **changes):
    return [a_standing(an_invoice(invoice_id=f"INV-{n}", **changes)) for n in range(1, count + 1)]


# What is written.


def test_a_due_level_becomes_a_message_to_the_customers_contact_under_its_natural_key():
    message = written(judged())
    assert (message.key, message.window_on) == ("C-1:level-1:2024-03-06", date(2024, 3, 6))
    assert (message.to, message.template, message.tone) == ("anna@acme.example", "reminder_1", Tone.NEUTRAL)
    assert [(item.invoice_id, item.step, item.level, item.cycle) for item in message.items] == [
        ("INV-1", "level-1", 1, 1)
    ]
    assert message.reason.words.startswith("level 1 of 3")


def test_the_window_is_the_customers_local_day():
    customer = a_customer(time_zone="Pacific/Noumea", country="NC")
    message = written(judged(an_account(customer=customer), as_of=utc(2024, 3, 6, 22)))
    assert message.window_on == date(2024, 3, 7)


def test_promise_7_fifty_invoices_due_the_same_day_make_one_message():
    account = an_account(*numbered(50))
    message = written(judged(account))
    assert len(message.items) == 50
    after = with_message(account, message, at=DUE)
    for number in (1, 2, 50):
        not_written(judged(after, invoice_id=f"INV-{number}"), "already_covered", is_routine=True)


def test_promise_7_whichever_invoice_asks_first_the_message_is_the_same():
    account = an_account(*numbered(3))
    first, last = written(judged(account)), written(judged(account, invoice_id="INV-3"))
    assert first.items == last.items
    assert first.key == last.key


def test_the_message_is_that_of_the_highest_level_among_its_invoices_and_each_keeps_its_own():
    ladder = a_ladder(
        levels=(
            a_level(1, days=5, template="friendly", tone=Tone.FRIENDLY),
            a_level(2, days=12, template="firm", tone=Tone.FIRM, kind=MessageKind.FINAL_NOTICE),
        )
    )
    older = an_invoice(invoice_id="INV-2", due_on=date(2024, 2, 20))
    account = an_account(
        a_standing(), a_standing(older, steps_taken=(a_step_taken(older, level=1, at=utc(2024, 2, 26, 9)),))
    )
    message = written(judged(account, policy=a_policy(ladder=ladder)))
    assert (message.step, message.kind, message.template, message.tone) == (
        "level-2",
        MessageKind.FINAL_NOTICE,
        "firm",
        Tone.FIRM,
    )
    assert [(item.invoice_id, item.step) for item in message.items] == [("INV-2", "level-2"), ("INV-1", "level-1")]
    assert message.key == "C-1:level-2:2024-03-06"


def test_scenario_13_two_currencies_stand_in_one_message_each_with_its_own_amounts_and_levels():
    dollars = an_invoice(invoice_id="INV-2", amount="70.00", currency="USD")
    message = written(judged(an_account(a_standing(), a_standing(dollars))))
    assert [str(item.open_balance) for item in message.items] == ["EUR 100.00", "USD 70.00"]


def test_scenario_13_a_currency_under_its_minimum_is_left_out_of_the_message_of_the_other():
    dollars = an_invoice(invoice_id="INV-2", amount="70.00", currency="USD")
    message = written(
        judged(an_account(a_standing(), a_standing(dollars)), policy=a_policy(minimum={"EUR": "50.00", "USD": "80.00"}))
    )
    assert [item.invoice_id for item in message.items] == ["INV-1"]


def test_scenario_11_the_next_overdue_invoice_reaches_the_minimum_and_one_message_asks_for_all():
    policy = a_policy(minimum={"EUR": "150.00"}, ladder=a_ladder(1, 12))
    account = an_account(
        a_standing(an_invoice(invoice_id="INV-1", amount="149.00")),
        a_standing(an_invoice(invoice_id="INV-2", amount="6.00", due_on=date(2024, 3, 10))),
    )
    chasing = Chasing(account, some_rules(policy), utc(2024, 3, 2)).run(until=utc(2024, 3, 10, 12))
    assert chasing.sent == []
    chasing.run(until=utc(2024, 3, 11, 12))
    assert [(message.window_on, [item.invoice_id for item in message.items]) for message in chasing.sent] == [
        (date(2024, 3, 11), ["INV-1", "INV-2"])
    ]


def test_scenario_25_the_message_asks_for_what_is_open():
    message = written(judged(an_account(a_standing(open_balance="50.00"))))
    assert message.items[0].open_balance == eur("50.00")


def test_only_the_undisputed_part_is_asked_for():
    standing = a_standing(disputes=(a_dispute(disputed_amount=eur("40.00")),))
    assert written(judged(an_account(standing))).items[0].open_balance == eur("60.00")


def test_scenario_27_money_that_is_not_placed_yet_goes_with_the_message_as_a_credit():
    message = written(judged(an_account(unapplied=(eur("20.00"),))))
    assert message.credits == (eur("20.00"),)


def test_notices_of_a_kind_go_together_and_never_with_reminders():
    ladder = a_ladder(notices=(a_notice(days=-3),))
    soon = [
        a_standing(an_invoice(invoice_id=name, issued_on=date(2024, 2, 20), due_on=date(2024, 3, 9)))
        for name in ("INV-2", "INV-3")
    ]
    account = an_account(a_standing(), *soon)
    policy = a_policy(ladder=ladder)
    notice = written(judged(account, invoice_id="INV-2", step="due_soon", policy=policy))
    assert [item.invoice_id for item in notice.items] == ["INV-2", "INV-3"]
    assert (notice.kind, notice.template, notice.step) == (MessageKind.DUE_SOON, "due_soon", "due_soon")
    reminder = written(judged(account, policy=policy))
    assert [item.invoice_id for item in reminder.items] == ["INV-1"]


def test_receipts_go_together():
    paid = [
        a_standing(an_invoice(invoice_id=name), open_balance="0.00", last_payment_on=date(2024, 3, 5))
        for name in ("INV-2", "INV-3")
    ]
    message = written(judged(an_account(a_standing(), *paid), invoice_id="INV-2", step="receipt"))
    assert [item.invoice_id for item in message.items] == ["INV-2", "INV-3"]
    assert (message.kind, message.template, message.key) == (
        MessageKind.RECEIPT,
        "receipt",
        "C-1:receipt:2024-03-06",
    )


def test_a_message_says_which_segment_the_customer_is_in():
    policy = a_policy(segments=(SegmentRule(name="fragile", relationship=(Relationship.FRAGILE,), ladder="standard"),))
    account = an_account(customer=a_customer(relationship=Relationship.FRAGILE))
    assert written(judged(account, policy=policy)).segment == "fragile"


# What is held back at the last moment.


@pytest.mark.parametrize(
    ("case", "account", "policy", "rule"),
    [
        ("excluded", an_account(customer=a_customer(excluded=True)), None, "excluded"),
        ("paid", an_account(a_standing(open_balance="0.00")), None, "settled"),
        ("under the minimum", an_account(), a_policy(minimum={"EUR": "100.01"}), "minimum"),
        ("on hold", an_account(holds=(a_hold(),)), None, "hold"),
        ("promised", an_account(a_standing(promises=(a_promise(),))), None, "promise"),
        ("disputed", an_account(a_standing(disputes=(a_dispute(),))), None, "dispute"),
        ("stale", an_account(feed=None), None, "fresh_money"),
        ("personal-only", an_account(customer=a_customer(personal_only=True)), None, "escalations.personal_only"),
        ("withdrawn", an_account(a_standing(an_invoice(withdrawn_at=DUE))), None, "withdrawn"),
    ],
)
def test_scenario_18_what_changed_between_the_decision_and_the_send_stops_it_with_its_reason(
    case, account, policy, rule
):
    held = not_written(judged(account, policy=policy), rule)
    assert held.reason.words, case
    assert held.look_again_at >= DUE, case


def test_scenario_18_another_invoice_that_was_paid_meanwhile_is_left_out():
    account = an_account(
        a_standing(),
        a_standing(an_invoice(invoice_id="INV-2"), open_balance="0.00"),
        a_standing(an_invoice(invoice_id="INV-3")),
        holds=(a_hold(invoice_id="INV-3"),),
    )
    assert [item.invoice_id for item in written(judged(account)).items] == ["INV-1"]


def test_outside_contact_hours_nothing_is_written_and_it_has_its_time_later():
    held = judged(as_of=utc(2024, 3, 6, 17))
    assert isinstance(held, HeldBack)
    assert held.look_again_at == utc(2024, 3, 7, 8)


def test_another_level_than_the_one_that_is_due_is_not_written():
    held = judged(step="level-3")
    assert isinstance(held, HeldBack)
    assert held.is_routine


@pytest.mark.parametrize(
    ("state", "is_written"),
    [
        (MessageState.SENT, False),
        (MessageState.RESERVED, False),
        (MessageState.IN_DOUBT, False),
        (MessageState.FAILED, False),
        (MessageState.DROPPED, False),
        (MessageState.DEFERRED, True),
    ],
)
def test_promise_1_a_key_that_was_used_today_is_used_again_only_for_a_message_that_surely_did_not_leave(
    state, is_written
):
    earlier = a_message(an_item(invoice_id="INV-9"), at=DUE - timedelta(minutes=30), state=state)
    result = judged(an_account(messages=(earlier,)))
    assert isinstance(result, Outreach) is is_written
    if isinstance(result, HeldBack):
        assert result.look_again_at >= utc(2024, 3, 7, 8)


def test_a_notice_whose_like_was_written_today_waits_for_tomorrow_as_routine():
    policy = a_policy(ladder=a_ladder(notices=(a_notice(days=-3),)))
    at = utc(2024, 2, 27, 9)
    earlier = a_message(an_item(invoice_id="INV-9", step="due_soon", level=None), at=at, kind=MessageKind.DUE_SOON)
    held = judged(an_account(messages=(earlier,)), step="due_soon", policy=policy, as_of=at + timedelta(hours=1))
    assert isinstance(held, HeldBack)
    assert held.is_routine
    assert held.look_again_at == utc(2024, 2, 28, 8)


# Over whole accounts.


@given(
    invoices=st.lists(
        st.tuples(st.integers(0, 40), st.integers(0, 30), st.sampled_from(["EUR", "USD"])), min_size=1, max_size=8
    ),
    people=st.lists(st.integers(0, 60), max_size=3),
    most=st.integers(1, 3),
    in_days=st.integers(3, 14),
    days_between=st.integers(0, 3),
)
@settings(max_examples=40, deadline=None)
def test_promise_7_over_any_account_the_budget_holds_and_every_level_comes_once_and_in_order(
    invoices, people, most, in_days, days_between
):
    contact = some_contact_rules(most=most, in_days=in_days, days_between=days_between)
    standings = [
        a_standing(
            an_invoice(
                invoice_id=f"INV-{number}",
                due_on=date(2024, 3, 1) + timedelta(days=due),
                opened_at=utc(2024, 2, 1) + timedelta(days=late),
                currency=currency,
            )
        )
        for number, (due, late, currency) in enumerate(invoices)
    ]
    by_hand = tuple(sorted(utc(2024, 2, 1, 10) + timedelta(days=n) for n in people))
    policy = a_policy(contact=contact, ladder=a_ladder(5, 9, 13))
    account = an_account(*standings, contacts_by_people=by_hand)
    chasing = Chasing(account, some_rules(policy), utc(2024, 4, 2)).run(until=utc(2024, 12, 1))

    days = [message.window_on for message in chasing.sent]
    assert len(set(days)) == len(days)
    for earlier, later in pairwise(days):
        assert (later - earlier).days > days_between
    for first in days:
        assert sum(first <= day < first + timedelta(days=in_days) for day in days) <= most
    assert len({message.key for message in chasing.sent}) == len(chasing.sent)
    for standing in standings:
        invoice_id = standing.invoice.invoice_id
        levels = [item.level for message in chasing.sent for item in message.items if item.invoice_id == invoice_id]
        assert levels == [1, 2, 3]
