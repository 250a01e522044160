"""What was paid, credited, given back and written off: the entries that make an open balance.

An entry's `amount` is signed as it moves the balance of its invoice: a payment or credit note is negative, a refund or
chargeback positive. An entry without an invoice is unapplied: money that is ours to place, visible until it is placed.
"""

from collections.abc import Iterable
from datetime import date, datetime
from enum import StrEnum

from receivables.frozen import Frozen
from receivables.money import Money


class EntryKind(StrEnum):
    PAYMENT = "payment"
    CREDIT_NOTE = "credit_note"
    REFUND = "refund"
    """We gave the money back: the invoice is owed again."""
    CHARGEBACK = "chargeback"
    """The bank took the money back: the invoice is owed again."""
    CHARGEBACK_REVERSED = "chargeback_reversed"
    PAYMENT_CANCELLED = "payment_cancelled"
    """The teller withdrew a payment that was reported in error."""
    WRITE_OFF = "write_off"


class LedgerEntry(Frozen):
    """One line of the ledger, unique by document and invoice."""

    document_id: str
    """The teller's id of the payment, credit note or refund."""
    kind: EntryKind
    customer_id: str | None
    invoice_id: str | None
    amount: Money
    booked_on: date
    recorded_at: datetime


class Allocation(Frozen):
    """How much of a payment or credit note its teller puts on an invoice; None: as much as is open there."""

    invoice_id: str
    amount: Money | None = None


class NotAllOfOneCurrency(ValueError):
    """A payment's allocations are not all in the payment's currency."""


class AllocatedTooMuch(ValueError):
    """The allocations sum to more than the payment."""


class Applied(Frozen):
    """Where the money of one document went: to invoices, never beyond what is open there; the rest is unapplied."""

    to_invoices: tuple[Allocation, ...]
    unapplied: Money


def apply_money(*, amount: Money, allocations: Iterable[Allocation], open_balances: dict[str, Money]) -> Applied:
    """Place a positive amount on invoices as its teller allocated it.

    `open_balances` holds the invoices that we know. What exceeds an invoice's open balance (overpayment), what names an
    invoice that we do not know, and what was not allocated stays unapplied, for a person to see. Refuses allocations of
    another currency (`NotAllOfOneCurrency`) or of more than there is (`AllocatedTooMuch`).
    """
    left = amount
    placed: dict[str, Money] = {}
    for allocation in allocations:
        if allocation.amount is not None and allocation.amount.currency != amount.currency:
            raise NotAllOfOneCurrency(
                f"{allocation.amount} for {allocation.invoice_id} is not in the payment's {amount.currency}"
            )
        wanted = allocation.amount if allocation.amount is not None else left
        if wanted > left:
            raise AllocatedTooMuch(
                f"{allocation.invoice_id} is given {wanted}, of {amount} only {left} is left; lower the allocations"
            )
        balance = open_balances.get(allocation.invoice_id)
        if balance is None or balance.currency != amount.currency or balance.minor <= 0:
            continue
        balance = balance - placed.get(allocation.invoice_id, Money.zero(amount.currency))
        share = min(wanted, balance, key=lambda money: money.minor)
        if share.minor > 0:
            placed[allocation.invoice_id] = placed.get(allocation.invoice_id, Money.zero(amount.currency)) + share
            left = left - share
    return Applied(
        to_invoices=tuple(Allocation(invoice_id=invoice_id, amount=share) for invoice_id, share in placed.items()),
        unapplied=left,
    )


def open_balance(*, billed: Money, entries: Iterable[LedgerEntry]) -> Money:
    """What is still owed: the billed amount plus the signed entries."""
    balance = billed
    for entry in entries:
        balance = balance + entry.amount
    return balance


class PaymentFeed(Frozen):
    """How fresh the money is: the bank feed has told us everything up to `complete_until_at` (UTC)."""

    feed_id: str
    complete_until_at: datetime
    told_at: datetime
