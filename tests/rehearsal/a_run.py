"""A finished run built by hand, in which every promise is kept: the tests break one thing of it at a time."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from receivables.customer import Contact, Customer
from receivables.escalations import Case, CaseState, Trigger, Urgency
from receivables.holds import Hold, HoldReason
from receivables.invoice import Stage
from receivables.ledger import EntryKind, LedgerEntry
from receivables.ledger_file.rows import LedgerRow
from receivables.messages import ChannelName, Message, MessageItem, MessageKind, MessageState, Tone
from receivables.money import Money
from rehearsal.feeding import MORNING, Shift
from rehearsal.record import FeedTold, InvoiceAtTheEnd, Joined, NotDone, Record, TellingDone
from rehearsal.seen import Seen
from rehearsal.sink import Left
from tests.rehearsal.small_ledger import the_policy

HUNDRED = Money(minor=10_000, currency="EUR")
NOTHING = Money(minor=0, currency="EUR")
DUE_ON = date(2035, 3, 1)  # a Thursday
PAID_ON = date(2035, 3, 14)


def at(day: int, hour: int = 10, *, month: int = 3) -> datetime:
    """An instant of spring 2035, UTC; the 5th of March is a Monday."""
    return datetime(2035, month, day, hour, tzinfo=UTC)


def a_message(**changes: Any) -> Message:
    """The first reminder, on Tuesday 6 March."""
    when: datetime = changes.pop("when", at(6))
    level: int | None = changes.pop("level", 1)
    step: str = changes.pop("step", f"level-{level}")
    open_balance: Money = changes.pop("open_balance", HUNDRED)
    values: dict[str, Any] = {
        "key": f"C-1:{step}:{when.date()}",
        "customer_id": "C-1",
        "kind": MessageKind.REMINDER,
        "step": step,
        "template": "reminder_1",
        "tone": Tone.FRIENDLY,
        "channel": ChannelName.EMAIL,
        "to": "pay@acme.example",
        "window_on": when.date(),
        "items": (MessageItem(invoice_id="A-1", step=step, level=level, cycle=1, open_balance=open_balance),),
        "state": MessageState.SENT,
        "reserved_at": when,
        "lease_until": when + timedelta(minutes=1),
        "sent_at": when,
        "rule": "level 1 of 4, 3 days after the due day",
        "segment": "standard",
    }
    return Message(**(values | changes))


def second_reminder() -> Message:
    return a_message(when=at(12), level=2, template="reminder_2", tone=Tone.NEUTRAL)


def a_receipt() -> Message:
    return a_message(
        when=at(14), level=None, step="receipt", kind=MessageKind.RECEIPT, template="receipt", open_balance=NOTHING
    )


def left(message: Message) -> Left:
    return Left(key=message.key, to=message.to, message_id=f"<{message.key}>", lacks=())


def an_invoice_at_the_end(**changes: Any) -> InvoiceAtTheEnd:
    values: dict[str, Any] = {
        "invoice_id": "A-1",
        "customer_id": "C-1",
        "amount": HUNDRED,
        "open_balance": NOTHING,
        "issued_on": date(2035, 1, 30),
        "due_on": DUE_ON,
        "settled_on": PAID_ON,
        "stage": Stage.SETTLED,
        "segment": "standard",
        "policy_version": the_policy().version,
        "reason": "nothing is owed",
        "next_look_at": None,
        "decided_at": at(14, 12),
    }
    return InvoiceAtTheEnd(**(values | changes))


def a_payment(**changes: Any) -> LedgerEntry:
    values: dict[str, Any] = {
        "document_id": "A-1:money-1",
        "kind": EntryKind.PAYMENT,
        "customer_id": "C-1",
        "invoice_id": "A-1",
        "amount": -HUNDRED,
        "booked_on": PAID_ON,
        "recorded_at": datetime.combine(PAID_ON, MORNING, UTC),
    }
    return LedgerEntry(**(values | changes))


def a_case(**changes: Any) -> Case:
    """About A-1, from 13 March until money ended it on the 14th."""
    values: dict[str, Any] = {
        "case_id": "case-A-1-1",
        "customer_id": "C-1",
        "invoice_ids": ("A-1",),
        "trigger": Trigger.DAYS_PAST_DUE,
        "matter": "days_past_due:C-1",
        "words": "long past due",
        "urgency": Urgency.STANDARD,
        "state": CaseState.SETTLED,
        "wanted_at": at(13),
        "deadline_at": at(20),
        "assigned_to": "rehearsal-agent",
        "decided_at": at(14, 7),
        "outcome": "nothing is owed any more",
    }
    return Case(**(values | changes))


def a_hold(**changes: Any) -> Hold:
    values: dict[str, Any] = {
        "hold_id": "H-1",
        "customer_id": "C-1",
        "reason": HoldReason.REPLY,
        "words": "a reply is being read",
        "owner": "rehearsal-agent",
        "from_at": at(2),
        "until_at": at(4),
    }
    return Hold.model_construct(**(values | changes))  # as a faulty store would give it


def a_row(**changes: Any) -> LedgerRow:
    values: dict[str, Any] = {
        "row": 2,
        "invoice_id": "A-1",
        "customer_id": "C-1",
        "customer_name": "Acme",
        "country": "DE",
        "amount": HUNDRED,
        "issued_on": date(2035, 1, 30),
        "due_on": DUE_ON,
        "settled_on": PAID_ON,
    }
    return LedgerRow(**(values | changes))


def a_customer(**changes: Any) -> Customer:
    values: dict[str, Any] = {
        "customer_id": "C-1",
        "name": "Acme",
        "country": "DE",
        "contact": Contact(email="pay@acme.example"),
    }
    return Customer(**(values | changes))


def a_line(**changes: Any) -> NotDone:
    values: dict[str, Any] = {
        "invoice_id": "A-1",
        "customer_id": "C-1",
        "at": at(13),
        "kind": "held_back",
        "words": "level-3 held back: with agent",
        "rule": "with_agent",
    }
    return NotDone(**(values | changes))


def a_telling(**changes: Any) -> TellingDone:
    values: dict[str, Any] = {
        "fact_id": "payment:A-1:money-1",
        "invoice_id": "A-1",
        "stored_at": at(14, 6),
        "told_at": at(14, 6),
    }
    return TellingDone(**(values | changes))


def a_run(
    *, rows: tuple[LedgerRow, ...] | None = None, messages: tuple[Message, ...] | None = None, **changes: Any
) -> Seen:
    """Reminded twice, with a person on the 13th, paid on the 14th. The shift is none: the ledger is of 2035 itself."""
    messages = (a_message(), second_reminder(), a_receipt()) if messages is None else messages
    record = Record(
        customers=(a_customer(),),
        invoices=(an_invoice_at_the_end(),),
        entries=(a_payment(),),
        messages=messages,
        left=tuple(left(message) for message in messages if message.state is MessageState.SENT),
        cases=(a_case(),),
        joined=(Joined(case_id="case-A-1-1", invoice_id="A-1", at=at(13)),),
        disputes=(),
        holds=(a_hold(),),
        lines=(a_line(),),
        tellings=(a_telling(),),
        stored_facts=frozenset({"invoice:A-1", "payment:A-1:money-1"}),
        fed_facts=("invoice:A-1", "payment:A-1:money-1"),
        feeds=tuple(
            FeedTold(at=datetime.combine(day, MORNING, UTC), complete_until_at=datetime.combine(day, MORNING, UTC))
            for day in (date(2035, 1, 1) + timedelta(days=number) for number in range(100))
        ),
    )
    return Seen(
        record=replace(record, **changes),
        rows=rows if rows is not None else (a_row(),),
        policy=the_policy(),
        shift=Shift(by=timedelta(0)),
    )
