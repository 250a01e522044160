"""Values for tests: valid by default, so that a test names only what matters to it. Add at the end, change nothing."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from policy.rules import Rules
from receivables.account import Account, PaymentHistory, Standing, StepTaken
from receivables.agents import Agent
from receivables.collection_policy import (
    CollectionPolicy,
    ContactRules,
    EscalationRule,
    Hours,
    Ladder,
    LadderEnd,
    LevelRule,
    NoticeRule,
    SegmentMeasures,
    Sender,
    WayToPay,
)
from receivables.customer import Contact as ContactPerson
from receivables.customer import Customer
from receivables.disputes import Dispute
from receivables.escalations import Case, CaseState, Trigger, Urgency
from receivables.holds import Hold, HoldReason
from receivables.invoice import Invoice
from receivables.ledger import PaymentFeed
from receivables.messages import ChannelName, Message, MessageItem, MessageKind, MessageState, Tone
from receivables.money import Money
from receivables.promises import PromiseToPay
from receivables.replies import Intent, IntentRead, Reading, Reply


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def eur(amount: str) -> Money:
    return Money.of(amount, "EUR")


def a_customer(**changes: Any) -> Customer:
    """C-1, Acme GmbH of Berlin, who can be mailed. `email=None` for one who cannot."""
    email = changes.pop("email", "anna@acme.example")
    values: dict[str, Any] = {
        "customer_id": "C-1",
        "name": "Acme GmbH",
        "country": "DE",
        "time_zone": "Europe/Berlin",
        "contact": ContactPerson(name="Anna Acme", email=email),
    }
    return Customer(**(values | changes))


def an_invoice(**changes: Any) -> Invoice:
    """INV-1 over EUR 100.00 (`amount="50.00"`, `currency="USD"`), issued 1 February 2024, due Friday 1 March 2024.

    It was opened at 8:00 UTC of its issue day where `opened_at` is not given.
    """
    currency = changes.pop("currency", "EUR")
    amount = changes.pop("amount", "100.00")
    values: dict[str, Any] = {
        "invoice_id": "INV-1",
        "customer_id": "C-1",
        "amount": amount if isinstance(amount, Money) else Money.of(amount, currency),
        "issued_on": date(2024, 2, 1),
        "due_on": date(2024, 3, 1),
    } | changes
    values.setdefault("opened_at", datetime.combine(values["issued_on"], time(8), tzinfo=UTC))
    return Invoice(**values)


def a_standing(invoice: Invoice | None = None, **changes: Any) -> Standing:
    """The invoice with all of it open and nothing received. `open_balance="50.00"` is in the invoice's currency."""
    invoice = invoice if invoice is not None else an_invoice()
    currency = invoice.amount.currency
    for field in ("open_balance", "received"):
        if isinstance(changes.get(field), str):
            changes[field] = Money.of(changes[field], currency)
    values: dict[str, Any] = {
        "invoice": invoice,
        "open_balance": invoice.amount,
        "received": Money.zero(currency),
    }
    if "open_balance" in changes and "received" not in changes:
        values["received"] = invoice.amount - changes["open_balance"]
    return Standing(**(values | changes))


def an_account(*standings: Standing, **changes: Any) -> Account:
    """An account of these invoices (INV-1 where none is given), its payment feed fresh for ever."""
    standings = standings or (a_standing(),)
    values: dict[str, Any] = {
        "customer": a_customer(customer_id=standings[0].invoice.customer_id),
        "standings": standings,
        "messages": tuple({taken.message.key: taken.message for s in standings for taken in s.steps_taken}.values()),
        "history": PaymentHistory(settled_count=10),
        "feed": a_feed(),
    }
    return Account(**(values | changes))


def a_feed(**changes: Any) -> PaymentFeed:
    values: dict[str, Any] = {"feed_id": "bank", "complete_until_at": utc(2999, 1, 1), "told_at": utc(2024, 1, 1)}
    return PaymentFeed(**(values | changes))


def a_level(number: int, *, days: int, **changes: Any) -> LevelRule:
    values: dict[str, Any] = {
        "name": f"level_{number}",
        "days": days,
        "template": f"reminder_{min(number, 3)}",
        "tone": Tone.NEUTRAL,
    }
    return LevelRule(**(values | changes))


