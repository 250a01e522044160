"""A reply being taken in: who wrote it, about which invoices, and why a person is needed, if so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from policy.contact_windows import start_of
from policy.escalation_rules import MOST_URGENT_FIRST, deadline_for, rules_for
from policy.rules import Rules
from policy.saying import say_day, say_days
from policy.segments import segment_of
from policy.time_zones import local_date
from receivables.account import Account, Standing
from receivables.collection_policy import CollectionPolicy, SegmentRule
from receivables.escalations import Case, CaseState, Trigger, Urgency
from receivables.holds import HoldReason
from receivables.replies import NEEDS_PERSON, Intent, Reply, Sentiment

SURE_FROM = 0.5
"""An intent read with less confidence than this starts nothing: a person reads the reply."""


class Follows(StrEnum):
    """What an intent leads to, by itself."""

    PROMISE = "promise"
    REST = "rest"
    DISPUTE = "dispute"
    PERSON_FOR_THE_INVOICE = "person_for_the_invoice"
    PERSON_FOR_THE_ACCOUNT = "person_for_the_account"
    BOUNCED = "bounced"
    AWAY = "away"
    NOTHING = "nothing"


FOLLOWS: Mapping[Intent, Follows] = MappingProxyType(
    {
        Intent.PROMISE_TO_PAY: Follows.PROMISE,
        Intent.PAYMENT_CLAIMED: Follows.REST,
        Intent.REMITTANCE_ADVICE: Follows.NOTHING,
        Intent.EXTENSION_REQUEST: Follows.PERSON_FOR_THE_INVOICE,
        Intent.PAYMENT_PLAN_REQUEST: Follows.PERSON_FOR_THE_INVOICE,
        Intent.DISPUTE: Follows.DISPUTE,
        Intent.BILLING_QUESTION: Follows.PERSON_FOR_THE_INVOICE,
        # No person is needed to send a copy or bank details, but until a machine can, one answers.
        Intent.DOCUMENT_REQUEST: Follows.PERSON_FOR_THE_INVOICE,
        Intent.HOW_TO_PAY: Follows.PERSON_FOR_THE_INVOICE,
        Intent.HARDSHIP: Follows.PERSON_FOR_THE_ACCOUNT,
        Intent.LEGAL: Follows.PERSON_FOR_THE_ACCOUNT,
        Intent.FRUSTRATION: Follows.PERSON_FOR_THE_ACCOUNT,
        Intent.PERSON_REQUEST: Follows.PERSON_FOR_THE_INVOICE,
        Intent.STOP_CONTACT: Follows.PERSON_FOR_THE_ACCOUNT,
        Intent.WRONG_CONTACT: Follows.PERSON_FOR_THE_ACCOUNT,
        Intent.ACKNOWLEDGEMENT: Follows.NOTHING,
        Intent.AUTO_REPLY: Follows.AWAY,
        Intent.BOUNCE: Follows.BOUNCED,
        Intent.OTHER: Follows.PERSON_FOR_THE_INVOICE,
    }
)
"""Every intent. A person for the account has all its open invoices, whichever the customer named."""

AT_ONCE_WITHOUT_A_RULE = frozenset({Intent.DISPUTE, Intent.BILLING_QUESTION, Intent.STOP_CONTACT, Intent.LEGAL})
"""Immediate where the policy has no rule for them; all others are standard then."""

_CALM_ABOUT_AN_INVOICE = frozenset(
    {
        Intent.DISPUTE,
        Intent.BILLING_QUESTION,
        Intent.DOCUMENT_REQUEST,
        Intent.HOW_TO_PAY,
        Intent.REMITTANCE_ADVICE,
        Intent.PAYMENT_CLAIMED,
        Intent.ACKNOWLEDGEMENT,
    }
)
"""With nothing else in the reply and the invoices named, the rest of the account goes on."""


def freeze_id(reply_id: str) -> str:
    """The hold that a human reply places on the whole customer the moment it comes in."""
    return f"reply:{reply_id}"


def stop_id(reply_id: str) -> str:
    """The longer hold of a reply that asks us to stop writing."""
    return f"{freeze_id(reply_id)}:stop"


def freezes_of(reply_id: str) -> tuple[str, ...]:
    """The holds that a reply may have placed and that end with its case."""
    return (freeze_id(reply_id), stop_id(reply_id))


def matter_of(reply_id: str) -> str:
    """The matter of the case that a reply makes."""
    return f"reply:{reply_id}"


class Why(NamedTuple):
    """A reason for a person: the intent whose rules say how urgent it is, and the same in words for the agent."""

    intent: Intent
    words: str


class TakingIn:
    """One reply being taken in: who wrote it, about what, and why a person is needed, if so."""

    def __init__(self, reply: Reply, account: Account, rules: Rules, as_of: datetime) -> None:
        self.reply = reply
        self.account = account
        self.policy: CollectionPolicy = rules.current
        self.received_on = local_date(customer=account.customer, policy=self.policy, as_of=reply.received_at)
        self.segment: SegmentRule | None = segment_of(account=account, policy=self.policy, as_of=as_of).segment
        self.is_from_a_machine = reply.reading.is_from_a_machine
        self.open_invoices = [standing for standing in account.standings if _is_open(standing)]
        self.named = [each for each in self.open_invoices if each.invoice.invoice_id in reply.invoice_ids]
        self.sure = {read.intent for read in reply.reading.intents if read.confidence >= SURE_FROM}
        self.reasons: list[Why] = [*self._reasons()]

    def _reasons(self) -> Iterator[Why]:
        """In the order of the reading; the promise's own reasons last."""
        reading = self.reply.reading
        for read in reading.intents:
            said = read.intent.value.replace("_", " ")
            if read.confidence < SURE_FROM:
                yield Why(Intent.OTHER, f"it may be: {said} (read with confidence {read.confidence:.0%})")
            elif read.intent in NEEDS_PERSON or FOLLOWS[read.intent] is Follows.PERSON_FOR_THE_INVOICE:
                yield Why(read.intent, said)
        if (
            reading.sentiment is Sentiment.NEGATIVE
            and not self.is_from_a_machine
            and not reading.has(Intent.FRUSTRATION)
        ):
            yield Why(Intent.FRUSTRATION, "a negative tone")
        if reading.needs_person and not any(read.intent in NEEDS_PERSON for read in reading.intents):
            yield Why(Intent.OTHER, "its reader asks for a person")
        if Intent.PAYMENT_CLAIMED in self.sure and self._claimed_before():
            yield Why(Intent.PAYMENT_CLAIMED, "says again that it is paid, and no money was found")
        if Intent.PROMISE_TO_PAY in self.sure and (doubt := self._doubt_about_the_promise()):
            yield Why(Intent.PROMISE_TO_PAY, doubt)

    def _claimed_before(self) -> bool:
        """On an earlier day, about the same: a second rest would put off the chase for ever."""
        named: list[str | None] = [each.invoice.invoice_id for each in self.named] or [None]
        return any(
            hold.reason is HoldReason.PAYMENT_CLAIMED
            and hold.invoice_id in named
            and local_date(customer=self.account.customer, policy=self.policy, as_of=hold.from_at) < self.received_on
            for hold in self.account.holds
        )

    def _doubt_about_the_promise(self) -> str | None:
        """Why a promise with a date cannot be taken down as it is."""
        day = self.reply.reading.promised_on
        if day is None:
            return None
        at_most = self.policy.replies.promise_at_most_days
        if (day - self.received_on).days > at_most:
            return f"a promise for {say_day(day)}, further away than {say_days(at_most)}"
        if day < self.received_on:
            return f"a promise for {say_day(day)}, which was past when it came"
        return self._doubt_about_the_amount()

    def _doubt_about_the_amount(self) -> str | None:
        amount, promised = self.reply.reading.promised_amount, self.promised_invoices
        if amount is None or not promised:
            return None
        if amount.minor <= 0 or {standing.open_balance.currency for standing in promised} != {amount.currency}:
            return f"a promise of {amount}, which is not of what is open"
        if len(promised) > 1 and amount.minor < sum(standing.open_balance.minor for standing in promised):
            return f"a promise of {amount}, which is a part of several invoices"
        return None

    @property
    def promised_invoices(self) -> list[Standing]:
        """The named open invoices; where none was named, all that was past due when the promise came."""
        if self.reply.invoice_ids:
            return self.named
        return [standing for standing in self.open_invoices if standing.invoice.is_past_due(as_of=self.received_on)]

    @property
    def disputed_invoices(self) -> list[Standing]:
        """The named ones, or the only one there is; of several that were not named nobody knows which."""
        if self.reply.invoice_ids:
            return self.named
        return self.open_invoices if len(self.open_invoices) == 1 else []

    @property
    def case_invoices(self) -> tuple[str, ...]:
        """What a case about this reply covers."""
        about_the_account = any(FOLLOWS[why.intent] is Follows.PERSON_FOR_THE_ACCOUNT for why in self.reasons)
        chosen = self.named if self.named and not about_the_account else self.open_invoices
        return tuple(standing.invoice.invoice_id for standing in chosen)

    @property
    def is_only_about_named_invoices(self) -> bool:
        return (
            bool(self.named)
            and all(read.intent in _CALM_ABOUT_AN_INVOICE for read in self.reply.reading.intents)
            and all(why.intent in _CALM_ABOUT_AN_INVOICE for why in self.reasons)
        )

    def start_of(self, day: date) -> datetime:
        return start_of(day=day, customer=self.account.customer, policy=self.policy)


