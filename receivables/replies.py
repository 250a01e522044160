"""What a customer wrote, as read: intents, tone and dates. The table of the intents is in `docs/glossary.md`."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from receivables.frozen import Frozen
from receivables.money import Money


class Intent(StrEnum):
    PROMISE_TO_PAY = "promise_to_pay"
    PAYMENT_CLAIMED = "payment_claimed"
    REMITTANCE_ADVICE = "remittance_advice"
    EXTENSION_REQUEST = "extension_request"
    PAYMENT_PLAN_REQUEST = "payment_plan_request"
    DISPUTE = "dispute"
    BILLING_QUESTION = "billing_question"
    DOCUMENT_REQUEST = "document_request"
    HOW_TO_PAY = "how_to_pay"
    HARDSHIP = "hardship"
    LEGAL = "legal"
    FRUSTRATION = "frustration"
    PERSON_REQUEST = "person_request"
    STOP_CONTACT = "stop_contact"
    WRONG_CONTACT = "wrong_contact"
    ACKNOWLEDGEMENT = "acknowledgement"
    AUTO_REPLY = "auto_reply"
    BOUNCE = "bounce"
    OTHER = "other"


NEEDS_PERSON: frozenset[Intent] = frozenset(
    {
        Intent.EXTENSION_REQUEST,
        Intent.PAYMENT_PLAN_REQUEST,
        Intent.DISPUTE,
        Intent.BILLING_QUESTION,
        Intent.HARDSHIP,
        Intent.LEGAL,
        Intent.FRUSTRATION,
        Intent.PERSON_REQUEST,
        Intent.STOP_CONTACT,
        Intent.WRONG_CONTACT,
        Intent.OTHER,
    }
)
"""Intents that always go to a person, whatever else the reply says."""

FROM_A_MACHINE: frozenset[Intent] = frozenset({Intent.AUTO_REPLY, Intent.BOUNCE})
"""Written by a machine: no human reply, so it freezes nothing and is never answered."""


class Sentiment(StrEnum):
    NEGATIVE = "negative"
    NEUTRAL = "neutral"
    POSITIVE = "positive"


class IntentRead(Frozen):
    """One intent with the reader's confidence (0 to 1) and the customer's words that show it."""

    intent: Intent
    confidence: Annotated[float, Field(ge=0, le=1)] = 1.0
    evidence: str = ""


class Reading(Frozen):
    """Our structured view of a reply. Dates are the customer's, resolved against the day of receipt."""

    intents: tuple[IntentRead, ...] = Field(min_length=1)
    sentiment: Sentiment = Sentiment.NEUTRAL
    needs_person: bool = False
    promised_on: date | None = None
    promised_amount: Money | None = None
    claimed_paid_on: date | None = None
    disputed_amount: Money | None = None
    back_on: date | None = None
    """Out of office until this day."""
    language: str | None = None

    def has(self, intent: Intent) -> bool:
        return any(read.intent is intent for read in self.intents)

    @property
    def wants_a_person(self) -> bool:
        return self.needs_person or any(read.intent in NEEDS_PERSON for read in self.intents)

    @property
    def is_from_a_machine(self) -> bool:
        return all(read.intent in FROM_A_MACHINE for read in self.intents)


class Reply(Frozen):
    """One inbound message of a customer. `invoice_ids` empty: about the whole account."""

    reply_id: str
    customer_id: str
    invoice_ids: tuple[str, ...] = ()
    received_at: datetime
    subject: str = ""
    body: str = ""
    reading: Reading