def a_notice(**changes: Any) -> NoticeRule:
    values: dict[str, Any] = {
        "name": "due_soon",
        "kind": MessageKind.DUE_SOON,
        "template": "due_soon",
        "days": -3,
        "counted_from": "due_on",
    }
    return NoticeRule(**(values | changes))


def a_ladder(*days: int, **changes: Any) -> Ladder:
    """Levels so many calendar days after the due day (5, 12 and 25 if none are given), a person 7 days later."""
    values: dict[str, Any] = {
        "levels": tuple(a_level(number, days=day) for number, day in enumerate(days or (5, 12, 25), start=1)),
        "end": LadderEnd(after_days=7),
    }
    return Ladder(**(values | changes))


def some_hours(opens: str = "09:00", closes: str = "17:00", **changes: Any) -> Hours:
    return Hours(**({"from": time.fromisoformat(opens), "until": time.fromisoformat(closes)} | changes))


def always_open() -> Hours:
    return some_hours(
        "00:00", "00:00", weekdays=("mon", "tue", "wed", "thu", "fri", "sat", "sun"), public_holidays="open"
    )


def some_contact_rules(**changes: Any) -> ContactRules:
    """9:00 to 17:00 on working days, at most two messages in seven days with two days between."""
    return ContactRules(**({"hours": some_hours()} | changes))


def a_sender(**changes: Any) -> Sender:
    values: dict[str, Any] = {
        "company": "Example Ltd",
        "address": "1 High Street, London",
        "email": "accounts@example.com",
        "reply_domain": "replies.example.com",
        "person": "Grace Miller",
        "phone": "+44 20 7946 0000",
        "ways_to_pay": (WayToPay(currency="EUR", words="Bank transfer to DE00 0000 0000 0000"),),
    }
    return Sender(**(values | changes))


def a_policy(**changes: Any) -> CollectionPolicy:
    """Everybody is treated by the ladder `standard` (`ladder=a_ladder(30, 40, 50)` changes it); no minimum."""
    ladder = changes.pop("ladder", None) or a_ladder()
    values: dict[str, Any] = {
        "name": "test policy",
        "version": "test",
        "sender": a_sender(),
        "time_zones": {"default": "UTC"},
        "contact": some_contact_rules(),
        "measures": SegmentMeasures(high_value_from={"EUR": "100000.00"}),
        "default_ladder": "standard",
        "ladders": {"standard": ladder},
        "escalations": (
            EscalationRule(trigger=Trigger.ATTEMPTS_USED_UP),
            EscalationRule(trigger=Trigger.PERSONAL_ONLY),
            EscalationRule(trigger=Trigger.CONTACT_REPAIR),
            EscalationRule(trigger=Trigger.BROKEN_PROMISE),
        ),
    }
    return CollectionPolicy(**(values | changes))


def some_rules(policy: CollectionPolicy | None = None, *, earlier: Sequence[CollectionPolicy] = ()) -> Rules:
    return Rules(current=policy or a_policy(), earlier={old.version: old for old in earlier})


def an_item(invoice: Invoice | None = None, **changes: Any) -> MessageItem:
    """The invoice at level 1 (`level=2` names the step too)."""
    invoice = invoice if invoice is not None else an_invoice()
    level = changes.get("level", 1)
    values: dict[str, Any] = {
        "invoice_id": invoice.invoice_id,
        "step": f"level-{level}",
        "level": level,
        "cycle": invoice.cycle,
        "open_balance": invoice.amount,
    }
    return MessageItem(**(values | changes))


def a_message(*items: MessageItem, at: datetime, **changes: Any) -> Message:
    """A reminder about these items that was sent at `at` (`state=…` for another fate)."""
    items = items or (an_item(),)
    customer_id = changes.get("customer_id", "C-1")
    state = changes.get("state", MessageState.SENT)
    step = changes.get("step", items[0].step)
    values: dict[str, Any] = {
        "key": f"{customer_id}:{step}:{at.date()}",
        "customer_id": customer_id,
        "kind": MessageKind.REMINDER,
        "step": step,
        "template": "reminder_1",
        "tone": Tone.NEUTRAL,
        "channel": ChannelName.EMAIL,
        "to": "anna@acme.example",
        "window_on": at.date(),
        "items": items,
        "state": state,
        "reserved_at": at,
        "lease_until": at + timedelta(minutes=5),
        "sent_at": at if state is MessageState.SENT else None,
    }
    return Message(**(values | changes))


