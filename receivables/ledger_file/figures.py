"""The figures of a ledger at a day: what is open, overdue, DSO, aging, how late it is paid. Currencies stay apart."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from receivables.frozen import Frozen
from receivables.invoice import AgingBucket, aging_bucket
from receivables.ledger_file.rows import LedgerRow
from receivables.money import Money

DSO_DAYS = 90
DSO_METHOD = f"open amount ÷ invoiced in the last {DSO_DAYS} days × {DSO_DAYS}"


class BucketFigure(Frozen):
    bucket: AgingBucket
    count: int
    amount: Money


class CurrencyFigures(Frozen):
    """The figures of one currency at the end of a day."""

    currency: str
    open_count: int
    open_amount: Money
    overdue_count: int
    overdue_amount: Money
    invoiced_90_days: Money
    """Invoiced on the day and the 89 days before it."""
    dso_90: Decimal | None
    """Days, to two decimals, by `DSO_METHOD`; None where nothing was invoiced in those days."""
    aging: tuple[BucketFigure, ...]
    """Every bucket, empty ones too; they sum to the open amount."""


class Figures(Frozen):
    as_of: date
    currencies: tuple[CurrencyFigures, ...]

    def of(self, currency: str) -> CurrencyFigures | None:
        return next((each for each in self.currencies if each.currency == currency), None)


class PaymentFigures(Frozen):
    """How a whole ledger was paid. Shares are of 0 to 1; late is after the due day."""

    count: int
    settled_count: int
    late_count: int
    disputed_count: int
    days_late_total: int
    days_late_most: int

    @property
    def late_share(self) -> float:
        return self.late_count / self.settled_count if self.settled_count else 0.0

    @property
    def disputed_share(self) -> float:
        return self.disputed_count / self.count if self.count else 0.0

    @property
    def days_late_mean(self) -> float:
        """Over all settled invoices, those in time counted as 0."""
        return self.days_late_total / self.settled_count if self.settled_count else 0.0


def figures_at(*, rows: Iterable[LedgerRow], as_of: date) -> Figures:
    """Open: issued on or before the day, and settled after it or not at all. Overdue: open, and due before the day.

    Part payments lower an open amount from their day on. What is wholly paid is not open, whatever the day of it.
    """
    by_currency: dict[str, list[LedgerRow]] = {}
    for row in rows:
        by_currency.setdefault(row.amount.currency, []).append(row)
    return Figures(
        as_of=as_of,
        currencies=tuple(_of_currency(currency, by_currency[currency], as_of) for currency in sorted(by_currency)),
    )


def _of_currency(currency: str, rows: list[LedgerRow], as_of: date) -> CurrencyFigures:
    since = as_of - timedelta(days=DSO_DAYS)
    buckets = {bucket: [0, 0] for bucket in AgingBucket}
    overdue_count = overdue = invoiced = 0
    for row in rows:
        if since < row.issued_on <= as_of:
            invoiced += row.amount.minor
        minor = row.open_at(as_of=as_of).minor
        if not minor:
            continue
        bucket = buckets[aging_bucket(due_on=row.due_on, as_of=as_of)]
        bucket[0] += 1
        bucket[1] += minor
        if row.due_on < as_of:
            overdue_count += 1
            overdue += minor
    opened = sum(amount for _, amount in buckets.values())
    return CurrencyFigures(
        currency=currency,
        open_count=sum(count for count, _ in buckets.values()),
        open_amount=Money(minor=opened, currency=currency),
        overdue_count=overdue_count,
        overdue_amount=Money(minor=overdue, currency=currency),
        invoiced_90_days=Money(minor=invoiced, currency=currency),
        dso_90=days_sales_outstanding(open_minor=opened, invoiced_minor=invoiced, days=DSO_DAYS),
        aging=tuple(
            BucketFigure(bucket=bucket, count=count, amount=Money(minor=amount, currency=currency))
            for bucket, (count, amount) in buckets.items()
        ),
    )


def days_sales_outstanding(*, open_minor: int, invoiced_minor: int, days: int) -> Decimal | None:
    """Open ÷ invoiced × days, to two decimals, half up; None where nothing was invoiced."""
    if not invoiced_minor:
        return None
    return (Decimal(open_minor) * days / invoiced_minor).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)


def collection_effectiveness(
    *, rows: Iterable[LedgerRow], from_on: date, until_on: date, currency: str
) -> Decimal | None:
    """CEI in percent, to one decimal, over the days after `from_on` up to `until_on`.

    None where there was nothing to collect.

    (open at the start + invoiced − open at the end) ÷ (open at the start + invoiced − current at the end) × 100, where
    current is what is open and not yet past due (Credit Research Foundation).
    """
    start = invoiced = end = current = 0
    for row in rows:
        if row.amount.currency != currency:
            continue
        start += row.open_at(as_of=from_on).minor
        still_open = row.open_at(as_of=until_on).minor
        end += still_open
        if from_on < row.issued_on <= until_on:
            invoiced += row.amount.minor
        if row.due_on >= until_on:
            current += still_open
    collectable = start + invoiced - current
    if collectable <= 0:
        return None
    return (Decimal(100 * (start + invoiced - end)) / collectable).quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)


def payment_figures(rows: Iterable[LedgerRow]) -> PaymentFigures:
    """How the invoices of a ledger were paid, over all of its time."""
    count = settled = late = disputed = total = most = 0
    for row in rows:
        count += 1
        disputed += row.disputed
        days = row.days_late()
        if days is not None:
            settled += 1
            late += days > 0
            total += days
            most = max(most, days)
    return PaymentFigures(
        count=count,
        settled_count=settled,
        late_count=late,
        disputed_count=disputed,
        days_late_total=total,
        days_late_most=most,
    )
