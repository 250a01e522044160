"""Invoices: their terms as billed, where their run left them, and the one line that names them."""

from datetime import date, datetime
from enum import Enum
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import ClauseElement, Row, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from receivables.case_file import CaseFile
from receivables.frozen import Frozen
from receivables.invoice import EarlyPaymentDiscount, Invoice, InvoiceLine, Stage
from receivables.money import Money
from receivables.steps import Close, Contact, Escalate, NextStep, Wait
from store import tables
from store.customers import UnknownCustomer
from store.inserting import insert_unless_there
from store.paging import page_size
from store.words import storable

_NEXT_STEP: TypeAdapter[NextStep] = TypeAdapter(NextStep)
MOST_OF_A_NAME = 60
FINAL_STAGES = [stage.value for stage in Stage if stage.is_final]


class UnknownInvoice(LookupError):
    """No invoice has this id."""

    def __init__(self, invoice_id: str) -> None:
        super().__init__(f"there is no invoice {invoice_id}")
        self.invoice_id = invoice_id


class InvoiceExists(Exception):
    """An invoice of this id is there already. Nothing was written."""

    def __init__(self, invoice_id: str) -> None:
        super().__init__(f"invoice {invoice_id} is there already")
        self.invoice_id = invoice_id


class NothingBilled(ValueError):
    """An invoice's amount is positive; what lowers a debt is a credit note."""


class Unchanged(Enum):
    """Stands for a term that stays as it is, where None means that there is none."""

    UNCHANGED = "unchanged"


UNCHANGED = Unchanged.UNCHANGED


class InvoiceRecord(Frozen):
    """An invoice with what its ledger makes of it and what its run decided last."""

    invoice: Invoice
    open_balance: Money
    stage: Stage
    segment: str = ""
    next_step: NextStep | None = None
    next_look_at: datetime | None = None
    decided_at: datetime | None = None
    settled_on: date | None = None


class Headline(Frozen):
    """What names an invoice in one line: `words` is "INV-1042 · Acme GmbH · EUR 1,200.00 due 1 Dec"."""

    invoice_id: str
    customer_id: str
    customer_name: str
    amount: Money
    open_balance: Money
    due_on: date
    stage: Stage
    segment: str

    @property
    def words(self) -> str:
        name = self.customer_name
        name = name if len(name) <= MOST_OF_A_NAME else f"{name[: MOST_OF_A_NAME - 1]}…"
        return f"{self.invoice_id} · {name} · {self.amount} due {self.due_on.day} {self.due_on:%b}"


def invoice_of_row(row: Row[Any]) -> Invoice:
    return Invoice(
        invoice_id=row.invoice_id,
        customer_id=row.customer_id,
        amount=Money(minor=row.amount_minor, currency=row.currency),
        issued_on=row.issued_on,
        due_on=row.due_on,
        lines=tuple(InvoiceLine.model_validate(line) for line in row.lines),
        purchase_order=row.purchase_order,
        discount=EarlyPaymentDiscount.model_validate(row.discount) if row.discount is not None else None,
        ladder=row.ladder,
        draft=row.draft,
        withdrawn_at=row.withdrawn_at,
        written_off_at=row.written_off_at,
        cycle=row.cycle,
        policy_version=row.policy_version,
        opened_at=row.opened_at,
        reopened_at=row.reopened_at,
    )


def record_of_row(row: Row[Any]) -> InvoiceRecord:
    return InvoiceRecord(
        invoice=invoice_of_row(row),
        open_balance=Money(minor=row.open_minor, currency=row.currency),
        stage=row.stage,
        segment=row.segment,
        next_step=_NEXT_STEP.validate_python(row.next_step) if row.next_step is not None else None,
        next_look_at=row.next_look_at,
        decided_at=row.decided_at,
        settled_on=row.settled_on,
    )


