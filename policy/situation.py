"""What one judgement looks at, worked out once: the customer's situation, and each invoice as a subject of it.

An outreach judges all invoices of a customer, so whatever they share is computed here at most once.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from policy.balances import asked_of, is_settled
from policy.contact_budget import contact_days, earliest_day
from policy.contact_windows import days_later, next_open, start_of
from policy.escalation_triggers import next_trigger_at
from policy.ladder import LadderEnded, Rung, next_rung
from policy.rules import Rules
from policy.saying import say_moment
from policy.segments import Segmentation, segment_of
from policy.time_zones import local_date, zone_of
from policy.treatment import Treatment, treatment_by
from receivables.account import Account, Standing
from receivables.collection_policy import CollectionPolicy
from receivables.customer import Customer
from receivables.escalations import Case
from receivables.holds import Hold
from receivables.messages import Message, MessageKind, MessageState
from receivables.money import Money


@dataclass(frozen=True)
class Situation:
    """One customer at one instant. What concerns them as a whole follows the current policy."""

    account: Account
    rules: Rules
    as_of: datetime

    def subject(self, standing: Standing) -> "Subject":
        return Subject(situation=self, standing=standing)

    @property
    def customer(self) -> Customer:
        return self.account.customer

    @cached_property
    def zone(self) -> ZoneInfo:
        return zone_of(customer=self.customer, policy=self.rules.current)

    @cached_property
    def today(self) -> date:
        return self.local_day(self.as_of)

    def local_day(self, at: datetime) -> date:
        return local_date(customer=self.customer, policy=self.rules.current, as_of=at)

    def start_of(self, day: date) -> datetime:
        return start_of(day=day, customer=self.customer, policy=self.rules.current)

    def next_open(self, at: datetime) -> datetime:
        return next_open(at=at, customer=self.customer, policy=self.rules.current)

    def say(self, at: datetime) -> str:
        return say_moment(at, self.zone)

    @cached_property
    def contact_days(self) -> list[date]:
        return contact_days(account=self.account, rules=self.rules)

    def budget_opens(self, at: datetime, kind: MessageKind) -> datetime:
        """`at`, or the later instant from which the contact budget allows a message of this kind."""
        contact = self.rules.current.contact
        if kind.is_notice and not contact.notices_spend_it:
            return at
        day = self.local_day(at)
        allowed = earliest_day(from_on=day, contact_days=self.contact_days, contact=contact)
        return at if allowed == day else self.start_of(allowed)

    @cached_property
    def segmentations(self) -> dict[str, Segmentation]:
        return {}

    def segmentation(self, policy: CollectionPolicy) -> Segmentation:
        if policy.version not in self.segmentations:
            self.segmentations[policy.version] = segment_of(account=self.account, policy=policy, as_of=self.as_of)
        return self.segmentations[policy.version]

    @cached_property
    def cases(self) -> dict[str, list[Case]]:
        """Open and wanted cases by invoice."""
        by_invoice: dict[str, list[Case]] = {}
        for case in self.account.cases:
            if case.state.is_open:
                for invoice_id in case.invoice_ids:
                    by_invoice.setdefault(invoice_id, []).append(case)
        return by_invoice

    @cached_property
    def active_holds(self) -> tuple[Hold, ...]:
        return tuple(hold for hold in self.account.holds if hold.is_active(as_of=self.as_of))

    def holds_on(self, invoice_id: str) -> list[Hold]:
        return [hold for hold in self.active_holds if hold.covers(invoice_id=invoice_id)]

    @cached_property
    def uncertain_messages(self) -> dict[tuple[str, int], Message]:
        """Messages that are leaving or in doubt, by invoice and cycle; the latest of each."""
        return {
            (item.invoice_id, item.cycle): message
            for message in self.account.messages
            if message.state in (MessageState.RESERVED, MessageState.IN_DOUBT)
            for item in message.items
        }

    @cached_property
    def families_of_today(self) -> frozenset[str]:
        """The families of which a message was already written on the customer's present day, whatever its fate.

        A deferred message does not count: it surely did not leave, and is tried again under its own key.
        """
        return frozenset(
            family_of(message.kind)
            for message in self.account.messages
            if message.window_on == self.today and message.state is not MessageState.DEFERRED
        )

    @cached_property
    def feed_is_stale(self) -> bool:
        fresh = self.rules.current.fresh_money
        feed = self.account.feed
        if feed is None:
            return fresh.required
        return self.as_of - feed.complete_until_at > timedelta(hours=fresh.older_than_hours)

    @cached_property
    def subjects(self) -> tuple["Subject", ...]:
        return tuple(self.subject(standing) for standing in self.account.standings)

    @cached_property
    def overdue(self) -> dict[str, Money]:
        """What the customer may be asked for and is past due beyond the margin, by currency."""
        totals: dict[str, Money] = {}
        for subject in self.subjects:
            if subject.is_chaseable and self.today >= subject.overdue_on:
                currency = subject.asked.currency
                totals[currency] = totals[currency] + subject.asked if currency in totals else subject.asked
        return totals

    @cached_property
    def unapplied(self) -> dict[str, Money]:
        return {money.currency: money for money in self.account.unapplied if money.minor > 0}

    def next_overdue_at(self, currency: str) -> datetime | None:
        """When the next invoice in this currency becomes overdue."""
        days = [
            subject.overdue_on
            for subject in self.subjects
            if subject.overdue_on > self.today and subject.asked.currency == currency and subject.is_chaseable
        ]
        return self.start_of(min(days)) if days else None


@dataclass(frozen=True)
class Subject:
    """One invoice under judgement, by the rule book that it runs by."""

    situation: Situation
    standing: Standing

    @property
    def invoice_id(self) -> str:
        return self.standing.invoice.invoice_id

    @cached_property
    def policy(self) -> CollectionPolicy:
        return self.situation.rules.of(self.standing.invoice)

    @cached_property
    def is_settled(self) -> bool:
        return is_settled(standing=self.standing, policy=self.policy)

    @cached_property
    def asked(self) -> Money:
        return asked_of(standing=self.standing, policy=self.policy)

    @property
    def overdue_on(self) -> date:
        """The first day on which it is past due beyond the policy's margin."""
        return days_later(self.standing.invoice.due_on, 1 + self.policy.overdue_margin_days)

    @cached_property
    def is_chaseable(self) -> bool:
        """Whether it counts towards what the customer is reminded of: it is owed, and nothing takes it out."""
        invoice = self.standing.invoice
        return (
            not (invoice.draft or invoice.withdrawn_at or invoice.written_off_at)
            and not self.is_settled
            and self.asked.minor > 0
            and self.invoice_id not in self.situation.cases
            and not self.situation.holds_on(self.invoice_id)
        )

    @cached_property
    def treatment(self) -> Treatment:
        return treatment_by(
            standing=self.standing,
            account=self.situation.account,
            policy=self.policy,
            segmentation=self.situation.segmentation(self.policy),
        )

    @cached_property
    def rung(self) -> Rung | LadderEnded | None:
        """What its ladder has next; None where it has no ladder."""
        if self.treatment.ladder is None:
            return None
        return next_rung(
            standing=self.standing,
            ladder=self.treatment.ladder,
            account=self.situation.account,
            policy=self.policy,
            as_of=self.situation.as_of,
        )

    @property
    def due_rung(self) -> Rung | None:
        """The rung that is due now."""
        rung = self.rung
        return rung if isinstance(rung, Rung) and rung.at <= self.situation.as_of else None

    @property
    def next_step_name(self) -> str | None:
        """What a rule holds back: the next step of the ladder, due or not."""
        match self.rung:
            case Rung() as rung:
                return rung.step
            case LadderEnded():
                return "ladder_end"
            case None:
                return None

    @cached_property
    def next_trigger_at(self) -> datetime | None:
        """When a person takes over at the latest, where that lies ahead."""
        return next_trigger_at(
            standing=self.standing,
            account=self.situation.account,
            rules=self.situation.rules,
            as_of=self.situation.as_of,
        )


def family_of(kind: MessageKind) -> str:
    """What is written together in one message: all reminders, or all notices of a kind."""
    return "chase" if not kind.is_notice else kind.value
