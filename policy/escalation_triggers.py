"""When a person takes over: the policy's thresholds, and what automation cannot go on with.

What a customer writes makes cases too, but when the reply is taken in (`policy.consequences`), not here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from operator import itemgetter
from typing import NamedTuple

from policy.balances import asked_of, is_settled
from policy.contact_windows import start_of
from policy.escalation_rules import MOST_URGENT_FIRST, deadline_for, rules_for
from policy.ladder import LadderEnded, Rung, next_rung
from policy.rules import Rules
from policy.saying import say_day, say_days
from policy.segments import segment_of
from policy.time_zones import local_date
from policy.treatment import treatment_of
from receivables.account import Account, Standing
from receivables.collection_policy import CollectionPolicy, EscalationRule, SegmentRule
from receivables.escalations import Trigger, Urgency
from receivables.holds import HoldReason
from receivables.money import Money, limit_for
from receivables.promises import PromiseState
from receivables.steps import Escalate, Reason

FIRST_AMONG_EQUALS = (
    Trigger.REPLY,
    Trigger.BROKEN_PROMISE,
    Trigger.OLD_DEBT,
    Trigger.AMOUNT,
    Trigger.DAYS_PAST_DUE,
    Trigger.ATTEMPTS_USED_UP,
    Trigger.PERSONAL_ONLY,
    Trigger.NO_TREATMENT,
    Trigger.CONTACT_REPAIR,
)
"""Of equally urgent triggers the one that says most about the debt comes first."""


_NO_REST_FOR_PEOPLE = frozenset({HoldReason.OUT_OF_OFFICE, HoldReason.IN_DOUBT})


class _Firing(NamedTuple):
    """A trigger, and the instant from which it fires (it may lie ahead)."""

    trigger: Trigger
    at: datetime
    words: str
    rule: EscalationRule | None
    about: str = ""
    """What the matter is about where it is not the whole customer."""
    asks_for_money: bool = True
    """Not while all that is past due lies under the policy's minimum."""


class _Look(NamedTuple):
    """What one judgement looks at, so that it is worked out once."""

    standing: Standing
    account: Account
    rules: Rules
    policy: CollectionPolicy
    segment: SegmentRule | None
    as_of: datetime

    def start_of(self, day: date) -> datetime:
        return start_of(day=day, customer=self.account.customer, policy=self.policy)

    def local_date(self, at: datetime) -> date:
        return local_date(customer=self.account.customer, policy=self.policy, as_of=at)

    @property
    def past_due_from(self) -> date:
        """The first day on which the invoice is past due, the policy's margin included."""
        return _later(self.standing.invoice.due_on, self.policy.overdue_margin_days + 1)

    def rules_of(self, trigger: Trigger) -> Iterator[EscalationRule]:
        name = self.segment.name if self.segment else None
        return rules_for(policy=self.policy, trigger=trigger, segment=name)

    def rule_of(self, trigger: Trigger) -> EscalationRule | None:
        return next(self.rules_of(trigger), None)


def trigger_for(*, standing: Standing, account: Account, rules: Rules, as_of: datetime) -> Escalate | None:
    """The most urgent trigger that fires for this invoice now, or None. Thresholds are inclusive."""
    return next(iter(triggers_for(standing=standing, account=account, rules=rules, as_of=as_of)), None)


def triggers_for(*, standing: Standing, account: Account, rules: Rules, as_of: datetime) -> tuple[Escalate, ...]:
    """All triggers that fire now, the most urgent first, one a matter.

    Whether a matter has been told and decided before is not looked at here. Nothing fires for an invoice that is not
    collected at all: settled (within the tolerance), a draft, withdrawn, written off, or of an excluded customer. An
    invoice that rests, on hold or for an open promise, rests for people as well; only what a machine answered, or a
    message in doubt, keeps no person from it.
    """
    look = _look(standing, account, rules, as_of)
    if look is None or _rests(look):
        return ()
    fired: dict[str, Escalate] = {}
    due = [firing for firing in _firings(look) if firing.at <= as_of and not _is_too_little(look, firing)]
    for firing in sorted(due, key=_rank):
        step = _escalate(look, firing)
        fired.setdefault(step.matter, step)
    return tuple(fired.values())


def next_trigger_at(*, standing: Standing, account: Account, rules: Rules, as_of: datetime) -> datetime | None:
    """When the next trigger will fire if nothing changes, so that no wait sleeps past it. None: none lies ahead."""
    look = _look(standing, account, rules, as_of)
    if look is None:
        return None
    return min((firing.at for firing in _firings(look) if firing.at > as_of), default=None)


