"""What follows from a reply: every intent, by table; promises, disputes, rests and cases."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.consequences import (
    Consequence,
    MakePromise,
    MarkBounced,
    OpenDispute,
    PlaceHold,
    ReleaseHold,
    WantCase,
    consequences_of,
)
from policy.taking_in import FOLLOWS, Follows
from receivables.account import Account
from receivables.collection_policy import CollectionPolicy, EscalationRule, SegmentRule
from receivables.escalations import CaseState, Trigger, Urgency
from receivables.holds import HoldReason
from receivables.money import Money
from receivables.replies import FROM_A_MACHINE, NEEDS_PERSON, Intent, IntentRead, Reply, Sentiment
from tests.builders import (
    a_dispute,
    a_hold,
    a_policy,
    a_reply,
    a_standing,
    an_account,
    an_invoice,
    eur,
    some_rules,
    utc,
)

C = TypeVar("C")
RECEIVED = utc(2024, 3, 4, 10)
TWO = an_account(
    a_standing(),
    a_standing(an_invoice(invoice_id="INV-2", amount="40.00", due_on=date(2024, 3, 20))),
)
"""INV-1 over 100.00 is past due when the reply comes in, INV-2 over 40.00 is not."""


def follows(
    *intents: Intent, account: Account = TWO, policy: CollectionPolicy | None = None, **changes: Any
) -> tuple[Consequence, ...]:
    return of(a_reply(*intents, **changes), account=account, policy=policy)


def of(reply: Reply, *, account: Account = TWO, policy: CollectionPolicy | None = None) -> tuple[Consequence, ...]:
    return consequences_of(reply=reply, account=account, rules=some_rules(policy), as_of=RECEIVED)


def kinds(found: Iterable[Consequence]) -> list[type]:
    return [type(consequence) for consequence in found]


def only(found: Iterable[Consequence], kind: type[C]) -> C:
    (one,) = [consequence for consequence in found if isinstance(consequence, kind)]
    return one


def test_every_intent_is_classified():
    missing = set(Intent) - set(FOLLOWS)
    assert not missing, f"policy/taking_in.py: say in FOLLOWS what {missing} leads to, and add a row to the table below"


def test_every_intent_that_needs_a_person_gets_one_and_no_machine_does():
    to_a_person = {Follows.DISPUTE, Follows.PERSON_FOR_THE_INVOICE, Follows.PERSON_FOR_THE_ACCOUNT}
    for intent in Intent:
        if intent in NEEDS_PERSON:
            assert FOLLOWS[intent] in to_a_person, f"{intent} needs a person: see policy/taking_in.py"
        if intent in FROM_A_MACHINE:
            assert FOLLOWS[intent] in (Follows.BOUNCED, Follows.AWAY)


TABLE: dict[Intent, list[type]] = {
    Intent.PROMISE_TO_PAY: [MakePromise, ReleaseHold],
    Intent.PAYMENT_CLAIMED: [PlaceHold, ReleaseHold],
    Intent.REMITTANCE_ADVICE: [ReleaseHold],
    Intent.EXTENSION_REQUEST: [WantCase],
    Intent.PAYMENT_PLAN_REQUEST: [WantCase],
    Intent.DISPUTE: [OpenDispute, WantCase, ReleaseHold],
    Intent.BILLING_QUESTION: [WantCase, ReleaseHold],
    Intent.DOCUMENT_REQUEST: [WantCase, ReleaseHold],
    Intent.HOW_TO_PAY: [WantCase, ReleaseHold],
    Intent.HARDSHIP: [WantCase],
    Intent.LEGAL: [WantCase],
    Intent.FRUSTRATION: [WantCase],
    Intent.PERSON_REQUEST: [WantCase],
    Intent.STOP_CONTACT: [PlaceHold, WantCase],
    Intent.WRONG_CONTACT: [WantCase],
    Intent.ACKNOWLEDGEMENT: [ReleaseHold],
    Intent.AUTO_REPLY: [],
    Intent.BOUNCE: [MarkBounced],
    Intent.OTHER: [WantCase],
}


@pytest.mark.parametrize("intent", list(Intent))
def test_what_follows_from_an_intent_alone_about_a_named_invoice(intent: Intent):
    assert intent in TABLE, f"add a row for {intent}: what follows from it alone"
    assert kinds(follows(intent, reading={"promised_on": date(2024, 3, 8)})) == TABLE[intent]


READINGS = st.fixed_dictionaries(
    {
        "intents": st.lists(
            st.builds(IntentRead, intent=st.sampled_from(list(Intent)), confidence=st.sampled_from([0.49, 0.5, 1.0])),
            min_size=1,
            max_size=4,
            unique_by=lambda read: read.intent,
        ).map(tuple),
        "sentiment": st.sampled_from(list(Sentiment)),
        "needs_person": st.booleans(),
        "promised_on": st.none() | st.dates(date(2024, 2, 20), date(2024, 6, 1)),
    }
)


@given(READINGS, st.sampled_from([(), ("INV-1",), ("INV-1", "INV-2"), ("INV-9",)]))
def test_no_reply_is_dropped_and_drawing_twice_gives_the_same(reading: dict[str, Any], invoice_ids: tuple[str, ...]):
    reply = a_reply(invoice_ids=invoice_ids, reading=reading)
    found = of(reply)

    assert found == consequences_of(reply=reply, account=TWO, rules=some_rules(), as_of=RECEIVED + timedelta(minutes=5))
    wants_case = WantCase in kinds(found)
    if reply.reading.wants_a_person or any(read.confidence < 0.5 for read in reply.reading.intents):
        assert wants_case
    if wants_case:
        assert MakePromise not in kinds(found)
    if not reply.reading.is_from_a_machine:
        assert wants_case or ReleaseHold in kinds(found), "the freeze must end, or a person must have it"
    else:
        assert set(kinds(found)) <= {PlaceHold, MarkBounced, WantCase}
    if ReleaseHold in kinds(found):
        assert kinds(found)[-1] is ReleaseHold


# Promises


def promised(**changes: Any) -> tuple[Consequence, ...]:
    return follows(Intent.PROMISE_TO_PAY, **changes)


def test_scenario_34_a_promise_by_a_day_is_taken_down_and_the_freeze_released():
    found = promised(reading={"promised_on": date(2024, 3, 8)})
    promise = only(found, MakePromise).promise
    assert (promise.promise_id, promise.invoice_id) == ("R-1:INV-1:promise", "INV-1")
    assert (promise.amount, promise.balance_then, promise.promised_on) == (
        eur("100.00"),
        eur("100.00"),
        date(2024, 3, 8),
    )
    release = only(found, ReleaseHold)
    assert release.hold_id == "reply:R-1"
    assert "promise of EUR 100.00 for INV-1" in release.because


def test_scenario_36_a_promise_without_a_date_assumes_nothing():
    assert kinds(promised()) == [ReleaseHold]


@pytest.mark.parametrize(("days", "kind"), [(0, MakePromise), (45, MakePromise), (46, WantCase), (-1, WantCase)])
def test_a_promise_too_far_away_or_in_the_past_goes_to_a_person(days: int, kind: type):
    found = promised(reading={"promised_on": date(2024, 3, 4) + timedelta(days=days)})
    assert kinds(found)[0] is kind


def test_a_promise_for_no_invoice_in_particular_is_for_all_that_is_past_due():
    three = an_account(*TWO.standings, a_standing(an_invoice(invoice_id="INV-3", amount="7.00")))
    found = promised(account=three, invoice_ids=(), reading={"promised_on": date(2024, 3, 8)})
    promises = [each.promise for each in found if isinstance(each, MakePromise)]
    assert [(promise.invoice_id, promise.amount) for promise in promises] == [
        ("INV-1", eur("100.00")),
        ("INV-3", eur("7.00")),
    ]


@pytest.mark.parametrize(("amount", "taken"), [("60.00", "60.00"), ("100.00", "100.00"), ("150.00", "100.00")])
def test_an_amount_promised_for_one_invoice_counts_up_to_what_is_open(amount: str, taken: str):
    reading = {"promised_on": date(2024, 3, 8), "promised_amount": eur(amount)}
    promise = only(promised(reading=reading), MakePromise).promise
    assert (promise.amount, promise.balance_then) == (eur(taken), eur("100.00"))


@pytest.mark.parametrize(
    ("amount", "invoice_ids"),
    [
        (Money.of("60.00", "USD"), ("INV-1",)),
        (eur("0.00"), ("INV-1",)),
        (eur("-5.00"), ("INV-1",)),
        (eur("139.99"), ("INV-1", "INV-2")),
    ],
    ids=["another currency", "nothing", "negative", "a part of several"],
)
def test_an_amount_that_cannot_be_placed_goes_to_a_person(amount: Money, invoice_ids: tuple[str, ...]):
    reading = {"promised_on": date(2024, 3, 8), "promised_amount": amount}
    assert kinds(promised(reading=reading, invoice_ids=invoice_ids)) == [WantCase]


def test_the_whole_of_several_invoices_is_a_promise_for_each():
    reading = {"promised_on": date(2024, 3, 8), "promised_amount": eur("140.00")}
    found = promised(reading=reading, invoice_ids=("INV-1", "INV-2"))
    assert kinds(found) == [MakePromise, MakePromise, ReleaseHold]


def test_a_promise_beside_a_wish_for_a_person_is_left_to_the_person():
    found = follows(Intent.PROMISE_TO_PAY, Intent.PERSON_REQUEST, reading={"promised_on": date(2024, 3, 8)})
    assert kinds(found) == [WantCase]


def test_a_promise_for_an_invoice_that_is_not_open_promises_nothing():
    found = promised(invoice_ids=("INV-9",), reading={"promised_on": date(2024, 3, 8)})
    assert kinds(found) == [ReleaseHold]


# Already paid


def test_scenario_35_already_paid_rests_for_some_days_and_closes_nothing():
    hold = only(follows(Intent.PAYMENT_CLAIMED), PlaceHold).hold
    assert (hold.hold_id, hold.invoice_id) == ("R-1:INV-1:payment_claimed", "INV-1")
    assert (hold.reason, hold.owner) == (HoldReason.PAYMENT_CLAIMED, "policy")
    assert (hold.from_at, hold.until_at) == (RECEIVED, utc(2024, 3, 8, 23))


def test_already_paid_about_nothing_in_particular_rests_the_account():
    assert only(follows(Intent.PAYMENT_CLAIMED, invoice_ids=()), PlaceHold).hold.invoice_id is None


def test_already_paid_a_second_time_goes_to_a_person():
    earlier = a_hold(
        hold_id="R-0:INV-1:payment_claimed",
        invoice_id="INV-1",
        reason=HoldReason.PAYMENT_CLAIMED,
        from_at=utc(2024, 2, 20),
        until_at=utc(2024, 2, 25),
    )
    account = TWO.model_copy(update={"holds": (earlier,)})
    case = only(follows(Intent.PAYMENT_CLAIMED, account=account), WantCase).case
    assert "says again that it is paid" in case.words
    same_day = earlier.model_copy(update={"from_at": utc(2024, 3, 4, 9), "until_at": utc(2024, 3, 9)})
    again = follows(Intent.PAYMENT_CLAIMED, account=TWO.model_copy(update={"holds": (same_day,)}))
    assert WantCase not in kinds(again)


# Disputes


def test_scenario_32_a_dispute_holds_its_invoice_and_the_rest_of_the_account_goes_on():
    found = follows(Intent.DISPUTE)
    dispute = only(found, OpenDispute).dispute
    assert (dispute.dispute_id, dispute.invoice_id, dispute.disputed_amount) == ("R-1:INV-1:dispute", "INV-1", None)
    case = only(found, WantCase).case
    assert (case.invoice_ids, case.urgency, case.state) == (("INV-1",), Urgency.IMMEDIATE, CaseState.WANTED)
    assert case.deadline_at == RECEIVED + timedelta(hours=4)
    assert only(found, ReleaseHold).hold_id == "reply:R-1"


@pytest.mark.parametrize(
    ("amount", "disputed"),
    [
        (eur("40.00"), eur("40.00")),
        (eur("100.00"), None),
        (eur("140.00"), None),
        (eur("0.00"), None),
        (Money.of("40.00", "USD"), None),
    ],
)
def test_a_part_is_disputed_only_where_it_is_a_part(amount: Money, disputed: Money | None):
    found = follows(Intent.DISPUTE, reading={"disputed_amount": amount})
    assert only(found, OpenDispute).dispute.disputed_amount == disputed


def test_a_dispute_about_nobody_knows_which_invoice_holds_them_all_through_its_case():
    found = follows(Intent.DISPUTE, invoice_ids=())
    assert kinds(found) == [WantCase]
    assert only(found, WantCase).case.invoice_ids == ("INV-1", "INV-2")
    the_only_one = follows(Intent.DISPUTE, invoice_ids=(), account=an_account())
    assert only(the_only_one, OpenDispute).dispute.invoice_id == "INV-1"


def test_an_invoice_in_dispute_is_not_disputed_twice_and_drawing_again_gives_the_same():
    def with_dispute(dispute_id: str) -> Account:
        return an_account(a_standing(disputes=(a_dispute(dispute_id=dispute_id),)))

    assert kinds(follows(Intent.DISPUTE, account=with_dispute("R-0:INV-1:dispute"))) == [WantCase, ReleaseHold]
    again = follows(Intent.DISPUTE, account=with_dispute("R-1:INV-1:dispute"))
    assert kinds(again) == [OpenDispute, WantCase, ReleaseHold]


# Cases


def test_a_case_is_named_for_its_reply():
    case = only(follows(Intent.PERSON_REQUEST), WantCase).case
    assert (case.case_id, case.matter, case.reply_id) == ("case-R-1", "reply:R-1", "R-1")
    assert case.trigger is Trigger.REPLY
    assert case.words == "Acme GmbH wrote: person request"
    assert case.wanted_at == RECEIVED


@pytest.mark.parametrize(
    "intent", [Intent.HARDSHIP, Intent.LEGAL, Intent.FRUSTRATION, Intent.STOP_CONTACT, Intent.WRONG_CONTACT]
)
def test_what_concerns_the_customer_as_a_whole_covers_all_open_invoices(intent: Intent):
    assert only(follows(intent), WantCase).case.invoice_ids == ("INV-1", "INV-2")


def test_a_reply_about_nothing_that_is_open_covers_all_that_is():
    assert only(follows(Intent.OTHER, invoice_ids=("INV-9",)), WantCase).case.invoice_ids == ("INV-1", "INV-2")


def test_a_reply_of_a_customer_without_open_invoices_is_still_wanted_by_a_person():
    account = an_account(a_standing(open_balance="0.00"))
    assert only(follows(Intent.OTHER, account=account), WantCase).case.invoice_ids == ()


def test_stop_writing_is_for_a_person_at_once_and_holds_what_comes_later_too():
    found = follows(Intent.STOP_CONTACT)
    hold = only(found, PlaceHold).hold
    assert (hold.hold_id, hold.invoice_id, hold.reason) == ("reply:R-1:stop", None, HoldReason.REPLY)
    assert hold.until_at == utc(2024, 5, 2, 22)
    assert only(found, WantCase).case.urgency is Urgency.IMMEDIATE


KEY = SegmentRule(name="key", ladder="standard", reply_deadline_hours=30)


def judged(*rules: EscalationRule, intents: tuple[Intent, ...]) -> tuple[Urgency, float]:
    policy = a_policy(escalations=rules, segments=(KEY,))
    case = only(follows(*intents, policy=policy), WantCase).case
    return case.urgency, (case.deadline_at - RECEIVED).total_seconds() / 3600


def test_urgency_and_deadline_are_the_rules_of_the_intent():
    plan = EscalationRule(trigger=Trigger.REPLY, intents=(Intent.PAYMENT_PLAN_REQUEST,), urgency=Urgency.HIGH)
    slow = EscalationRule(trigger=Trigger.REPLY, intents=(Intent.DISPUTE,), deadline_hours=72)
    others = EscalationRule(
        trigger=Trigger.REPLY, intents=(Intent.OTHER,), urgency=Urgency.IMMEDIATE, segments=("key",)
    )
    assert judged(plan, intents=(Intent.PAYMENT_PLAN_REQUEST,)) == (Urgency.HIGH, 24)
    assert judged(plan, intents=(Intent.EXTENSION_REQUEST,)) == (Urgency.STANDARD, 30)
    assert judged(slow, intents=(Intent.DISPUTE,)) == (Urgency.STANDARD, 72)
    assert judged(others, intents=(Intent.OTHER,)) == (Urgency.IMMEDIATE, 4)
    assert judged(plan, slow, intents=(Intent.DISPUTE, Intent.PAYMENT_PLAN_REQUEST)) == (Urgency.HIGH, 24)


def test_a_negative_tone_is_answered_by_a_person_like_frustration():
    found = follows(Intent.PROMISE_TO_PAY, reading={"promised_on": date(2024, 3, 8), "sentiment": Sentiment.NEGATIVE})
    assert kinds(found) == [WantCase]
    assert "a negative tone" in only(found, WantCase).case.words
    thanks = follows(Intent.ACKNOWLEDGEMENT, reading={"sentiment": Sentiment.POSITIVE})
    assert kinds(thanks) == [ReleaseHold]


@pytest.mark.parametrize(("confidence", "kind"), [(0.49, WantCase), (0.5, MakePromise)])
def test_what_was_read_without_confidence_starts_nothing(confidence: float, kind: type):
    intents = (IntentRead(intent=Intent.PROMISE_TO_PAY, confidence=confidence),)
    assert kinds(promised(reading={"intents": intents, "promised_on": date(2024, 3, 8)}))[0] is kind


def test_a_reader_that_asks_for_a_person_gets_one():
    assert kinds(follows(Intent.ACKNOWLEDGEMENT, reading={"needs_person": True})) == [WantCase]


# Machines


def test_scenario_39_a_machine_frees_answers_and_promises_nothing():
    assert follows(Intent.AUTO_REPLY) == ()
    assert follows(Intent.BOUNCE) == (MarkBounced(at=RECEIVED),)


@pytest.mark.parametrize(
    ("back_on", "until_at"),
    [
        (date(2024, 3, 11), utc(2024, 3, 10, 23)),
        (date(2024, 4, 3), utc(2024, 4, 2, 22)),
        (date(2024, 9, 1), utc(2024, 4, 2, 22)),
    ],
)
def test_out_of_office_rests_until_the_day_it_names_but_not_for_ever(back_on: date, until_at: Any):
    found = follows(Intent.AUTO_REPLY, reading={"back_on": back_on})
    assert kinds(found) == [PlaceHold]
    hold = only(found, PlaceHold).hold
    assert (hold.reason, hold.invoice_id, hold.until_at) == (HoldReason.OUT_OF_OFFICE, None, until_at)


@pytest.mark.parametrize("back_on", [date(2024, 3, 4), date(2024, 1, 1)])
def test_out_of_office_until_a_day_that_has_come_rests_nothing(back_on: date):
    assert follows(Intent.AUTO_REPLY, reading={"back_on": back_on}) == ()


def test_has_left_the_company_in_an_automatic_answer_goes_to_a_person():
    found = follows(Intent.AUTO_REPLY, Intent.WRONG_CONTACT, reading={"back_on": date(2024, 3, 11)})
    assert kinds(found) == [WantCase]
