"""What follows from a reply: promises, disputes, rests, cases. Money is never moved, a balance never touched.

The freeze that was placed when the reply came in (`freeze_id`) is released where the reading, or a case about the very
invoices that the customer named, takes its place; else it stays until its own end, or until the case is decided.

Ids are derived from the reply's and times from its receipt, so that drawing the consequences twice gives the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Literal, assert_never

from policy.rules import Rules
from policy.saying import say_day, say_days
from policy.taking_in import FOLLOWS, Follows, TakingIn, case_of, freeze_id, stop_id
from receivables.account import Account
from receivables.disputes import Dispute
from receivables.escalations import Case
from receivables.frozen import Frozen
from receivables.holds import Hold, HoldReason
from receivables.promises import PromiseToPay
from receivables.replies import FROM_A_MACHINE, Intent, Reply

BY_POLICY = "policy"


class MakePromise(Frozen):
    kind: Literal["make_promise"] = "make_promise"
    promise: PromiseToPay


class OpenDispute(Frozen):
    kind: Literal["open_dispute"] = "open_dispute"
    dispute: Dispute


class PlaceHold(Frozen):
    kind: Literal["place_hold"] = "place_hold"
    hold: Hold


class WantCase(Frozen):
    """The case is in state `wanted`. Without any open invoice its `invoice_ids` are empty: a worklist must show it."""

    kind: Literal["want_case"] = "want_case"
    case: Case


class MarkBounced(Frozen):
    """The contact's address refused mail at `at`; the contact-repair case comes by its trigger."""

    kind: Literal["mark_bounced"] = "mark_bounced"
    at: datetime


class ReleaseHold(Frozen):
    kind: Literal["release_hold"] = "release_hold"
    hold_id: str
    because: str


Consequence = MakePromise | OpenDispute | PlaceHold | WantCase | MarkBounced | ReleaseHold


def consequences_of(*, reply: Reply, account: Account, rules: Rules, as_of: datetime) -> tuple[Consequence, ...]:
    """All that follows from a reply, in the order in which it is to be carried out.

    A promise is taken down only where nothing in the reply needs a person: they judge it with the rest. What a machine
    wrote never releases, promises or disputes anything. `as_of` decides the segment only.
    """
    taking_in = TakingIn(reply, account, rules, as_of)
    if taking_in.is_from_a_machine:
        found = [*_from_a_machine(taking_in)]
        return (*found, WantCase(case=case_of(taking_in))) if taking_in.reasons else tuple(found)
    found = [*_from_a_person(taking_in)]
    if not taking_in.reasons:
        because = "read: " + ("; ".join(said(consequence) for consequence in found) or "it asks for nothing")
        return (*found, ReleaseHold(hold_id=freeze_id(reply.reply_id), because=because))
    case = case_of(taking_in)
    found.append(WantCase(case=case))
    if taking_in.is_only_about_named_invoices:
        because = f"case {case.case_id} holds {', '.join(case.invoice_ids)}; the rest of the account goes on"
        found.append(ReleaseHold(hold_id=freeze_id(reply.reply_id), because=because))
    return tuple(found)


def _from_a_machine(taking_in: TakingIn) -> Iterator[Consequence]:
    for intent in Intent:
        if intent in taking_in.sure and intent in FROM_A_MACHINE:
            yield from _what_follows(intent, taking_in)


def _from_a_person(taking_in: TakingIn) -> Iterator[Consequence]:
    for intent in Intent:
        # A machine's part of a human reply (a forwarded bounce, say) is for the person who reads it.
        if intent in taking_in.sure and intent not in FROM_A_MACHINE:
            yield from _what_follows(intent, taking_in)


def _what_follows(intent: Intent, taking_in: TakingIn) -> Iterator[Consequence]:
    follows = FOLLOWS[intent]
    match follows:
        case Follows.PROMISE:
            yield from _promises(taking_in)
        case Follows.REST:
            yield from _rests(taking_in)
        case Follows.DISPUTE:
            yield from _disputes(taking_in)
        case Follows.BOUNCED:
            yield MarkBounced(at=taking_in.reply.received_at)
        case Follows.AWAY:
            yield from _away(taking_in)
        case Follows.PERSON_FOR_THE_ACCOUNT:
            if intent is Intent.STOP_CONTACT:
                yield from _stops(taking_in)
        case Follows.PERSON_FOR_THE_INVOICE | Follows.NOTHING:
            pass
        case _:
            assert_never(follows)