def _look(standing: Standing, account: Account, rules: Rules, as_of: datetime) -> _Look | None:
    policy = rules.of(standing.invoice)
    if account.customer.excluded or not _is_collected(standing) or is_settled(standing=standing, policy=policy):
        return None
    segment = segment_of(account=account, policy=policy, as_of=as_of).segment
    return _Look(standing, account, rules, policy, segment, as_of)


def _rests(look: _Look) -> bool:
    """On hold, or with a promise of which the day and its grace have not passed. Both end, so nothing is put off for
    good."""
    holds = look.account.active_holds(invoice_id=look.standing.invoice.invoice_id, as_of=look.as_of)
    if any(hold.reason not in _NO_REST_FOR_PEOPLE for hold in holds):
        return True
    today, grace = look.local_date(look.as_of), look.policy.replies.promise_grace_days
    return not any(firing.at <= look.as_of for firing in _broken_promises(look)) and any(
        promise.state is PromiseState.OPEN
        and not promise.is_kept(open_balance=look.standing.open_balance)
        and today <= _later(promise.promised_on, grace)
        for promise in look.standing.promises
    )


def _firings(look: _Look) -> Iterator[_Firing]:
    yield from _broken_promises(look)
    yield from _old_debt(look)
    yield from _amount(look)
    yield from _days_past_due(look)
    yield from _what_the_ladder_cannot_do(look)


def _broken_promises(look: _Look) -> Iterator[_Firing]:
    if look.policy.replies.broken_promise != "person":
        return
    grace = look.policy.replies.promise_grace_days
    for promise in look.standing.promises:
        if promise.state is not PromiseState.OPEN or promise.is_kept(open_balance=look.standing.open_balance):
            continue
        yield _Firing(
            Trigger.BROKEN_PROMISE,
            look.start_of(_later(promise.promised_on, grace + 1)),
            f"{promise.amount} was promised by {say_day(promise.promised_on)} and has not come, "
            f"{say_days(grace)} of grace included",
            look.rule_of(Trigger.BROKEN_PROMISE),
            about=promise.promise_id,
        )


def _old_debt(look: _Look) -> Iterator[_Firing]:
    if look.policy.old_debt.start != "person" or not _was_old_when_opened(look):
        return
    invoice = look.standing.invoice
    days = (look.local_date(invoice.opened_at) - invoice.due_on).days
    yield _Firing(
        Trigger.OLD_DEBT,
        invoice.opened_at,
        f"it was {say_days(days)} past due already when it came in; from {say_days(look.policy.old_debt.from_days)} "
        "on a person looks at it first",
        look.rule_of(Trigger.OLD_DEBT),
    )


def _was_old_when_opened(look: _Look) -> bool:
    invoice = look.standing.invoice
    return (look.local_date(invoice.opened_at) - invoice.due_on).days >= max(1, look.policy.old_debt.from_days)


def _amount(look: _Look) -> Iterator[_Firing]:
    """The customer's past due total in this currency, since it is the account that reaches a threshold."""
    currency = look.standing.open_balance.currency
    for rule in look.rules_of(Trigger.AMOUNT):
        limit = limit_for(rule.amount, currency)
        if limit is None:
            continue
        first = look.past_due_from if rule.days is None else _later(look.standing.invoice.due_on, max(1, rule.days))
        total = 0
        for day, minor in _past_due(look, currency):
            total += minor
            if total >= limit.minor:
                yield _Firing(
                    Trigger.AMOUNT,
                    look.start_of(max(first, day)),
                    f"{Money(minor=total, currency=currency)} of this customer is past due; from {limit} on "
                    "a person takes over",
                    rule,
                )
                break


def _days_past_due(look: _Look) -> Iterator[_Firing]:
    invoice = look.standing.invoice
    counted_from, since = invoice.due_on, "past due"
    if look.policy.old_debt.start == "first_level" and _was_old_when_opened(look):
        # Else the ladder that the policy wants for old debt would never get to its first level.
        counted_from, since = look.local_date(invoice.opened_at), "with us (it was old already when it came in)"
    for rule in look.rules_of(Trigger.DAYS_PAST_DUE):
        days = max(1, rule.days or 0)
        yield _Firing(
            Trigger.DAYS_PAST_DUE,
            look.start_of(_later(counted_from, days)),
            f"{say_days((look.local_date(look.as_of) - counted_from).days)} {since}; from {say_days(days)} on a person "
            "takes over",
            rule,
        )


