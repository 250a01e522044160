"""Messages that we write: what they are for, where each stands, and which invoices it speaks of."""

from datetime import date, datetime
from enum import StrEnum

from receivables.frozen import Frozen
from receivables.money import Money


class MessageKind(StrEnum):
    """Notices ask for nothing; reminders climb the ladder."""

    DELIVERY_NOTICE = "delivery_notice"
    DUE_SOON = "due_soon"
    REMINDER = "reminder"
    FINAL_NOTICE = "final_notice"
    RECEIPT = "receipt"

    @property
    def is_notice(self) -> bool:
        return self in (MessageKind.DELIVERY_NOTICE, MessageKind.DUE_SOON, MessageKind.RECEIPT)


class MessageState(StrEnum):
    """reserved → sent, failed, deferred or in_doubt. A message that never left is deferred (tried again) or dropped."""

    RESERVED = "reserved"
    """Its key stands in the store; it may be leaving right now, until the lease ends."""
    DEFERRED = "deferred"
    """It surely did not leave (the mail server was away); it will be judged again and tried again."""
    SENT = "sent"
    FAILED = "failed"
    """Refused for good by the receiving side: no level is used up."""
    IN_DOUBT = "in_doubt"
    """It may or may not have left: a person settles it."""
    DROPPED = "dropped"
    """Given up by a person or by a second judgement before it left."""

    @property
    def counts_as_contact(self) -> bool:
        """Whether the customer has, or may have, received it: it uses its level and the contact budget."""
        return self in (MessageState.RESERVED, MessageState.SENT, MessageState.IN_DOUBT)


class Tone(StrEnum):
    FRIENDLY = "friendly"
    NEUTRAL = "neutral"
    FIRM = "firm"


class ChannelName(StrEnum):
    EMAIL = "email"


class MessageItem(Frozen):
    """One invoice in a message: at which step of its own ladder, and what was open then.

    `step` is the natural name of that step in the chase, "level-2" or "due_soon"; an invoice has each once a cycle.
    """

    invoice_id: str
    step: str
    level: int | None
    cycle: int
    open_balance: Money


class Message(Frozen):
    """One message to one customer, reserved under its key before it leaves.

    `key` is `<customer>:<step>:<window day>`; the store holds it, and each item's invoice, step and cycle, only once.
    """

    key: str
    customer_id: str
    kind: MessageKind
    step: str
    template: str
    tone: Tone
    channel: ChannelName
    to: str
    window_on: date
    """The customer's local day that it belongs to."""
    items: tuple[MessageItem, ...]
    state: MessageState
    reserved_at: datetime
    lease_until: datetime
    """While reserved: until then its sender may still be at work; after it, the message is in doubt."""
    sent_at: datetime | None = None
    provider_reference: str | None = None
    outcome: str = ""
    """What the channel, or the person who settled it, said."""
    rule: str = ""
    """Why it was written, in words."""
    segment: str = ""
    attempts: int = 1
    """How often it was, or may have been, handed to the channel; the store counts."""
    settled_by: str | None = None
    """The person who settled it, where it was in doubt or given up."""


class Letter(Frozen):
    """A rendered message, ready for a channel: the words and the headers that matter, nothing of the store.

    `message_id` is derived from the key, so that the same message always carries the same one.
    """

    key: str
    message_id: str
    sender: str
    to: str
    reply_to: str
    subject: str
    text: str
    html: str
    language: str
    headers: tuple[tuple[str, str], ...] = ()
