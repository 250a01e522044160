"""The chase goes on: the next rung of the ladder, within the contact budget, the contact hours and the minimum."""

from datetime import date, datetime, timedelta

from policy.contact_windows import opening_of
from policy.ladder import LadderEnded, Rung
from policy.saying import say_days
from policy.situation import Subject, family_of
from receivables.money import limit_for
from receivables.steps import Contact, Reason, Wait

LOOK_AGAIN_AFTER_THE_END = timedelta(days=30)
LOOK_AGAIN_AT_THE_MINIMUM = timedelta(days=7)


def ladder_end(subject: Subject) -> Wait | None:
    """All levels are used up. Who takes over then is a trigger's (`attempts_used_up`), told once."""
    ended = subject.rung
    if not isinstance(ended, LadderEnded):
        return None
    situation = subject.situation
    facts = facts_of(subject) | {"then": ended.then}
    if ended.at > situation.as_of:
        words = f"{ended.words}; what follows ({ended.then.replace('_', ' ')}) comes on {situation.say(ended.at)}"
        return Wait(look_again_at=ended.at, reason=Reason(rule="ladder_ended", words=words, facts=facts))
    return Wait(
        look_again_at=situation.as_of + LOOK_AGAIN_AFTER_THE_END,
        reason=Reason(rule="ladder_ended", words=f"{ended.words}; nothing automated follows any more", facts=facts),
    )


def budget(subject: Subject) -> Wait | None:
    """The step is due, and the customer's contact budget is spent."""
    situation, rung = subject.situation, subject.due_rung
    if rung is None:
        return None
    opens_at = situation.budget_opens(situation.as_of, rung.kind)
    if opens_at <= situation.as_of:
        return None
    contact = situation.rules.current.contact
    at = situation.next_open(opens_at)
    last = situation.contact_days[-1]
    return Wait(
        look_again_at=at,
        held_back=rung.step,
        reason=Reason(
            rule="contact_budget",
            words=(
                f"the contact budget is spent until {situation.say(at)}: at most {contact.most} contacts in "
                f"{say_days(contact.in_days)}, {say_days(contact.days_between)} between two"
            ),
            facts=facts_of(subject) | {"last contact": str(last), "allowed from": str(situation.local_day(opens_at))},
        ),
    )


def minimum(subject: Subject) -> Wait | None:
    """The customer's overdue total, less their money that lies unplaced, is too small to be reminded of."""
    situation, rung = subject.situation, subject.due_rung
    if rung is None or rung.kind.is_notice:
        return None
    currency = subject.asked.currency
    limit = limit_for(situation.rules.current.minimum, currency)
    credit = situation.unapplied.get(currency)
    if limit is None and credit is None:
        return None
    overdue = situation.overdue.get(currency, subject.asked)
    total = overdue - credit if credit is not None else overdue
    if credit is not None and total.minor <= 0:
        rule, words = (
            "unapplied_money",
            f"{credit} of the customer's money is not placed yet and covers {overdue} overdue",
        )
    elif limit is not None and total < limit:
        rule = "minimum"
        words = f"the customer's overdue total of {total} is under the minimum of {limit}"
    else:
        return None
    look_again_at = situation.as_of + LOOK_AGAIN_AT_THE_MINIMUM
    next_overdue_at = situation.next_overdue_at(currency)
    facts = facts_of(subject) | {"overdue total": str(overdue)}
    return Wait(
        look_again_at=min(look_again_at, next_overdue_at) if next_overdue_at is not None else look_again_at,
        held_back=rung.step,
        reason=Reason(
            rule=rule,
            words=words,
            facts=facts
            | ({"unplaced money": str(credit)} if credit is not None else {})
            | ({"minimum": str(limit)} if limit is not None else {}),
        ),
    )


def contact(subject: Subject) -> Contact | None:
    """Write to the customer: at the next opening where the rung is due, else when all that is known now allows it."""
    rung = subject.rung
    if not isinstance(rung, Rung):
        return None
    situation = subject.situation
    at, later_because = writing_time(subject, max(rung.at, situation.as_of), rung)
    late = subject.standing.invoice.days_past_due(as_of=situation.local_day(at))
    lateness = f", {say_days(late)} past due" if late else ""
    return Contact(
        message=rung.kind,
        step=rung.step,
        level=rung.level,
        at=at,
        reason=Reason(
            rule=f"{subject.treatment.ladder_name}.{rung.rule.name}",
            words=f"{rung.words}{lateness}{later_because}",
            facts=facts_of(subject) | {"step due": situation.say(rung.at)},
        ),
    )


def writing_time(subject: Subject, at: datetime, rung: Rung) -> tuple[datetime, str]:
    """When a step may be written that is due at `at`, and why later, if so."""
    situation = subject.situation
    allowed_at = situation.budget_opens(at, rung.kind)
    if family_of(rung.kind) in situation.families_of_today and situation.local_day(allowed_at) == situation.today:
        return tomorrows_opening(subject), "; one such message a day, and today's is written"
    opens_at = situation.next_open(allowed_at)
    if situation.local_day(allowed_at) != situation.local_day(at):
        return opens_at, f"; the contact budget allows it from {situation.say(opens_at)}"
    if opens_at > at:
        return opens_at, f"; contact hours open {situation.say(opens_at)}"
    return opens_at, ""


def tomorrows_opening(subject: Subject) -> datetime:
    situation = subject.situation
    tomorrow: date = situation.today + timedelta(days=1)
    return opening_of(day=tomorrow, customer=situation.customer, policy=situation.rules.current)


def facts_of(subject: Subject) -> dict[str, str]:
    """What every step of a chase looked at."""
    standing = subject.standing
    facts = {
        "due on": str(standing.invoice.due_on),
        "days past due": str(standing.invoice.days_past_due(as_of=subject.situation.today)),
        "open balance": str(standing.open_balance),
        "segment": subject.treatment.segment_name,
        "ladder": f"{subject.treatment.ladder_name or 'none'} (by {subject.treatment.chosen_by})",
    }
    if subject.asked != standing.open_balance:
        facts["asked for"] = str(subject.asked)
    if standing.received:
        facts["received"] = str(standing.received)
    return facts
