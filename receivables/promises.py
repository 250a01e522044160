"""A promise to pay: one amount by one date, said by the customer."""

from datetime import date, datetime
from enum import StrEnum

from receivables.frozen import Frozen
from receivables.money import Money


class PromiseState(StrEnum):
    OPEN = "open"
    KEPT = "kept"
    BROKEN = "broken"
    WITHDRAWN = "withdrawn"


class PromiseToPay(Frozen):
    """`amount` of one invoice by `promised_on`; `balance_then` is what was open when it was said."""

    promise_id: str
    invoice_id: str
    customer_id: str
    amount: Money
    balance_then: Money
    promised_on: date
    said_at: datetime
    state: PromiseState = PromiseState.OPEN

    def is_kept(self, *, open_balance: Money) -> bool:
        """Kept as soon as the open balance fell by the promised amount, or nothing is owed."""
        return open_balance.minor <= max(0, (self.balance_then - self.amount).minor)