def case_of(taking_in: TakingIn) -> Case:
    """One case for the whole reply, as urgent as its most urgent reason, due by the earliest of their deadlines."""
    reply = taking_in.reply
    judged = [_urgency_and_deadline(why.intent, taking_in) for why in taking_in.reasons]
    return Case(
        case_id=f"case-{reply.reply_id}",
        customer_id=reply.customer_id,
        invoice_ids=taking_in.case_invoices,
        trigger=Trigger.REPLY,
        matter=matter_of(reply.reply_id),
        words=f"{taking_in.account.customer.name} wrote: " + "; ".join(why.words for why in taking_in.reasons),
        urgency=min((urgency for urgency, _ in judged), key=MOST_URGENT_FIRST.index),
        state=CaseState.WANTED,
        wanted_at=reply.received_at,
        deadline_at=min(deadline for _, deadline in judged),
        reply_id=reply.reply_id,
    )


def _urgency_and_deadline(intent: Intent, taking_in: TakingIn) -> tuple[Urgency, datetime]:
    name = taking_in.segment.name if taking_in.segment else None
    rule = next(rules_for(policy=taking_in.policy, trigger=Trigger.REPLY, segment=name, intents=(intent,)), None)
    if rule is not None:
        urgency = rule.urgency
    else:
        urgency = Urgency.IMMEDIATE if intent in AT_ONCE_WITHOUT_A_RULE else Urgency.STANDARD
    deadline = deadline_for(
        trigger=Trigger.REPLY,
        urgency=urgency,
        rule=rule,
        segment=taking_in.segment,
        from_at=taking_in.reply.received_at,
    )
    return urgency, deadline


def _is_open(standing: Standing) -> bool:
    invoice = standing.invoice
    return (
        standing.open_balance.minor > 0
        and not invoice.draft
        and invoice.withdrawn_at is None
        and invoice.written_off_at is None
    )
