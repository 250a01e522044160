"""What makes an invoice rest although its ladder would go on: stale money, holds, disputes, promises, doubt."""

from datetime import datetime, timedelta

from policy.contact_windows import days_later
from policy.saying import say_day
from policy.situation import Subject
from receivables.holds import HoldReason
from receivables.messages import MessageState
from receivables.steps import Reason, Wait

LOOK_AGAIN_AT_STALE_MONEY = timedelta(hours=1)
LOOK_AGAIN_AT_A_DISPUTE = timedelta(days=7)

ENDED_BY_MONEY: frozenset[HoldReason] = frozenset({HoldReason.PROMISE, HoldReason.PAYMENT_CLAIMED, HoldReason.IN_DOUBT})
"""Holds that wait for the payment itself: once it is there, its receipt may go out."""


def stale_money(subject: Subject) -> Wait | None:
    """Nobody is chased on stale payment data. Notices ask for nothing, so they go out."""
    situation, rung = subject.situation, subject.due_rung
    if rung is None or rung.kind.is_notice or not situation.feed_is_stale:
        return None
    feed = situation.account.feed
    hours = situation.rules.current.fresh_money.older_than_hours
    if feed is None:
        words, known = "no payment feed was ever heard of", "never heard of"
    else:
        known = situation.say(feed.complete_until_at)
        words = f"the payment feed {feed.feed_id} is complete only until {known}, longer ago than {hours} hours"
    return Wait(
        look_again_at=situation.as_of + LOOK_AGAIN_AT_STALE_MONEY,
        held_back=rung.step,
        reason=Reason(
            rule="fresh_money", words=words, facts={"feed complete until": known, "older than hours": str(hours)}
        ),
    )


def hold(subject: Subject) -> Wait | None:
    """Holds overlap; the latest end counts."""
    holds = subject.situation.holds_on(subject.invoice_id)
    if not holds:
        return None
    last = max(holds, key=lambda each: each.until_at)
    until = subject.situation.say(last.until_at)
    others = f", and {len(holds) - 1} more" if len(holds) > 1 else ""
    return Wait(
        look_again_at=last.until_at,
        held_back=subject.next_step_name,
        reason=Reason(
            rule="hold",
            words=f"on hold until {until} ({last.reason.value}: {last.words}; owner {last.owner}){others}",
            facts={"hold": last.hold_id, "reason": last.reason.value, "owner": last.owner, "until": until}
            | ({"holds": ", ".join(each.hold_id for each in holds)} if others else {}),
        ),
    )


def dispute(subject: Subject) -> Wait | None:
    """What is in dispute rests; the undisputed part goes on."""
    contested = subject.standing.open_dispute
    if contested is None or subject.asked.minor > 0:
        return None
    amount = str(contested.disputed_amount) if contested.disputed_amount is not None else "the whole invoice"
    return Wait(
        look_again_at=subject.situation.as_of + LOOK_AGAIN_AT_A_DISPUTE,
        held_back=subject.next_step_name,
        reason=Reason(
            rule="dispute",
            words=f"in dispute since {say_day(subject.situation.local_day(contested.opened_at))}: {amount}",
            facts={"dispute": contested.dispute_id, "disputed": amount},
        ),
    )


def promise(subject: Subject) -> Wait | None:
    """An open promise rests until its day and the grace after it have passed."""
    said = subject.standing.open_promise
    if said is None or said.is_kept(open_balance=subject.standing.open_balance):
        return None
    rests_until_on = days_later(said.promised_on, subject.policy.replies.promise_grace_days)
    if subject.situation.today > rests_until_on:
        return None
    return Wait(
        look_again_at=subject.situation.start_of(days_later(rests_until_on, 1)),
        held_back=subject.next_step_name,
        reason=Reason(
            rule="promise",
            words=(
                f"the customer promised {said.amount} by {say_day(said.promised_on)}; "
                f"we wait until the end of {say_day(rests_until_on)}"
            ),
            facts={
                "promise": said.promise_id,
                "promised on": str(said.promised_on),
                "grace days": str(subject.policy.replies.promise_grace_days),
            },
        ),
    )


def in_doubt(subject: Subject) -> Wait | None:
    """While a message about it is leaving, or may or may not have left, an invoice gets no other; so long at most."""
    situation = subject.situation
    message = situation.uncertain_messages.get((subject.invoice_id, subject.standing.invoice.cycle))
    if message is None:
        return None
    is_leaving = message.state is MessageState.RESERVED and situation.as_of < message.lease_until
    until: datetime = (
        message.lease_until
        if is_leaving
        else message.reserved_at + timedelta(days=situation.rules.current.in_doubt_rest_days)
    )
    if situation.as_of >= until:
        return None
    words = f"{message.step} is leaving right now" if is_leaving else f"{message.step} may or may not have left"
    return Wait(
        look_again_at=until,
        held_back=subject.next_step_name,
        reason=Reason(
            rule="in_doubt",
            words=f"{words}; we wait until {situation.say(until)} at most",
            facts={"message": message.key, "state": message.state.value},
        ),
    )
