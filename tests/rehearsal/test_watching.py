"""Each promise is checked over the whole run, and each check fails on a run that broke its promise."""

from datetime import timedelta
from typing import Any

import pytest

from receivables.disputes import Dispute
from receivables.escalations import CaseState
from receivables.invoice import Stage
from receivables.messages import MessageItem, MessageKind, MessageState, Tone
from receivables.money import Money
from rehearsal.record import FeedTold
from rehearsal.seen import Seen
from rehearsal.watching import PROMISES, Watched, watch
from tests.rehearsal.a_run import (
    HUNDRED,
    a_case,
    a_customer,
    a_hold,
    a_line,
    a_message,
    a_payment,
    a_receipt,
    a_row,
    a_run,
    a_telling,
    an_invoice_at_the_end,
    at,
    left,
    second_reminder,
)

NINETY = Money(minor=9_000, currency="EUR")


def watched(number: int, seen: Seen) -> Watched:
    return next(each for each in watch(seen) if each.number == number)


def test_a_run_in_which_every_promise_is_kept_breaks_none() -> None:
    found = watch(a_run())
    assert [(each.number, each.broken) for each in found if each.broken] == []
    assert [each.number for each in found] == list(range(1, 15))
    assert [each.number for each in found if not each.is_rehearsed] == [3, 12]
    # Personal-only is looked at only where there is such a customer; everything else is, in this run.
    assert [each.number for each in found if each.is_rehearsed and not each.checked] == [8]


def _twice(message: Any) -> Any:
    return message.model_copy(update={"key": f"{message.key}-again", "items": message.items})


def _disputed(**changes: Any) -> Dispute:
    values: dict[str, Any] = {"dispute_id": "D-1", "invoice_id": "A-1", "customer_id": "C-1", "opened_at": at(5)}
    return Dispute(**(values | changes))


