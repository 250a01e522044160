"""From the rows of a ledger to our nouns: its customers, one each, and its invoices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from receivables.customer import Contact, Customer, Relationship
from receivables.invoice import EarlyPaymentDiscount, Invoice, InvoiceLine
from receivables.ledger_file.rows import LedgerRow

_MOST_CARE = (Relationship.FRAGILE, Relationship.STRATEGIC, Relationship.NORMAL)


def customers_of(rows: Iterable[LedgerRow]) -> tuple[Customer, ...]:
    """The customers of a ledger, in the order in which they first appear.

    Where rows of one customer differ: the most frequent name, country and language; the first address, zone and owner
    that is given; and the most care (personal-only on any row counts for all).
    """
    by_customer: dict[str, list[LedgerRow]] = {}
    for row in rows:
        by_customer.setdefault(row.customer_id, []).append(row)
    return tuple(_merged(customer_id, own) for customer_id, own in by_customer.items())


def _merged(customer_id: str, rows: list[LedgerRow]) -> Customer:
    relationships = {row.relationship for row in rows}
    with_email = next((row for row in rows if row.email), None)
    contact_name = with_email.contact_name if with_email else ""
    return Customer(
        customer_id=customer_id,
        name=_most_frequent(row.customer_name for row in rows),
        country=_most_frequent(row.country for row in rows),
        language=_most_frequent(row.language for row in rows),
        time_zone=next((row.time_zone for row in rows if row.time_zone), None),
        contact=Contact(
            name=contact_name or next((row.contact_name for row in rows if row.contact_name), ""),
            email=with_email.email if with_email else None,
        ),
        owner=next((row.owner for row in rows if row.owner), None),
        relationship=next(each for each in _MOST_CARE if each in relationships),
        personal_only=any(row.personal_only for row in rows),
    )


def _most_frequent(values: Iterable[str]) -> str:
    return Counter(values).most_common(1)[0][0]


def invoice_of(row: LedgerRow, *, opened_at: datetime) -> Invoice:
    """The invoice of a row as Baton opens it, without what was paid."""
    discount = (
        EarlyPaymentDiscount(percent=row.discount_percent, until_on=row.discount_until_on)
        if row.discount_percent and row.discount_until_on
        else None
    )
    return Invoice(
        invoice_id=row.invoice_id,
        customer_id=row.customer_id,
        amount=row.amount,
        issued_on=row.issued_on,
        due_on=row.due_on,
        lines=(InvoiceLine(description=row.description, amount=row.amount),) if row.description else (),
        purchase_order=row.purchase_order,
        discount=discount,
        ladder=row.ladder,
        opened_at=opened_at,
    )
