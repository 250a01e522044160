"""Why an invoice is where it is: what comes next, by which rule and facts, and all that was considered on the way."""

from datetime import datetime

from policy.chase import facts_of
from policy.contact_windows import is_open
from policy.next_step import CHASE_CHECKS, CHECKS, decide
from policy.rules import Rules
from policy.situation import Situation, Subject
from receivables.account import Account
from receivables.frozen import Frozen
from receivables.messages import MessageKind
from receivables.steps import NextStep, Reason, Wait


class Explanation(Frozen):
    """`considered` holds every rule that had something to say, in the order in which they are asked."""

    invoice_id: str
    as_of: datetime
    next_step: NextStep
    segment: str
    segment_words: str
    treatment_words: str
    policy_version: str
    considered: tuple[Reason, ...]


def explain(*, account: Account, invoice_id: str, rules: Rules, as_of: datetime) -> Explanation:
    """Everything that `next_step` looked at for this invoice at `as_of`, in words."""
    subject = Situation(account=account, rules=rules, as_of=as_of).subject(account.standing(invoice_id))
    return Explanation(
        invoice_id=invoice_id,
        as_of=as_of,
        next_step=decide(subject),
        segment=subject.treatment.segment_name,
        segment_words=subject.treatment.segmentation.words,
        treatment_words=subject.treatment.words,
        policy_version=subject.policy.version,
        considered=(
            Reason(rule="balance", words=_balance_words(subject), facts=facts_of(subject)),
            Reason(rule="segment", words=subject.treatment.segmentation.words),
            Reason(rule="treatment", words=subject.treatment.words),
            *_ladder_words(subject),
            _budget_words(subject),
            _hours_words(subject),
            *_what_the_checks_say(subject),
        ),
    )


def _balance_words(subject: Subject) -> str:
    standing = subject.standing
    late = standing.invoice.days_past_due(as_of=subject.situation.today)
    return f"{standing.open_balance} of {standing.invoice.amount} is open, {late} days past due"


def _ladder_words(subject: Subject) -> list[Reason]:
    rung = subject.rung
    if rung is None:
        return []
    return [Reason(rule="ladder", words=f"{rung.words}; due {subject.situation.say(rung.at)}")]


def _budget_words(subject: Subject) -> Reason:
    situation = subject.situation
    opens_at = situation.budget_opens(situation.as_of, MessageKind.REMINDER)
    allows = "allows a reminder now" if opens_at <= situation.as_of else f"allows none before {situation.say(opens_at)}"
    days = ", ".join(str(day) for day in situation.contact_days[-5:]) or "none"
    return Reason(rule="contact_budget", words=f"the contact budget {allows}", facts={"last contacts on": days})


def _hours_words(subject: Subject) -> Reason:
    situation = subject.situation
    if is_open(at=situation.as_of, customer=situation.customer, policy=situation.rules.current):
        return Reason(rule="contact_hours", words="contact hours are open now")
    opens_at = situation.next_open(situation.as_of)
    return Reason(rule="contact_hours", words=f"contact hours are closed and open {situation.say(opens_at)}")


def _what_the_checks_say(subject: Subject) -> list[Reason]:
    """The reason of each rule that would act, were it asked alone; what it holds back stands in the facts."""
    reasons: list[Reason] = []
    for check in (*CHECKS, *CHASE_CHECKS):
        step = check(subject)
        if step is None:
            continue
        holds_back = step.held_back if isinstance(step, Wait) else None
        facts = step.reason.facts | ({"held back": holds_back} if holds_back is not None else {})
        reasons.append(step.reason.model_copy(update={"facts": facts}))
    return reasons
