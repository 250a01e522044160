"""Invoices: opened, read, explained, changed, withdrawn."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field, StrictBool, model_validator
from sqlalchemy.ext.asyncio import AsyncConnection

from api import facts
from api.access import EVERYBODY, Caller, Role, needs
from api.bodies import StrictRoute
from api.customers import CustomerWithInvoice
from api.errors import problems
from api.lines import TimelinePage, timeline_page
from api.refusals import NotFound, RefusedByRule
from api.services import Services, Use
from api.values import (
    Answered,
    Asked,
    Day,
    KnownId,
    LadderName,
    Limit,
    MoneyJson,
    Name,
    OneLine,
    OwnId,
    Page,
    PositiveMoney,
    Quantity,
    shown_model,
)
from policy.why import Explanation, explain
from receivables.invoice import EarlyPaymentDiscount, Invoice, InvoiceLine, Stage
from receivables.ledger import EntryKind, LedgerEntry
from receivables.money import Money
from receivables.steps import NextStep, Reason
from store import customers, intake, invoices, ledger
from store.accounts import read_account
from store.invoices import InvoiceRecord
from workflows import names

router = APIRouter(prefix="/v1", tags=["invoices"], route_class=StrictRoute)

MOST_LINES = 500


class LineDetails(Asked):
    description: Name
    amount: MoneyJson
    quantity: Quantity | None = None


class DiscountDetails(Asked):
    """2 % off for payment within ten days: `percent` "2", `until_on` ten days after the invoice date."""

    percent: Annotated[Quantity, Field(gt=0, lt=100)]
    until_on: Day


class InvoiceDetails(Asked):
    """An invoice to collect. Its customer is known already, or comes with it."""

    invoice_id: OwnId = Field(examples=["INV-1042"])
    customer_id: OwnId | None = Field(default=None, description="Or give `customer`.", examples=["C-17"])
    customer: CustomerWithInvoice | None = Field(
        default=None,
        description="For a customer whom we may not know yet; whom we know stays as they are (PUT changes them).",
    )
    amount: PositiveMoney
    issued_on: Day
    due_on: Day
    lines: Annotated[list[LineDetails], Field(max_length=MOST_LINES)] = Field(default_factory=list[LineDetails])
    purchase_order: Annotated[str, Field(max_length=200), OneLine] | None = None
    discount: DiscountDetails | None = None
    ladder: LadderName | None = Field(default=None, description="Beats the customer's and the segment's.")
    draft: StrictBool = Field(default=False, description="Not yet sent by you: never dunned until it is no draft.")

    @model_validator(mode="after")
    def _holds_together(self) -> "InvoiceDetails":
        if self.customer is None and self.customer_id is None:
            raise ValueError("name the customer: give customer_id, or customer")
        if self.customer is not None and self.customer_id not in (None, self.customer.customer_id):
            raise ValueError("customer_id and customer.customer_id are two customers; give one")
        if self.due_on < self.issued_on:
            raise ValueError(f"due_on {self.due_on} lies before issued_on {self.issued_on}")
        if any(line.amount.currency != self.amount.currency for line in self.lines):
            raise ValueError(f"each line is in the invoice's currency, {self.amount.currency}")
        return self

    def invoice(self, *, opened_at: datetime) -> Invoice:
        return Invoice(
            invoice_id=self.invoice_id,
            customer_id=self.customer.customer_id if self.customer is not None else self.customer_id or "",
            amount=self.amount.money,
            issued_on=self.issued_on,
            due_on=self.due_on,
            lines=tuple(_line(line) for line in self.lines),
            purchase_order=self.purchase_order,
            discount=(
                EarlyPaymentDiscount(percent=self.discount.percent, until_on=self.discount.until_on)
                if self.discount is not None
                else None
            ),
            ladder=self.ladder,
            draft=self.draft,
            opened_at=opened_at,
        )


class TermsDetails(Asked):
    """New terms. What is left out stays as it is; the amount changes by credit notes only."""

    change_id: OwnId = Field(examples=["CH-9"])
    due_on: Day | None = None
    ladder: LadderName | None = None
    lines: Annotated[list[LineDetails], Field(max_length=MOST_LINES)] | None = None
    draft: StrictBool | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> "TermsDetails":
        if self.due_on is None and self.ladder is None and self.lines is None and self.draft is None:
            raise ValueError("nothing to change: give due_on, ladder, lines or draft")
        return self


class Withdrawal(Asked):
    change_id: OwnId = Field(examples=["WD-3"])
    because: Name = Field(examples=["billed in error"])


class InvoiceTaken(Answered):
    invoice_id: str
    told: bool = Field(description="Whether its workflow was told; if not, it will be.")


class LineView(Answered):
    description: str
    amount: MoneyJson
    quantity: Decimal | None


class DiscountView(Answered):
    percent: Decimal
    until_on: date


class EntryView(Answered):
    """What moved the balance: payments and credit notes are negative."""

    document_id: str
    kind: EntryKind
    amount: MoneyJson
    booked_on: date
    recorded_at: datetime


class InvoiceView(Answered):
    invoice_id: str
    customer_id: str
    amount: MoneyJson
    open_balance: MoneyJson
    issued_on: date
    due_on: date
    stage: Stage
    segment: str
    settled_on: date | None
    next_step: NextStep | None = Field(description="What its workflow decided last.")
    next_look_at: datetime | None
    decided_at: datetime | None
    lines: list[LineView]
    purchase_order: str | None
    discount: DiscountView | None
    ladder: str | None
    draft: bool
    withdrawn_at: datetime | None
    written_off_at: datetime | None
    cycle: int = Field(description="1, and one more each time that the settled invoice was opened again.")
    policy_version: str
    opened_at: datetime


class InvoiceWithEntries(InvoiceView):
    entries: list[EntryView]


class InvoicePage(Page):
    invoices: list[InvoiceView]


class WhyView(Answered):
    """What comes next, when, by which rule and facts; and each rule that had something to say."""

    invoice_id: str
    as_of: datetime
    next_step: NextStep
    segment: str
    segment_words: str
    treatment_words: str
    policy_version: str
    considered: list[Reason]
    run: str | None = Field(description="The run in the Temporal UI.")


@router.post(
    "/invoices",
    operation_id="open_invoice",
    summary="Open an invoice",
    description="Stores the invoice and starts its workflow. Tell it again with the same content as often as you like.",
    response_model=InvoiceTaken,
    status_code=201,
    responses={**facts.stored(InvoiceTaken), **problems(400, 409, 413)},
)
async def open_invoice(
    details: InvoiceDetails, use: Use, caller: Annotated[Caller, Depends(needs(Role.SERVICE, Role.OPERATOR))]
) -> Response:
    given = details.customer

    async def book(connection: AsyncConnection, at: datetime) -> intake.Taken:
        customer = None
        # Whom we know stays as they are: a preference that an agent has set must not be undone by an invoice.
        if given is not None and await customers.find_customer(connection, given.customer_id) is None:
            customer = given.customer(given.customer_id)
        return await intake.open_invoice(
            connection, invoice=details.invoice(opened_at=at), customer=customer, by=caller.name, at=at
        )

    return await facts.take(use, f"invoice:{details.invoice_id}", book)


@router.get(
    "/invoices",
    operation_id="list_invoices",
    summary="List invoices",
    response_model=InvoicePage,
    responses=problems(400),
    dependencies=[Depends(needs(*EVERYBODY))],
)
async def list_invoices(
    *,
    use: Use,
    customer_id: Annotated[KnownId | None, Query()] = None,
    stage: Annotated[Stage | None, Query()] = None,
    after: Annotated[KnownId | None, Query(description="The `next` of the page before.")] = None,
    limit: Annotated[Limit, Query()] = 100,
) -> InvoicePage:
    async with use.database.reading() as connection:
        found = await invoices.list_invoices(connection, customer_id=customer_id, stage=stage, after=after, limit=limit)
    last = found[-1].invoice.invoice_id if len(found) == limit else None
    return InvoicePage(invoices=[InvoiceView.model_validate(_view(record)) for record in found], next=last)


@router.get(
    "/invoices/{invoice_id:path}/why",
    operation_id="explain_invoice",
    summary="Why an invoice is where it is",
    description="Judged anew from the store at this moment: what comes next, when, by which rule and facts, and what "
    "is held back.",
    response_model=WhyView,
    responses=problems(404, 409),
    dependencies=[Depends(needs(*EVERYBODY))],
)
async def explain_invoice(invoice_id: KnownId, use: Use) -> WhyView:
    as_of = use.clock()
    async with use.database.reading() as connection:
        record = await _record(connection, invoice_id)
        account = await read_account(
            connection, customer_id=record.invoice.customer_id, invoice_id=invoice_id, as_of=as_of
        )
        rules = await use.rulebook.rules(connection)
    explanation: Explanation = explain(account=account, invoice_id=invoice_id, rules=rules, as_of=as_of)
    return WhyView.model_validate(shown_model(explanation) | {"run": run_in_the_ui(use, invoice_id)})


@router.get(
    "/invoices/{invoice_id:path}/timeline",
    operation_id="read_invoice_timeline",
    summary="The readable history of an invoice",
    description="Facts, steps, what was held back, messages, cases and decisions, oldest first.",
    response_model=TimelinePage,
    responses=problems(400, 404),
    dependencies=[Depends(needs(*EVERYBODY))],
)
async def read_invoice_timeline(
    invoice_id: KnownId,
    use: Use,
    after: Annotated[int | None, Query(ge=0, le=2**53, description="The `next` of the page before.")] = None,
    limit: Annotated[Limit, Query()] = 100,
) -> TimelinePage:
    async with use.database.reading() as connection:
        await _record(connection, invoice_id)
        return await timeline_page(connection, invoice_id=invoice_id, after=after, limit=limit)


@router.get(
    "/invoices/{invoice_id:path}",
    operation_id="read_invoice",
    summary="Read an invoice with its ledger entries",
    response_model=InvoiceWithEntries,
    responses=problems(404),
    dependencies=[Depends(needs(*EVERYBODY))],
)
async def read_invoice(invoice_id: KnownId, use: Use) -> InvoiceWithEntries:
    async with use.database.reading() as connection:
        record = await _record(connection, invoice_id)
        entries = await ledger.entries_of(connection, invoice_id)
    return InvoiceWithEntries.model_validate(
        _view(record) | {"entries": [EntryView.model_validate(_entry(entry)) for entry in entries]}
    )


@router.post(
    "/invoices/{invoice_id:path}/terms",
    operation_id="change_terms",
    summary="Change the terms of an invoice",
    description="Due date, ladder, lines, or a draft that is final now. Its workflow judges again at once.",
    response_model=InvoiceTaken,
    status_code=201,
    responses={**facts.stored(InvoiceTaken), **problems(400, 404, 409, 413)},
)
async def change_terms(
    invoice_id: KnownId,
    details: TermsDetails,
    use: Use,
    caller: Annotated[Caller, Depends(needs(Role.SERVICE, Role.MANAGER, Role.OPERATOR))],
) -> Response:
    async def book(connection: AsyncConnection, at: datetime) -> intake.Taken:
        record = await _record(connection, invoice_id)
        currency = record.invoice.amount.currency
        if any(line.amount.currency != currency for line in details.lines or ()):
            raise RefusedByRule(f"Each line is in the invoice's currency, {currency}.", kind="other_currency")
        if details.due_on is not None and details.due_on < record.invoice.issued_on:
            raise RefusedByRule(
                f"due_on {details.due_on} lies before the invoice was issued, {record.invoice.issued_on}.",
                kind="due_before_issued",
            )
        return await intake.change_terms(
            connection,
            change_id=details.change_id,
            invoice_id=invoice_id,
            due_on=details.due_on,
            ladder=details.ladder,
            lines=None if details.lines is None else tuple(_line(line) for line in details.lines),
            draft=details.draft,
            by=caller.name,
            at=at,
        )

    return await facts.take(use, f"terms:{details.change_id}", book)


@router.post(
    "/invoices/{invoice_id:path}/withdraw",
    operation_id="withdraw_invoice",
    summary="Take an invoice out of collection",
    description="Cancelled, billed in error, collected elsewhere: its workflow closes.",
    response_model=InvoiceTaken,
    status_code=201,
    responses={**facts.stored(InvoiceTaken), **problems(400, 404, 409, 413)},
)
async def withdraw_invoice(
    invoice_id: KnownId,
    withdrawal: Withdrawal,
    use: Use,
    caller: Annotated[Caller, Depends(needs(Role.SERVICE, Role.MANAGER, Role.OPERATOR))],
) -> Response:
    async def book(connection: AsyncConnection, at: datetime) -> intake.Taken:
        await _record(connection, invoice_id)
        return await intake.withdraw_invoice(
            connection,
            change_id=withdrawal.change_id,
            invoice_id=invoice_id,
            because=withdrawal.because,
            by=caller.name,
            at=at,
        )

    return await facts.take(use, f"withdrawal:{withdrawal.change_id}", book)


def run_in_the_ui(use: Services, invoice_id: str) -> str | None:
    if use.options.temporal_ui is None:
        return None
    workflow_id = quote(names.invoice_workflow_id(invoice_id), safe="")
    return f"{use.options.temporal_ui}/namespaces/{quote(use.options.namespace, safe='')}/workflows/{workflow_id}"


async def _record(connection: AsyncConnection, invoice_id: str) -> InvoiceRecord:
    record = await invoices.find_invoice(connection, invoice_id)
    if record is None:
        raise NotFound(f"There is no invoice {invoice_id}.")
    return record


def _line(line: LineDetails) -> InvoiceLine:
    return InvoiceLine(description=line.description, amount=line.amount.money, quantity=line.quantity)


def _view(record: InvoiceRecord) -> dict[str, Any]:
    view = record.model_dump()
    view |= view.pop("invoice")
    return _with_amounts(view)


def _entry(entry: LedgerEntry) -> dict[str, Any]:
    return _with_amounts(entry.model_dump(exclude={"customer_id", "invoice_id"}))


def _with_amounts(value: Any) -> Any:
    """Amounts as `MoneyJson`, which may be larger here than a request may name."""
    if isinstance(value, dict):
        if value.keys() == {"minor", "currency"}:
            return MoneyJson.of(Money(**value))
        return {name: _with_amounts(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_with_amounts(inner) for inner in value]
    return value