def _what_the_ladder_cannot_do(look: _Look) -> Iterator[_Firing]:
    """No automated contact wished, none planned, none left, or none possible."""
    customer = look.account.customer
    if customer.personal_only:
        yield _Firing(
            Trigger.PERSONAL_ONLY,
            look.start_of(look.past_due_from),
            "it is past due, and this customer gets no automated messages",
            look.rule_of(Trigger.PERSONAL_ONLY),
        )
        return
    treatment = treatment_of(standing=look.standing, account=look.account, rules=look.rules, as_of=look.as_of)
    if treatment.ladder is None:
        if treatment.chosen_by == "segment":
            yield _Firing(
                Trigger.NO_TREATMENT,
                look.start_of(look.past_due_from),
                f"it is past due, and segment {treatment.segment_name} has no ladder: a person collects",
                look.rule_of(Trigger.NO_TREATMENT),
            )
        return
    rung = next_rung(
        standing=look.standing, ladder=treatment.ladder, account=look.account, policy=look.policy, as_of=look.as_of
    )
    match rung:
        case LadderEnded():
            yield _Firing(
                Trigger.ATTEMPTS_USED_UP,
                rung.at,
                f"all levels of ladder {treatment.ladder_name} are used up; {_WHAT_ENDS_IT[rung.then]}",
                look.rule_of(Trigger.ATTEMPTS_USED_UP),
            )
        case Rung():
            if not customer.contact.can_be_mailed:
                why = "its e-mail address refused mail" if customer.contact.email else "it has no e-mail address"
                yield _Firing(
                    Trigger.CONTACT_REPAIR,
                    rung.at,
                    f"{rung.step} is due, and nobody of this customer can be written to: {why}",
                    look.rule_of(Trigger.CONTACT_REPAIR),
                    asks_for_money=rung.level is not None,
                )


_WHAT_ENDS_IT = {
    "person": "a person takes over",
    "agency_proposal": "a person decides whether to place it with an agency",
    "write_off_proposal": "a person decides whether to write it off",
}


def _escalate(look: _Look, firing: _Firing) -> Escalate:
    urgency = firing.rule.urgency if firing.rule else Urgency.STANDARD
    invoice = look.standing.invoice
    deadline = deadline_for(
        trigger=firing.trigger, urgency=urgency, rule=firing.rule, segment=look.segment, from_at=look.as_of
    )
    return Escalate(
        trigger=firing.trigger,
        matter=f"{firing.trigger}:{firing.about or look.account.customer.customer_id}",
        urgency=urgency,
        deadline_at=deadline,
        reason=Reason(
            rule=f"escalations.{firing.trigger}",
            words=firing.words,
            facts={
                "open_balance": str(look.standing.open_balance),
                "due_on": str(invoice.due_on),
                "days_past_due": str(invoice.days_past_due(as_of=look.local_date(look.as_of))),
                "segment": look.segment.name if look.segment else "none",
                "since": firing.at.isoformat(),
            },
        ),
    )


def _rank(firing: _Firing) -> tuple[int, int]:
    urgency = firing.rule.urgency if firing.rule else Urgency.STANDARD
    return MOST_URGENT_FIRST.index(urgency), FIRST_AMONG_EQUALS.index(firing.trigger)


def _is_too_little(look: _Look, firing: _Firing) -> bool:
    currency = look.standing.open_balance.currency
    minimum = limit_for(look.rules.current.minimum, currency)
    if minimum is None or not firing.asks_for_money:
        return False
    today = look.local_date(look.as_of)
    return sum(minor for day, minor in _past_due(look, currency) if day <= today) < minimum.minor


def _past_due(look: _Look, currency: str) -> list[tuple[date, int]]:
    """What is asked of the customer in a currency (minor units), by the day from which it is past due, in order."""
    margin = look.policy.overdue_margin_days
    return sorted(
        (
            (_later(standing.invoice.due_on, margin + 1), minor)
            for standing in look.account.standings
            if _is_collected(standing)
            and standing.open_balance.currency == currency
            and (minor := asked_of(standing=standing, policy=look.policy).minor) > 0
        ),
        key=itemgetter(0),
    )


def _is_collected(standing: Standing) -> bool:
    invoice = standing.invoice
    return not (invoice.draft or invoice.withdrawn_at is not None or invoice.written_off_at is not None)


def _later(day: date, days: int) -> date:
    """So many days later, or the calendar's last day."""
    left = (date.max - day).days
    return day + timedelta(days=min(days, left))
