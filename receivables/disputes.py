"""A dispute: the customer contests an invoice, or part of it."""

from datetime import datetime
from enum import StrEnum

from receivables.frozen import Frozen
from receivables.money import Money


class DisputeState(StrEnum):
    OPEN = "open"
    UPHELD = "upheld"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class Dispute(Frozen):
    """`disputed_amount` None: the whole invoice."""

    dispute_id: str
    invoice_id: str
    customer_id: str
    disputed_amount: Money | None = None
    words: str = ""
    opened_at: datetime
    state: DisputeState = DisputeState.OPEN
    closed_at: datetime | None = None
