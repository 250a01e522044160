"""The invoice, and where it stands."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from receivables.frozen import Frozen
from receivables.money import Money


class Stage(StrEnum):
    """Where an invoice stands; what lists, the Temporal UI and the desk show."""

    NOT_DUE = "not_due"
    REMINDING = "reminding"
    ON_HOLD = "on_hold"
    WITH_AGENT = "with_agent"
    ON_PLAN = "on_plan"
    SETTLED = "settled"
    CLOSED = "closed"

    @property
    def is_final(self) -> bool:
        return self in (Stage.SETTLED, Stage.CLOSED)


class AgingBucket(StrEnum):
    """A reporting class by days past due. Due today is current."""

    CURRENT = "current"
    DAYS_1_30 = "1-30"
    DAYS_31_60 = "31-60"
    DAYS_61_90 = "61-90"
    OVER_90 = "over 90"


class InvoiceLine(Frozen):
    description: str
    amount: Money
    quantity: Decimal | None = None


class EarlyPaymentDiscount(Frozen):
    """`percent` off where the whole is paid by `until_on` (2 % 10 net 30: 2, ten days after the invoice date)."""

    percent: Decimal
    until_on: date


class Invoice(Frozen):
    """What was billed, and its terms. The ledger, not this, knows what is still owed."""

    invoice_id: str
    customer_id: str
    amount: Money
    issued_on: date
    due_on: date
    lines: tuple[InvoiceLine, ...] = ()
    purchase_order: str | None = None
    discount: EarlyPaymentDiscount | None = None
    ladder: str | None = None
    """A ladder of the policy that this invoice is treated by; beats the customer's and the segment's."""
    draft: bool = False
    """Not yet sent by the seller: never dunned."""
    withdrawn_at: datetime | None = None
    written_off_at: datetime | None = None
    cycle: int = 1
    """Which chase this is: 1, and one more each time a settled invoice is opened again (refund, chargeback)."""
    reopened_at: datetime | None = None
    """When this cycle began, if it is not the first (UTC)."""
    policy_version: str = ""
    """The policy that this invoice runs by (scenario: the finance lead chose "keep" or "move")."""
    opened_at: datetime
    """When Baton learned of it (UTC)."""

    def days_past_due(self, *, as_of: date) -> int:
        """Days after the due day: 0 on the day itself and before, 1 on the day after."""
        return max(0, (as_of - self.due_on).days)

    def is_past_due(self, *, as_of: date, margin_days: int = 0) -> bool:
        """Late by more than the margin: with 3 days' margin, 2 and 3 days late are not yet overdue."""
        return self.days_past_due(as_of=as_of) > margin_days


def aging_bucket(*, due_on: date, as_of: date) -> AgingBucket:
    """The aging bucket of an amount due on a day, by calendar days past due."""
    days = (as_of - due_on).days
    if days <= 0:
        return AgingBucket.CURRENT
    if days <= 30:
        return AgingBucket.DAYS_1_30
    if days <= 60:
        return AgingBucket.DAYS_31_60
    if days <= 90:
        return AgingBucket.DAYS_61_90
    return AgingBucket.OVER_90