async def add_invoice(connection: AsyncConnection, invoice: Invoice) -> None:
    """A new invoice, all of it open. Raises InvoiceExists, UnknownCustomer, NothingBilled."""
    if invoice.amount.minor <= 0:
        raise NothingBilled(f"invoice {invoice.invoice_id} bills {invoice.amount}; the amount must be positive")
    known = await connection.execute(_KNOWN_CUSTOMER, {"of_customer": invoice.customer_id})
    if known.one_or_none() is None:
        raise UnknownCustomer(invoice.customer_id)
    added = await connection.execute(
        insert_unless_there(connection, tables.invoices),
        {
            "invoice_id": invoice.invoice_id,
            "customer_id": invoice.customer_id,
            "amount_minor": invoice.amount.minor,
            "currency": invoice.amount.currency,
            "issued_on": invoice.issued_on,
            "due_on": invoice.due_on,
            "lines": _lines(invoice.lines),
            "purchase_order": invoice.purchase_order,
            "discount": _discount(invoice.discount),
            "ladder": invoice.ladder,
            "draft": invoice.draft,
            "withdrawn_at": invoice.withdrawn_at,
            "written_off_at": invoice.written_off_at,
            "cycle": invoice.cycle,
            "policy_version": invoice.policy_version,
            "opened_at": invoice.opened_at,
            "open_minor": invoice.amount.minor,
            "stage": Stage.NOT_DUE.value,
        },
    )
    if added.rowcount == 0:
        raise InvoiceExists(invoice.invoice_id)


async def find_invoice(connection: AsyncConnection, invoice_id: str) -> InvoiceRecord | None:
    rows = await connection.execute(_RECORD, {"of_invoice": invoice_id})
    row = rows.one_or_none()
    return None if row is None else record_of_row(row)


async def change_terms(
    connection: AsyncConnection,
    invoice_id: str,
    *,
    due_on: date | None = None,
    draft: bool | None = None,
    lines: tuple[InvoiceLine, ...] | None = None,
    policy_version: str | None = None,
    ladder: str | Unchanged | None = UNCHANGED,
    purchase_order: str | Unchanged | None = UNCHANGED,
    discount: EarlyPaymentDiscount | Unchanged | None = UNCHANGED,
    at: datetime,
) -> None:
    """Changes the terms that are given; the amount never (that takes a credit note). Raises UnknownInvoice."""
    values: dict[str, Any] = {"changed_at": at}
    for name, value in (("due_on", due_on), ("draft", draft), ("policy_version", policy_version)):
        if value is not None:
            values[name] = value
    if lines is not None:
        values["lines"] = _lines(lines)
    if ladder is not UNCHANGED:
        values["ladder"] = ladder
    if purchase_order is not UNCHANGED:
        values["purchase_order"] = purchase_order
    if not isinstance(discount, Unchanged):
        values["discount"] = _discount(discount)
    await _change(connection, invoice_id, values)


async def withdraw(connection: AsyncConnection, invoice_id: str, *, at: datetime) -> bool:
    """The backend takes it out of collection. False where it was withdrawn before. Raises UnknownInvoice."""
    invoices = tables.invoices.c
    withdrawn = await connection.execute(
        update(tables.invoices)
        .where(invoices.invoice_id == invoice_id, invoices.withdrawn_at.is_(None))
        .values(withdrawn_at=at, changed_at=at)
    )
    if withdrawn.rowcount == 0 and await find_invoice(connection, invoice_id) is None:
        raise UnknownInvoice(invoice_id)
    return withdrawn.rowcount == 1


async def list_invoices(
    connection: AsyncConnection,
    *,
    customer_id: str | None = None,
    stage: Stage | None = None,
    after: str | None = None,
    limit: int = 100,
) -> list[InvoiceRecord]:
    """Invoices by their id. `after`: the id of the last one seen."""
    invoices = tables.invoices.c
    query = select(tables.invoices).order_by(invoices.invoice_id).limit(page_size(limit))
    if customer_id is not None:
        query = query.where(invoices.customer_id == customer_id)
    if stage is not None:
        query = query.where(invoices.stage == stage.value)
    if after is not None:
        query = query.where(invoices.invoice_id > after)
    return [record_of_row(row) for row in await connection.execute(query)]


async def running_of(connection: AsyncConnection, *, customer_id: str) -> tuple[str, ...]:
    """Ids of the customer's invoices whose stage is not final, by their id."""
    invoices = tables.invoices.c
    rows = await connection.execute(
        select(invoices.invoice_id)
        .where(invoices.customer_id == customer_id, invoices.stage.not_in(FINAL_STAGES))
        .order_by(invoices.invoice_id)
    )
    return tuple(rows.scalars())


