"""What to do with an invoice now. Read the checks in their order: the first that has something to say decides."""

from collections.abc import Callable
from datetime import datetime, timedelta

from policy import chase, rests
from policy.escalation_triggers import triggers_for
from policy.rules import Rules
from policy.saying import say_day
from policy.situation import Situation, Subject
from policy.told import was_told
from receivables.account import Account
from receivables.escalations import Case, CaseState
from receivables.invoice import Stage
from receivables.messages import MessageKind, MessageState
from receivables.steps import Close, Contact, Escalate, NextStep, Reason, Wait

RECEIPT = "receipt"
RECEIPT_NOT_OLDER_THAN_DAYS = 7
"""A receipt that could not be sent within so many days of its payment is not sent late."""

A_CASE_IS_ASSIGNED_IN = timedelta(seconds=3)
"""How long an escalation that has begun looks for somebody, before an invoice looks again who it is."""

A_DAY = timedelta(days=1)
A_WEEK = timedelta(days=7)


def next_step(*, account: Account, invoice_id: str, rules: Rules, as_of: datetime) -> NextStep:
    """What to do with this invoice of the account at `as_of`, why, and when to look again.

    Raises KeyError where the invoice is not on the account.
    """
    situation = Situation(account=account, rules=rules, as_of=as_of)
    return decide(situation.subject(account.standing(invoice_id)))


def decide(subject: Subject) -> NextStep:
    for check in CHECKS:
        step = check(subject)
        if step is not None:
            return step
    for check in CHASE_CHECKS:
        step = check(subject)
        if step is not None:
            return _no_later_than_the_trigger(subject, step)
    raise AssertionError(f"no check has anything to say of {subject.invoice_id}; there must be one")


def out_of_collection(subject: Subject) -> Close | None:
    """The backend took it out: withdrawn, or given up in the books."""
    invoice = subject.standing.invoice
    if invoice.withdrawn_at is not None:
        return Close(stage=Stage.CLOSED, reason=Reason(rule="withdrawn", words="the invoice was withdrawn"))
    if invoice.written_off_at is not None:
        return Close(stage=Stage.CLOSED, reason=Reason(rule="written_off", words="the invoice was written off"))
    return None


def settled(subject: Subject) -> Wait | Contact | Close | None:
    """Nothing is owed: a receipt where a payment settled it, then the end, unless its case goes on for others."""
    if not subject.is_settled:
        return None
    balance = subject.standing.open_balance
    facts = {"open balance": str(balance), "received": str(subject.standing.received)}
    shared = next((case for case in _cases_of(subject) if _is_owed_elsewhere(subject, case)), None)
    if shared is not None:
        words = f"settled; the case {shared.case_id} goes on for the customer's other invoices"
        return Wait(
            look_again_at=_ahead(subject, shared.deadline_at),
            reason=Reason(rule="settled_with_case", words=words, facts=facts | {"case": shared.case_id}),
        )
    receipt = _receipt(subject, facts)
    if receipt is not None:
        return receipt
    words = "nothing is owed" if balance.minor <= 0 else f"{balance} is left, within the tolerance"
    return Close(stage=Stage.SETTLED, reason=Reason(rule="settled", words=words, facts=facts))


def draft(subject: Subject) -> Wait | None:
    invoice = subject.standing.invoice
    if not invoice.draft:
        return None
    tomorrow = subject.situation.as_of + A_DAY
    return Wait(
        look_again_at=max(tomorrow, subject.situation.start_of(invoice.due_on)),
        reason=Reason(rule="draft", words="a draft is never reminded of", facts={"due on": str(invoice.due_on)}),
    )


def excluded(subject: Subject) -> Wait | None:
    if not subject.situation.customer.excluded:
        return None
    return Wait(
        look_again_at=subject.situation.as_of + A_DAY,
        held_back=subject.due_rung.step if subject.due_rung is not None else None,
        reason=Reason(rule="excluded", words="the customer is excluded from collection, until somebody lifts that"),
    )


def with_agent(subject: Subject) -> Wait | None:
    """While a person has it, nothing automated goes out about it."""
    open_case = next((case for case in _cases_of(subject) if case.state is CaseState.OPEN), None)
    if open_case is None:
        return None
    if open_case.assigned_to is None and not open_case.assigned_because:
        # Its escalation has just begun. Should that take long, we look less and less often.
        as_of = subject.situation.as_of
        return Wait(
            look_again_at=as_of + max(A_CASE_IS_ASSIGNED_IN, as_of - open_case.wanted_at),
            held_back=subject.next_step_name,
            reason=Reason(
                rule="with_agent",
                words=f"being given to a person: {open_case.words}",
                facts={"case": open_case.case_id, "trigger": open_case.trigger.value},
            ),
        )
    who = open_case.assigned_to or "nobody yet"
    deadline = subject.situation.say(open_case.deadline_at)
    return Wait(
        look_again_at=_ahead(subject, open_case.deadline_at),
        held_back=subject.next_step_name,
        reason=Reason(
            rule="with_agent",
            words=f"with agent {who}, who decides by {deadline}: {open_case.words}",
            facts={"case": open_case.case_id, "agent": who, "deadline": deadline, "trigger": open_case.trigger.value},
        ),
    )


def case_wanted(subject: Subject) -> Escalate | None:
    """Something that was said or done needs a person; the case is asked for and must be opened."""
    wanted = next((case for case in _cases_of(subject) if case.state is CaseState.WANTED), None)
    if wanted is None:
        return None
    return Escalate(
        trigger=wanted.trigger,
        matter=wanted.matter,
        urgency=wanted.urgency,
        deadline_at=wanted.deadline_at,
        reason=Reason(
            rule="case_wanted", words=wanted.words, facts={"case": wanted.case_id, "trigger": wanted.trigger.value}
        ),
    )