def _promises(taking_in: TakingIn) -> Iterator[MakePromise]:
    """One a named invoice. Without a date nothing is assumed; with any reason for a person, nothing is taken down."""
    reply, reading = taking_in.reply, taking_in.reply.reading
    if reading.promised_on is None or taking_in.reasons:
        return
    promised = taking_in.promised_invoices
    for standing in promised:
        amount = standing.open_balance
        if reading.promised_amount is not None and len(promised) == 1:
            amount = min(reading.promised_amount, amount, key=lambda money: money.minor)
        yield MakePromise(
            promise=PromiseToPay(
                promise_id=f"{reply.reply_id}:{standing.invoice.invoice_id}:promise",
                invoice_id=standing.invoice.invoice_id,
                customer_id=reply.customer_id,
                amount=amount,
                balance_then=standing.open_balance,
                promised_on=reading.promised_on,
                said_at=reply.received_at,
            )
        )


def _rests(taking_in: TakingIn) -> Iterator[PlaceHold]:
    """ "Already paid" rests for some days, to find the money; only the money closes anything."""
    reply = taking_in.reply
    days = taking_in.policy.replies.payment_claimed_rest_days
    claimed_on = reply.reading.claimed_paid_on
    words = "the customer says that it is paid" + (f", on {say_day(claimed_on)}" if claimed_on else "")
    ids = [standing.invoice.invoice_id for standing in taking_in.named] if reply.invoice_ids else [None]
    for invoice_id in ids:
        yield from _hold(
            taking_in,
            hold_id=f"{reply.reply_id}:{invoice_id or 'account'}:payment_claimed",
            invoice_id=invoice_id,
            reason=HoldReason.PAYMENT_CLAIMED,
            words=f"{words}; it rests {say_days(days)} to find the money",
            until_on=taking_in.received_on + timedelta(days=days),
        )


def _disputes(taking_in: TakingIn) -> Iterator[OpenDispute]:
    reply = taking_in.reply
    disputed = taking_in.disputed_invoices
    words = next((read.evidence for read in reply.reading.intents if read.intent is Intent.DISPUTE), "")
    for standing in disputed:
        dispute_id = f"{reply.reply_id}:{standing.invoice.invoice_id}:dispute"
        if standing.open_dispute is not None and standing.open_dispute.dispute_id != dispute_id:
            continue
        amount = reply.reading.disputed_amount
        is_a_part = (
            amount is not None
            and len(disputed) == 1
            and amount.currency == standing.open_balance.currency
            and 0 < amount.minor < standing.open_balance.minor
        )
        yield OpenDispute(
            dispute=Dispute(
                dispute_id=dispute_id,
                invoice_id=standing.invoice.invoice_id,
                customer_id=reply.customer_id,
                disputed_amount=amount if is_a_part else None,
                words=words[:500],
                opened_at=reply.received_at,
            )
        )


def _away(taking_in: TakingIn) -> Iterator[PlaceHold]:
    """Out of office: a rest where the note names a day ahead, else nothing at all."""
    back_on = taking_in.reply.reading.back_on
    if back_on is None:
        return
    at_most = taking_in.received_on + timedelta(days=taking_in.policy.replies.out_of_office_at_most_days)
    yield from _hold(
        taking_in,
        hold_id=f"{taking_in.reply.reply_id}:account:out_of_office",
        invoice_id=None,
        reason=HoldReason.OUT_OF_OFFICE,
        words=f"out of office until {say_day(back_on)}",
        until_on=min(back_on, at_most),
    )


def _stops(taking_in: TakingIn) -> Iterator[PlaceHold]:
    """ "Stop writing" holds invoices that come later too, until a person has decided how to go on."""
    days = taking_in.policy.cases.hold_at_most_days
    yield from _hold(
        taking_in,
        hold_id=stop_id(taking_in.reply.reply_id),
        invoice_id=None,
        reason=HoldReason.REPLY,
        words="the customer asked us to stop writing; a person decides how to go on",
        until_on=taking_in.received_on + timedelta(days=max(1, days)),
    )


def _hold(
    taking_in: TakingIn, *, hold_id: str, invoice_id: str | None, reason: HoldReason, words: str, until_on: date
) -> Iterator[PlaceHold]:
    """A hold until that day begins at the customer's; none where it would end before it begins."""
    until_at = taking_in.start_of(until_on)
    if until_at > taking_in.reply.received_at:
        yield PlaceHold(
            hold=Hold(
                hold_id=hold_id,
                customer_id=taking_in.reply.customer_id,
                invoice_id=invoice_id,
                reason=reason,
                words=words,
                owner=BY_POLICY,
                from_at=taking_in.reply.received_at,
                until_at=until_at,
            )
        )


def said(consequence: Consequence) -> str:
    """What an operator reads of it."""
    match consequence:
        case MakePromise():
            promise = consequence.promise
            return f"a promise of {promise.amount} for {promise.invoice_id} by {say_day(promise.promised_on)}"
        case PlaceHold():
            return consequence.hold.words
        case OpenDispute():
            return f"{consequence.dispute.invoice_id} is disputed"
        case WantCase():
            return "a person is needed"
        case MarkBounced():
            return "the address refused our mail"
        case ReleaseHold():
            return "the freeze of the account ends"
        case _:
            assert_never(consequence)
