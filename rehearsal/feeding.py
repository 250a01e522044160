"""From a ledger to what happened on each of its days: invoices opened, disputes, money. In its order, on its dates.

What a ledger leaves open is filled in the same way each time, and the report says so:

- money is in on the morning of its day; part payments without a day are in on the morning the invoice is issued;
- money dated before its invoice arrives with the invoice;
- a dispute of which only the flag is known is raised on the due day, or on the day before the invoice is settled where
  that is earlier, so that a person sees it before money ends it. The payment that settles the invoice ends the dispute.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path

from receivables.customer import Contact, Customer
from receivables.invoice import EarlyPaymentDiscount, Invoice
from receivables.ledger_file.opening import customers_of, invoice_of
from receivables.ledger_file.reading import read_ledger
from receivables.ledger_file.rows import LedgerFile, LedgerRow, ReadingOptions
from receivables.money import Money

MORNING = time(6)
"""UTC. What a day brings is known before contact hours open in Europe and America."""
ONE_DAY = timedelta(days=1)
MOST_DAYS = 366 * 25
"""A ledger that spans more than this has a wrong date in it."""

STAND_IN_DOMAIN = "rehearsal.invalid"
"""RFC 2606: no mail ever reaches it, and a rehearsal sends none anyway."""


class CannotRehearse(ValueError):
    """This ledger cannot be rehearsed; the words say why and what to do."""


@dataclass(frozen=True)
class Payment:
    """Money for one invoice, on the ledger's day."""

    document_id: str
    invoice_id: str
    customer_id: str
    amount: Money
    booked_on: date


@dataclass(frozen=True)
class Dispute:
    dispute_id: str
    invoice_id: str
    customer_id: str


@dataclass
class Day:
    """What the backends and customers tell on one day, in this order."""

    opened: list[LedgerRow] = field(default_factory=list)
    disputes: list[Dispute] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)


@dataclass(frozen=True)
class Story:
    """A ledger, told by its days."""

    rows: tuple[LedgerRow, ...]
    customers: tuple[Customer, ...]
    days: dict[date, Day]
    first_on: date
    last_on: date
    """The last day of which the ledger says anything."""
    notes: tuple[str, ...]

    @property
    def fact_count(self) -> int:
        return sum(len(day.opened) + len(day.disputes) + len(day.payments) for day in self.days.values())