BROKEN: dict[str, tuple[int, Seen, str]] = {
    "the same letter left twice": (
        1,
        a_run(left=(left(a_message()), left(a_message()), left(second_reminder()), left(a_receipt()))),
        "left twice",
    ),
    "the same level left twice under two keys": (1, a_run(messages=(a_message(), _twice(a_message()))), "again in"),
    "a letter left that the store does not know": (1, a_run(messages=(), left=(left(a_message()),)), "not marked sent"),
    "a letter is marked sent and never left": (1, a_run(left=()), "never left"),
    "a fact is gone": (2, a_run(stored_facts=frozenset({"invoice:A-1"})), "not in the store"),
    "a workflow was never told": (2, a_run(tellings=(a_telling(told_at=None),)), "never told"),
    "a workflow was told and did not look": (2, a_run(tellings=(a_telling(stored_at=at(15)),)), "looked last"),
    "a paid invoice's run goes on": (
        2,
        a_run(invoices=(an_invoice_at_the_end(stage=Stage.REMINDING),)),
        "is paid, and its run is still",
    ),
    "an invoice was never opened": (2, a_run(rows=(a_row(), a_row(invoice_id="A-2", row=3))), "never opened"),
    "a level was skipped": (4, a_run(messages=(a_message(), a_message(when=at(12), level=3))), "level 2 was next"),
    "a case ended while it was owed": (4, a_run(cases=(a_case(decided_at=at(13, 12)),)), "was owed"),
    "a case was decided by nobody": (
        4,
        a_run(cases=(a_case(state=CaseState.DECIDED, decided_by=None),)),
        "decided by nobody",
    ),
    "a reminder left after the payment": (5, a_run(messages=(a_message(when=at(15)),)), "which was paid"),
    "a reminder asked for more than was open": (
        5,
        a_run(entries=(a_payment(amount=-(HUNDRED - NINETY), recorded_at=at(2)), a_payment(amount=-NINETY))),
        "EUR 90.00 was open",
    ),
    "a receipt for what is open": (
        5,
        a_run(
            messages=(a_message(when=at(7), level=None, step="receipt", kind=MessageKind.RECEIPT, template="receipt"),)
        ),
        "as paid, and EUR 100.00 was open",
    ),
    "a reminder of what is in dispute": (5, a_run(disputes=(_disputed(),)), "in dispute"),
    "a reminder of what is with a person": (
        5,
        a_run(cases=(a_case(wanted_at=at(5)),), joined=()),
        "was with a person",
    ),
    "a reminder on stale money": (
        6,
        a_run(feeds=(FeedTold(at=at(1), complete_until_at=at(1)),)),
        "the payment feed was 5 days",
    ),
    "a reminder before any feed was heard of": (6, a_run(feeds=()), "before any payment feed"),
    "a reminder at night": (7, a_run(messages=(a_message(when=at(6, 3)),)), "outside contact hours"),
    "a reminder on a Sunday": (7, a_run(messages=(a_message(when=at(4)),)), "outside contact hours"),
    "a reminder on Good Friday": (7, a_run(messages=(a_message(when=at(23)),)), "outside contact hours"),
    "two reminders on one day": (
        7,
        a_run(messages=(a_message(), a_message(when=at(6, 14), level=2))),
        "second of its kind",
    ),
    "two reminders too close": (
        7,
        a_run(messages=(a_message(), a_message(when=at(8), level=2))),
        "2 days after the contact before",
    ),
    "three reminders in seven days": (
        7,
        a_run(messages=(a_message(), a_message(when=at(9), level=2), a_message(when=at(12), level=3))),
        "more than 2 in 7 days",
    ),
    "a letter to a personal-only customer": (8, a_run(customers=(a_customer(personal_only=True),)), "is personal-only"),
    "a hold without an owner": (9, a_run(holds=(a_hold(owner=" "),)), "lacks an owner"),
    "a hold without an end": (9, a_run(holds=(a_hold(until_at=at(2)),)), "lacks an owner, a reason or an end"),
    "an open case with nobody": (
        9,
        a_run(cases=(a_case(state=CaseState.OPEN, assigned_to=None, decided_at=None),)),
        "with nobody",
    ),
    "an invoice waits for ever": (
        9,
        a_run(invoices=(an_invoice_at_the_end(stage=Stage.REMINDING, next_look_at=None),)),
        "nobody knows until when",
    ),
    "a letter without a reason": (10, a_run(messages=(a_message(rule=" "),)), "has no reason"),
    "a step held back without a rule": (10, a_run(lines=(a_line(rule=""),)), "has no rule"),
    "a next step without a reason": (10, a_run(invoices=(an_invoice_at_the_end(reason=""),)), "has no reason"),
    "a letter that hides that it is automatic": (
        11,
        a_run(left=(left(a_message()).__class__("k", "t", "<m>", ("the text does not say that it is automatic",)),)),
        "does not say that it is automatic",
    ),
    "a balance that its entries do not make": (
        13,
        a_run(invoices=(an_invoice_at_the_end(open_balance=NINETY),)),
        "its entries make EUR 0.00",
    ),
    "money that the ledger does not know": (
        13,
        a_run(rows=(a_row(settled_on=None),)),
        "by the ledger EUR 100.00 of EUR 100.00",
    ),
    "money on no invoice": (
        13,
        a_run(entries=(a_payment(), a_payment(document_id="X", invoice_id=None))),
        "lies on no invoice",
    ),
    "a template that the policy does not name": (
        14,
        a_run(messages=(a_message(template="reminder_3", tone=Tone.FIRM),)),
        "stands in no ladder",
    ),
    "an invoice that runs by another policy": (
        14,
        a_run(invoices=(an_invoice_at_the_end(policy_version="other"),)),
        "runs by policy other",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_promise_is_seen(name: str) -> None:
    number, seen, words = BROKEN[name]
    found = watched(number, seen)
    assert any(words in each for each in found.broken), found.broken


def test_every_rehearsed_promise_is_proven_able_to_break() -> None:
    rehearsed = {promise.number for promise in PROMISES if promise.check is not None}
    assert {number for number, _, _ in BROKEN.values()} == rehearsed


def test_what_failed_or_was_dropped_is_no_contact() -> None:
    refused = a_message(state=MessageState.FAILED, sent_at=None)
    seen = a_run(messages=(refused, a_message(when=at(9))), left=(left(a_message(when=at(9))),))
    assert [each.number for each in watch(seen) if each.broken] == []


def test_a_part_that_is_not_in_dispute_may_be_asked_for() -> None:
    partly = _disputed(disputed_amount=HUNDRED - NINETY)
    message = a_message(items=(MessageItem(invoice_id="A-1", step="level-1", level=1, cycle=1, open_balance=NINETY),))
    assert watched(5, a_run(messages=(message,), disputes=(partly,))).broken == ()
    assert watched(5, a_run(messages=(a_message(),), disputes=(partly,))).broken != ()
    over = partly.model_copy(update={"closed_at": at(5) + timedelta(hours=1)})
    assert watched(5, a_run(messages=(a_message(),), disputes=(over,))).broken == ()
