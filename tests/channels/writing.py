"""Letters and facts for these tests: valid by default, so that a test names only what matters to it."""

from datetime import UTC, date, datetime
from typing import Any

from channels.letter_facts import LetterFacts, LetterItem, PaymentWay, PersonToReach
from channels.mime import message_id_of
from receivables.messages import Letter, MessageKind, Tone
from receivables.money import Money


def a_letter(**changes: Any) -> Letter:
    values: dict[str, Any] = {
        "key": "C-1:level-1:2024-03-06",
        "message_id": message_id_of(changes.get("key", "C-1:level-1:2024-03-06"), domain="replies.example.com"),
        "sender": "Example Ltd <accounts@example.com>",
        "to": "anna@acme.example",
        "reply_to": "reply+token-of-c1@replies.example.com",
        "subject": "Reminder: invoice INV-1 was due on 1 March 2024",
        "text": "Dear Anna,\n\nplease pay.\n",
        "html": "<p>Dear Anna,</p>\n<p>please pay.</p>\n",
        "language": "en",
        "headers": (("Date", "Wed, 06 Mar 2024 09:00:00 +0000"), ("Auto-Submitted", "auto-generated")),
    }
    return Letter(**(values | changes))


def a_letter_item(**changes: Any) -> LetterItem:
    """INV-1 over EUR 100.00, all open (`amount`, `received` and `currency` as texts), due 1 March 2024."""
    currency = changes.pop("currency", "EUR")
    amount = Money.of(changes.pop("amount", "100.00"), currency)
    received = Money.of(changes.pop("received", "0"), currency)
    values: dict[str, Any] = {
        "invoice_id": "INV-1",
        "issued_on": date(2024, 2, 1),
        "due_on": date(2024, 3, 1),
        "amount": amount,
        "open_balance": amount - received,
        "received": received,
        "days_past_due": 5,
        "level": 1,
    }
    return LetterItem(**(values | changes))


def some_facts(*items: LetterItem, **changes: Any) -> LetterFacts:
    """A neutral first reminder to Anna of Acme GmbH in English, from Example Ltd."""
    values: dict[str, Any] = {
        "key": "C-1:level-1:2024-03-06",
        "kind": MessageKind.REMINDER,
        "template": "reminder_1",
        "tone": Tone.NEUTRAL,
        "language": "en",
        "country": "GB",
        "to": "anna@acme.example",
        "reply_token": "token-of-c1",
        "company": "Example Ltd",
        "company_address": "1 High Street\nLondon",
        "company_email": "accounts@example.com",
        "reply_domain": "replies.example.com",
        "customer_name": "Acme GmbH",
        "contact_name": "Anna Acme",
        "person": PersonToReach(name="Grace Miller", email="grace@example.com", phone="+44 20 7946 0000"),
        "items": items or (a_letter_item(),),
        "ways_to_pay": (PaymentWay(currency="EUR", words="Bank transfer to DE00 0000 0000 0000"),),
        "self_service": "https://pay.example.com/token-of-c1",
        "as_of": date(2024, 3, 6),
        "written_at": datetime(2024, 3, 6, 9, 0, tzinfo=UTC),
    }
    return LetterFacts(**(values | changes))
