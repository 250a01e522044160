"""Holds: automated contact is paused, for a reason, by an owner, until an end. Holds overlap; the latest end counts."""

from datetime import datetime
from enum import StrEnum

from pydantic import model_validator

from receivables.frozen import Frozen


class HoldReason(StrEnum):
    REPLY = "reply"
    """A customer wrote; it rests until somebody or something has read it."""
    PROMISE = "promise"
    PAYMENT_CLAIMED = "payment_claimed"
    DISPUTE = "dispute"
    OUT_OF_OFFICE = "out_of_office"
    AGENT_DECISION = "agent_decision"
    IN_DOUBT = "in_doubt"
    BACKEND = "backend"
    """A backend service asked for the pause."""


class HoldWithoutEnd(ValueError):
    """Every hold has an end: a pause without a date is refused."""


class Hold(Frozen):
    """`invoice_id` None: the whole customer. `until_at` (UTC) is exclusive; `released_at` ends it earlier."""

    hold_id: str
    customer_id: str
    invoice_id: str | None = None
    reason: HoldReason
    words: str
    owner: str
    """Who must act on it: an agent's id, or the part of Baton that ends it by itself ("policy")."""
    from_at: datetime
    until_at: datetime
    released_at: datetime | None = None

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> "Hold":
        if not self.owner.strip() or not self.words.strip():
            raise ValueError("a hold names its owner and says why in words")
        if self.until_at <= self.from_at:
            raise HoldWithoutEnd(f"a hold ends after it begins: {self.until_at} is not after {self.from_at}")
        return self

    def is_active(self, *, as_of: datetime) -> bool:
        return self.from_at <= as_of < self.until_at and (self.released_at is None or as_of < self.released_at)

    def covers(self, *, invoice_id: str) -> bool:
        return self.invoice_id is None or self.invoice_id == invoice_id
