"""Customers and invoices that stand in the store, for tests of what refers to them."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert

from receivables.messages import Letter
from store import tables
from store.database import Database
from tests.builders import a_customer, an_invoice, utc

MONDAY = utc(2024, 3, 4, 10)


async def know(database: Database, **invoices_of: Iterable[str]) -> None:
    """`know(database, C_1=("INV-1", "INV-2"))`: customer C-1 with two invoices over EUR 100.00."""
    async with database.writing() as connection:
        for name, invoice_ids in invoices_of.items():
            customer = a_customer(customer_id=name.replace("_", "-"))
            await connection.execute(
                insert(tables.customers).values(
                    customer_id=customer.customer_id,
                    name=customer.name,
                    country=customer.country,
                    language=customer.language,
                    relationship=customer.relationship.value,
                    portal_token=f"token of {customer.customer_id}",
                    updated_at=MONDAY,
                )
            )
            for invoice_id in invoice_ids:
                invoice = an_invoice(invoice_id=invoice_id, customer_id=customer.customer_id)
                await connection.execute(
                    insert(tables.invoices).values(
                        invoice_id=invoice.invoice_id,
                        customer_id=invoice.customer_id,
                        amount_minor=invoice.amount.minor,
                        currency=invoice.amount.currency,
                        issued_on=invoice.issued_on,
                        due_on=invoice.due_on,
                        opened_at=invoice.opened_at,
                        open_minor=invoice.amount.minor,
                        stage="reminding",
                    )
                )


def another_process(database: Database) -> Database:
    """A second way into the same store, which shares no lock and no connection with the first. Close it."""
    return Database(database.url)


def a_letter(key: str = "C-1:level-1:2024-03-04", **changes: Any) -> Letter:
    values: dict[str, Any] = {
        "key": key,
        "message_id": "<level-1@replies.example.com>",
        "sender": "Example Ltd <accounts@example.com>",
        "to": "anna@acme.example",
        "reply_to": "reply+token@replies.example.com",
        "subject": "Your invoice INV-1",
        "text": "Please pay EUR 100.00. Grüße — 支払い",
        "html": "<p>Please pay EUR 100.00.</p>",
        "language": "en",
        "headers": (("Auto-Submitted", "auto-generated"), ("X-Level", "1")),
    }
    return Letter(**(values | changes))


def minutes_later(minutes: int, at: datetime = MONDAY) -> datetime:
    return at + timedelta(minutes=minutes)