async def oldest_open(connection: AsyncConnection, *, customer_id: str) -> str | None:
    """The customer's running invoice that is due first, with something open on it; None where there is none."""
    invoices = tables.invoices.c
    rows = await connection.execute(
        select(invoices.invoice_id)
        .where(
            invoices.customer_id == customer_id,
            invoices.stage.not_in(FINAL_STAGES),
            invoices.open_minor > 0,
            invoices.withdrawn_at.is_(None),
        )
        .order_by(invoices.due_on, invoices.invoice_id)
        .limit(1)
    )
    return rows.scalar_one_or_none()


async def record_turn(
    connection: AsyncConnection, *, invoice_id: str, stage: Stage, segment: str, step: NextStep, at: datetime
) -> None:
    """What the run decided: the read model that lists and the desk show. Raises UnknownInvoice."""
    match step:
        case Contact() | Wait():
            next_look_at = step.look_again_at
        case Escalate():
            next_look_at = step.deadline_at
        case Close():
            next_look_at = None
    values = {
        "stage": stage.value,
        "segment": segment,
        "next_step": step.model_dump(mode="json"),
        "next_look_at": next_look_at,
        "decided_at": at,
    }
    if stage is Stage.SETTLED:  # within the tolerance nothing was booked that settled it
        values["settled_on"] = func.coalesce(tables.invoices.c.settled_on, at.date())
    await _change(connection, invoice_id, values)


async def headline_of(connection: AsyncConnection, invoice_id: str) -> Headline:
    """Raises UnknownInvoice."""
    rows = await connection.execute(_HEADLINE, {"of_invoice": invoice_id})
    row = rows.one_or_none()
    if row is None:
        raise UnknownInvoice(invoice_id)
    return Headline(
        invoice_id=row.invoice_id,
        customer_id=row.customer_id,
        customer_name=row.name,
        amount=Money(minor=row.amount_minor, currency=row.currency),
        open_balance=Money(minor=row.open_minor, currency=row.currency),
        due_on=row.due_on,
        stage=row.stage,
        segment=row.segment,
    )


async def case_file_of(connection: AsyncConnection, invoice_id: str) -> CaseFile:
    """What a new run of this invoice starts with. Raises UnknownInvoice."""
    headline = await headline_of(connection, invoice_id)
    return CaseFile(
        invoice_id=invoice_id,
        customer_id=headline.customer_id,
        headline=headline.words,
        stage=headline.stage,
        segment=headline.segment,
        open_balance=headline.open_balance,
        due_on=headline.due_on,
    )


_HEADLINES = select(
    *(
        tables.invoices.c[name]
        for name in (
            "invoice_id",
            "customer_id",
            "amount_minor",
            "open_minor",
            "currency",
            "due_on",
            "stage",
            "segment",
        )
    ),
    tables.customers.c.name,
).join(tables.customers, tables.customers.c.customer_id == tables.invoices.c.customer_id)


_HEADLINE = _HEADLINES.where(tables.invoices.c.invoice_id == bindparam("of_invoice"))
_RECORD = select(tables.invoices).where(tables.invoices.c.invoice_id == bindparam("of_invoice"))
_THE_INVOICE = update(tables.invoices).where(tables.invoices.c.invoice_id == bindparam("of_invoice"))
_KNOWN_CUSTOMER = select(tables.customers.c.customer_id).where(
    tables.customers.c.customer_id == bindparam("of_customer")
)


async def _change(connection: AsyncConnection, invoice_id: str, values: dict[str, Any]) -> None:
    computed = {name: value for name, value in values.items() if isinstance(value, ClauseElement)}
    change = _THE_INVOICE.values(computed) if computed else _THE_INVOICE
    given = {name: value for name, value in values.items() if name not in computed}
    changed = await connection.execute(change, {"of_invoice": invoice_id, **given})
    if changed.rowcount == 0:
        raise UnknownInvoice(invoice_id)


def _lines(lines: tuple[InvoiceLine, ...]) -> list[dict[str, Any]]:
    return [
        line.model_copy(update={"description": storable(line.description)}).model_dump(mode="json") for line in lines
    ]


def _discount(discount: EarlyPaymentDiscount | None) -> dict[str, Any] | None:
    return None if discount is None else discount.model_dump(mode="json")