@dataclass(frozen=True)
class Shift:
    """The ledger's days lie in the past and the test server's clock does not go back: all move by whole weeks, so that
    weekdays stay what they are."""

    by: timedelta

    @classmethod
    def beyond(cls, *, first_on: date, clock: datetime) -> "Shift":
        """Whole weeks, so that the first day begins after the clock's present one."""
        behind = (clock.date() + ONE_DAY - first_on).days
        return cls(by=timedelta(weeks=max(0, behind // 7 + 1)))

    def into(self, day: date) -> date:
        """The rehearsal's day for a day of the ledger."""
        return day + self.by

    def back(self, day: date) -> date:
        """The ledger's day for a day of the rehearsal."""
        return day - self.by

    def back_at(self, moment: datetime) -> datetime:
        return moment - self.by


def read_ledger_file(file: Path, *, options: ReadingOptions) -> LedgerFile:
    """Read the whole ledger. Raises CannotRehearse where the file cannot be opened; faults are in what is returned."""
    try:
        content = file.read_bytes()
    except OSError as fault:
        raise CannotRehearse(f"{file} cannot be read ({fault.strerror or fault}); name a CSV file") from fault
    return read_ledger(content, options=options)


def tell_by_days(rows: Iterable[LedgerRow]) -> Story:
    """What a ledger says, day by day. Raises CannotRehearse for a ledger without rows, or one that spans too long."""
    rows = tuple(rows)
    if not rows:
        raise CannotRehearse("the ledger has no invoice that could be rehearsed")
    days: dict[date, Day] = {}
    for row in rows:
        _add(days, row)
    first_on, last_on = min(days), max(days)
    if (last_on - first_on).days > MOST_DAYS:
        raise CannotRehearse(
            f"the ledger spans {first_on} to {last_on}, more than {MOST_DAYS // 366} years: correct the date that is "
            "wrong, or rehearse a part of it"
        )
    customers, notes = _with_addresses(customers_of(rows))
    guessed = sum(row.disputed and row.disputed_on is None for row in rows)
    if guessed:
        notes += (
            f"{guessed} disputes have no day: each is raised on the due day, or on the day before the invoice is "
            "settled where that is earlier.",
        )
    undated = sum(row.paid is not None and row.paid_on is None for row in rows)
    if undated:
        notes += (f"{undated} part payments have no day: they come in when the invoice is issued.",)
    return Story(rows=rows, customers=customers, days=days, first_on=first_on, last_on=last_on, notes=notes)


def shifted_invoice(row: LedgerRow, *, shift: Shift, opened_at: datetime) -> Invoice:
    """The row's invoice on the rehearsal's dates."""
    invoice = invoice_of(row, opened_at=opened_at)
    discount = invoice.discount
    return invoice.model_copy(
        update={
            "issued_on": shift.into(invoice.issued_on),
            "due_on": shift.into(invoice.due_on),
            "discount": EarlyPaymentDiscount(percent=discount.percent, until_on=shift.into(discount.until_on))
            if discount is not None
            else None,
        }
    )


def dispute_day(row: LedgerRow) -> date:
    """When the customer disputes: the ledger's day, else by the rule above."""
    day = row.disputed_on
    if day is None:
        day = row.due_on
        if row.settled_on is not None:
            day = min(day, row.settled_on - ONE_DAY)
    return max(day, row.issued_on)


def payments_of(row: LedgerRow) -> list[Payment]:
    """The money of a row: what came before, then what settled it."""
    found: list[Payment] = []
    left = row.amount
    if row.paid is not None and row.paid.minor > 0:
        booked_on = row.paid_on or row.issued_on
        if row.settled_on is None or booked_on <= row.settled_on:
            left = row.amount - row.paid
            found.append(_payment(row, number=1, amount=row.paid, booked_on=booked_on))
    if row.settled_on is not None and left.minor > 0:
        found.append(_payment(row, number=len(found) + 1, amount=left, booked_on=row.settled_on))
    return found


def _payment(row: LedgerRow, *, number: int, amount: Money, booked_on: date) -> Payment:
    return Payment(
        document_id=f"{row.invoice_id}:money-{number}",
        invoice_id=row.invoice_id,
        customer_id=row.customer_id,
        amount=amount,
        booked_on=booked_on,
    )


def _add(days: dict[date, Day], row: LedgerRow) -> None:
    days.setdefault(row.issued_on, Day()).opened.append(row)
    if row.disputed:
        days.setdefault(dispute_day(row), Day()).disputes.append(
            Dispute(dispute_id=f"{row.invoice_id}:dispute", invoice_id=row.invoice_id, customer_id=row.customer_id)
        )
    for payment in payments_of(row):
        days.setdefault(max(payment.booked_on, row.issued_on), Day()).payments.append(payment)


def _with_addresses(customers: tuple[Customer, ...]) -> tuple[tuple[Customer, ...], tuple[str, ...]]:
    """A ledger without any address would rehearse nothing but contact repair: then everybody gets a stand-in."""
    if any(customer.contact.email for customer in customers):
        return customers, ()
    with_addresses = tuple(
        customer.model_copy(
            update={
                "contact": Contact(name=customer.contact.name, email=f"customer-{number}@{STAND_IN_DOMAIN}"),
            }
        )
        for number, customer in enumerate(customers, start=1)
    )
    return with_addresses, (
        f"The ledger has no e-mail address: each customer got one at {STAND_IN_DOMAIN}, so that letters are written.",
    )