def a_step_taken(invoice: Invoice | None = None, *, level: int = 1, at: datetime, **changes: Any) -> StepTaken:
    """A level of the invoice, sent at `at` on its own (`state=…` for another fate, `step="due_soon"` for a notice)."""
    step = changes.pop("step", None)
    item = an_item(invoice, level=level) if step is None else an_item(invoice, level=None, step=step)
    item = item.model_copy(update={"cycle": changes.pop("cycle", item.cycle)})
    return StepTaken(item=item, message=a_message(item, at=at, **changes))


def a_hold(**changes: Any) -> Hold:
    """The whole customer rests through March 2024 (`invoice_id="INV-1"` for one invoice)."""
    values: dict[str, Any] = {
        "hold_id": "H-1",
        "customer_id": "C-1",
        "reason": HoldReason.BACKEND,
        "words": "paused by billing",
        "owner": "policy",
        "from_at": utc(2024, 2, 1),
        "until_at": utc(2024, 4, 1),
    }
    return Hold(**(values | changes))


def a_case(**changes: Any) -> Case:
    """An open case about INV-1 with agent-1, made by a reply on 4 March 2024, due two days later."""
    values: dict[str, Any] = {
        "case_id": "case-1",
        "customer_id": "C-1",
        "invoice_ids": ("INV-1",),
        "trigger": Trigger.REPLY,
        "matter": "reply:R-1:dispute",
        "words": "the customer disputes the invoice",
        "urgency": Urgency.HIGH,
        "state": CaseState.OPEN,
        "wanted_at": utc(2024, 3, 4, 10),
        "deadline_at": utc(2024, 3, 6, 10),
        "assigned_to": "agent-1",
    } | changes
    if values["state"] is CaseState.WANTED:
        values["assigned_to"] = changes.get("assigned_to")
    if values["state"] in (CaseState.DECIDED, CaseState.SETTLED):
        values.setdefault("decided_at", values["deadline_at"])
    return Case(**values)


def a_promise(**changes: Any) -> PromiseToPay:
    """All of INV-1 by 15 March 2024, said on 4 March."""
    values: dict[str, Any] = {
        "promise_id": "P-1",
        "invoice_id": "INV-1",
        "customer_id": "C-1",
        "amount": eur("100.00"),
        "balance_then": eur("100.00"),
        "promised_on": date(2024, 3, 15),
        "said_at": utc(2024, 3, 4, 10),
    }
    return PromiseToPay(**(values | changes))


def a_dispute(**changes: Any) -> Dispute:
    """All of INV-1 (`disputed_amount=eur("40.00")` for a part), opened on 4 March 2024."""
    values: dict[str, Any] = {
        "dispute_id": "D-1",
        "invoice_id": "INV-1",
        "customer_id": "C-1",
        "opened_at": utc(2024, 3, 4, 10),
    }
    return Dispute(**(values | changes))


def an_agent(agent_id: str = "agent-1", **changes: Any) -> Agent:
    """Agent-1 of London, who speaks English. `role=AgentRole.MANAGER` for a manager."""
    values: dict[str, Any] = {"agent_id": agent_id, "name": agent_id.title(), "email": f"{agent_id}@example.com"}
    return Agent(**(values | changes))


def a_reply(*intents: Intent, **changes: Any) -> Reply:
    """R-1 about INV-1, of Monday 4 March 2024, 10:00 UTC. `reading={"promised_on": …}` for what was read besides."""
    reading: dict[str, Any] = {"intents": tuple(IntentRead(intent=intent) for intent in intents or (Intent.OTHER,))}
    values: dict[str, Any] = {
        "reply_id": "R-1",
        "customer_id": "C-1",
        "invoice_ids": ("INV-1",),
        "received_at": utc(2024, 3, 4, 10),
        "reading": Reading(**(reading | changes.pop("reading", {}))),
    }
    return Reply(**(values | changes))
