"""Judged again, in the transaction that reserves the message: may this step go out now, and for which invoices?

One message speaks of all the customer's invoices that are due for the same kind of message in this window.
"""

from datetime import date, datetime
from typing import assert_never

from policy.ladder import Rung
from policy.next_step import RECEIPT, decide
from policy.rules import Rules
from policy.situation import Situation, Subject, family_of
from receivables.account import Account
from receivables.collection_policy import LevelRule
from receivables.frozen import Frozen
from receivables.messages import ChannelName, MessageItem, MessageKind, Tone
from receivables.money import Money
from receivables.steps import Close, Contact, Escalate, Reason, Wait


class Outreach(Frozen):
    """A message to write now. Its step, template and tone are those of the highest level among its items."""

    customer_id: str
    kind: MessageKind
    step: str
    template: str
    tone: Tone
    channel: ChannelName
    to: str
    window_on: date
    """The customer's local day."""
    items: tuple[MessageItem, ...]
    """The invoice asked for and all that go with it, oldest due first. `open_balance` is what is asked for."""
    reason: Reason
    segment: str
    key: str
    credits: tuple[Money, ...] = ()
    """The customer's money that lies on no invoice yet, in the currencies of the items: it lowers what is asked."""


class HeldBack(Frozen):
    """Not now. `is_routine`: nothing was wrong; another message covered it already, or it simply has its time later."""

    reason: Reason
    look_again_at: datetime
    is_routine: bool


def judge(*, account: Account, invoice_id: str, step: str, rules: Rules, as_of: datetime) -> Outreach | HeldBack:
    """Whether this step of this invoice's chase may be written now, from scratch; if so, the whole message."""
    situation = Situation(account=account, rules=rules, as_of=as_of)
    asked_for = next(
        (subject for subject in situation.subjects if subject.invoice_id == invoice_id), None
    ) or situation.subject(account.standing(invoice_id))
    answer = decide(asked_for)
    if not (isinstance(answer, Contact) and answer.step == step and answer.at <= as_of):
        return _held_back(asked_for, step, answer)
    together = [(asked_for, answer), *_others_due(situation, asked_for, answer)]
    together.sort(key=lambda pair: (pair[0].standing.invoice.due_on, pair[0].invoice_id))
    return _outreach(situation, together, asked_for)


def _others_due(situation: Situation, asked_for: Subject, answer: Contact) -> list[tuple[Subject, Contact]]:
    due: list[tuple[Subject, Contact]] = []
    for subject in situation.subjects:
        if subject is asked_for or not _may_be_due(subject, answer.message):
            continue
        other = decide(subject)
        if (
            isinstance(other, Contact)
            and other.at <= situation.as_of
            and family_of(other.message) == family_of(answer.message)
        ):
            due.append((subject, other))
    return due


def _may_be_due(subject: Subject, kind: MessageKind) -> bool:
    """A quick look that spares most invoices the whole judgement: is their next message of this family and due?"""
    if kind is MessageKind.RECEIPT:
        return subject.is_settled
    if subject.is_settled:
        return False
    rung = subject.due_rung
    return rung is not None and family_of(rung.kind) == family_of(kind)


def _outreach(situation: Situation, together: list[tuple[Subject, Contact]], asked_for: Subject) -> Outreach:
    leading, its_step = max(together, key=lambda pair: pair[1].level or 0)
    template, tone, channel = _wording(leading)
    customer = situation.customer
    window_on = situation.today
    others = len(together) - 1
    with_others = f"; in one message with {others} more of this customer" if others else ""
    currencies = {subject.standing.open_balance.currency for subject, _ in together}
    return Outreach(
        customer_id=customer.customer_id,
        kind=its_step.message,
        step=its_step.step,
        template=template,
        tone=tone,
        channel=channel,
        to=customer.contact.email or "",
        window_on=window_on,
        items=tuple(_item(subject, contact) for subject, contact in together),
        reason=its_step.reason.model_copy(update={"words": its_step.reason.words + with_others}),
        segment=asked_for.treatment.segment_name,
        key=f"{customer.customer_id}:{its_step.step}:{window_on.isoformat()}",
        credits=tuple(money for currency, money in sorted(situation.unapplied.items()) if currency in currencies),
    )


def _wording(subject: Subject) -> tuple[str, Tone, ChannelName]:
    rung = subject.rung
    if subject.is_settled or not isinstance(rung, Rung):
        return RECEIPT, Tone.FRIENDLY, ChannelName.EMAIL
    tone = rung.rule.tone if isinstance(rung.rule, LevelRule) else Tone.FRIENDLY
    return rung.rule.template, tone, rung.rule.channel


def _item(subject: Subject, contact: Contact) -> MessageItem:
    return MessageItem(
        invoice_id=subject.invoice_id,
        step=contact.step,
        level=contact.level,
        cycle=subject.standing.invoice.cycle,
        open_balance=subject.standing.open_balance if subject.is_settled else subject.asked,
    )


def _held_back(subject: Subject, step: str, answer: Contact | Wait | Escalate | Close) -> HeldBack:
    as_of = subject.situation.as_of
    covered = next(
        (taken for taken in subject.standing.steps_of_this_cycle() if taken.item.step == step and taken.counts), None
    )
    if covered is not None:
        reason = Reason(
            rule="already_covered",
            words=f"{step} of {subject.invoice_id} is in the message {covered.message.key} already",
            facts={"message": covered.message.key, "state": covered.message.state.value},
        )
        return HeldBack(reason=reason, look_again_at=_look_again_at(answer, as_of), is_routine=True)
    # Another step than the one asked for, or the same at another time: the plan has moved, nothing is wrong.
    return HeldBack(
        reason=answer.reason, look_again_at=_look_again_at(answer, as_of), is_routine=isinstance(answer, Contact)
    )


def _look_again_at(answer: Contact | Wait | Escalate | Close, as_of: datetime) -> datetime:
    match answer:
        case Contact() | Wait():
            return max(as_of, answer.look_again_at)
        case Escalate() | Close():
            return as_of
        case _:
            assert_never(answer)