def triggered(subject: Subject) -> Escalate | None:
    """The policy passes the baton to a person. What somebody decided already is not told again."""
    situation = subject.situation
    fired = triggers_for(
        standing=subject.standing, account=situation.account, rules=situation.rules, as_of=situation.as_of
    )
    return next((escalate for escalate in fired if not was_told(subject, escalate)), None)


def personal_only(subject: Subject) -> Wait | None:
    if not subject.situation.customer.personal_only:
        return None
    return Wait(
        look_again_at=_when_it_matters(subject),
        held_back=subject.due_rung.step if subject.due_rung is not None else None,
        reason=Reason(
            rule="personal_only", words="this customer gets no automated message, ever; people write and call"
        ),
    )


def no_treatment(subject: Subject) -> Wait | None:
    treatment = subject.treatment
    if treatment.ladder is not None:
        return None
    return Wait(
        look_again_at=_when_it_matters(subject),
        reason=Reason(
            rule="no_treatment",
            words=treatment.words,
            facts={
                "segment": treatment.segment_name,
                "ladder": treatment.ladder_name or "none",
                "chosen by": treatment.chosen_by,
            },
        ),
    )


def no_address(subject: Subject) -> Wait | None:
    """Nobody to write to; no level is used up. A person repairs the contact (`contact_repair`)."""
    person = subject.situation.customer.contact
    if person.can_be_mailed:
        return None
    words = "the customer's e-mail address refused our mail" if person.email else "the customer has no e-mail address"
    return Wait(
        look_again_at=_when_it_matters(subject),
        held_back=subject.due_rung.step if subject.due_rung is not None else None,
        reason=Reason(rule="no_address", words=words),
    )


Check = Callable[[Subject], NextStep | None]

CHECKS: tuple[Check, ...] = (out_of_collection, settled, draft, excluded, with_agent, case_wanted, triggered)
"""What ends the chase, keeps it from starting, or puts it into a person's hands."""

CHASE_CHECKS: tuple[Check, ...] = (
    personal_only,
    no_treatment,
    no_address,
    rests.stale_money,
    rests.hold,
    rests.dispute,
    rests.promise,
    rests.in_doubt,
    chase.ladder_end,
    chase.budget,
    chase.minimum,
    chase.contact,
)
"""What makes the chase rest, and the chase itself. None of these sleeps past the moment when a person takes over."""


def _no_later_than_the_trigger(subject: Subject, step: NextStep) -> NextStep:
    if not isinstance(step, Wait | Contact) or step.look_again_at <= subject.situation.as_of:
        return step
    takes_over_at = subject.next_trigger_at
    if takes_over_at is None or not subject.situation.as_of < takes_over_at < step.look_again_at:
        return step
    if isinstance(step, Wait):
        return step.model_copy(update={"look_again_at": takes_over_at})
    when = subject.situation.say(takes_over_at)
    return Wait(
        look_again_at=takes_over_at,
        reason=Reason(
            rule="person_takes_over",
            words=f"a person takes over on {when}, before the next step ({step.reason.words})",
            facts=step.reason.facts,
        ),
    )


def _receipt(subject: Subject, facts: dict[str, str]) -> Contact | None:
    """The receipt for the payment that settled it, once, to those whom automation may write to."""
    situation, standing = subject.situation, subject.standing
    customer, paid_on = situation.customer, standing.last_payment_on
    if (
        not situation.rules.current.receipts
        or paid_on is None
        or customer.personal_only
        or customer.excluded
        or not customer.contact.can_be_mailed
        or standing.invoice.draft
        or _wants_silence(subject)
    ):
        return None
    if any(
        taken.item.step == RECEIPT and taken.message.state is not MessageState.DEFERRED
        for taken in standing.steps_of_this_cycle()
    ):
        return None
    kind = MessageKind.RECEIPT
    at = situation.next_open(situation.budget_opens(situation.as_of, kind))
    if kind.value in situation.families_of_today and situation.local_day(at) == situation.today:
        at = chase.tomorrows_opening(subject)
    if (situation.local_day(at) - paid_on).days > RECEIPT_NOT_OLDER_THAN_DAYS:
        return None
    return Contact(
        message=kind,
        step=RECEIPT,
        at=at,
        reason=Reason(
            rule=RECEIPT,
            words=f"settled by the payment of {say_day(paid_on)}: a receipt",
            facts=facts | {"paid on": str(paid_on)},
        ),
    )


def _wants_silence(subject: Subject) -> bool:
    """A hold that a payment does not answer (a reply nobody has read yet, a pause that a person asked for)."""
    return any(each.reason not in rests.ENDED_BY_MONEY for each in subject.situation.holds_on(subject.invoice_id))


def _cases_of(subject: Subject) -> list[Case]:
    return subject.situation.cases.get(subject.invoice_id, [])


def _is_owed_elsewhere(subject: Subject, case: Case) -> bool:
    """Whether the case is about another invoice, too, that is still owed."""
    return any(
        other.invoice_id in case.invoice_ids
        and other.invoice_id != subject.invoice_id
        and not other.is_settled
        and out_of_collection(other) is None
        for other in subject.situation.subjects
    )


def _ahead(subject: Subject, deadline_at: datetime) -> datetime:
    """The deadline; where it has passed already, the case is being moved up, and we look again tomorrow."""
    as_of = subject.situation.as_of
    return deadline_at if deadline_at > as_of else as_of + A_DAY


def _when_it_matters(subject: Subject) -> datetime:
    """For waits that only news or a trigger end: the day it becomes overdue, else in a week."""
    overdue_at = subject.situation.start_of(subject.overdue_on)
    return overdue_at if overdue_at > subject.situation.as_of else subject.situation.as_of + A_WEEK
